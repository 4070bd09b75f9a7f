//! Reads `src/**` just well enough to know which paths each file names.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// A path in code, segment by segment: `["crate", "key", "KeyId"]`.
pub(crate) type Segments = Vec<String>;

/// A file of the library without comments, string contents and test modules.
#[derive(Debug)]
pub(crate) struct Source {
    /// Below `src`, without the extension and a final `mod`: `rate_limit/quota`, `rate_limit`.
    pub(crate) name: String,
    /// Whether it is `lib.rs` or a `mod.rs`, which re-export what lies below them.
    pub(crate) is_folder: bool,
    /// The code that remains.
    pub(crate) code: String,
    /// Every path with two or more segments, `use` trees spread out.
    pub(crate) paths: Vec<Segments>,
    /// What `use` declarations call things: name to path.
    names: HashMap<String, Segments>,
}

impl Source {
    /// The absolute form of a path that starts with `crate`, `self` or `super`, without `crate`.
    pub(crate) fn absolute(&self, path: &[String]) -> Option<Segments> {
        let mut base = self.module();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => base.clear(),
            "self" | "super" => {}
            _ => return None,
        }
        while let Some((first, tail)) = rest.split_first() {
            match first.as_str() {
                "crate" | "self" => {}
                "super" => drop(base.pop()),
                _ => break,
            }
            rest = tail;
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The path with its first segment replaced by what a `use` declaration says it is.
    pub(crate) fn spelled_out(&self, path: &[String]) -> Segments {
        let imported = path.first().and_then(|first| self.names.get(first));
        let Some((imported, (_, rest))) = imported.zip(path.split_first()) else {
            return path.to_vec();
        };
        imported.iter().chain(rest).cloned().collect()
    }

    fn module(&self) -> Segments {
        self.name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}

/// Every file below `src` that is not a test, by name.
pub(crate) fn read_all(src: &Path) -> HashMap<String, Source> {
    let mut sources = HashMap::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src is readable") {
            let path = entry.expect("src is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = read(src, &path);
                sources.insert(source.name.clone(), source);
            }
        }
    }
    sources.retain(|name, _| !name.split('/').any(|part| part == "tests"));
    sources
}

/// The file in which the item at an absolute path lives, re-exports followed.
pub(crate) fn owner<'s>(
    sources: &'s HashMap<String, Source>,
    path: &[String],
) -> Option<&'s Source> {
    let mut path = path.to_vec();
    // As many re-exports as any path here goes through, and an end to cycles.
    for _ in 0..8 {
        let (source, rest) = (0..=path.len()).rev().find_map(|length| {
            let (module, rest) = path.split_at(length);
            sources.get(&module.join("/")).map(|source| (source, rest))
        })?;
        let Some((name, inner)) = rest.split_first() else { return Some(source) };
        let Some(target) = source.names.get(name) else { return Some(source) };
        let mut next = match source.absolute(target) {
            Some(next) => next,
            // `pub use child::Name` in a folder's file, or a name of another crate.
            None => source.module().into_iter().chain(target.iter().cloned()).collect(),
        };
        next.extend_from_slice(inner);
        if next == path {
            return Some(source);
        }
        path = next;
    }
    None
}

fn read(src: &Path, path: &Path) -> Source {
    let name = path.strip_prefix(src).expect("a file of src").with_extension("");
    let name = name.to_str().expect("UTF-8 names").replace('\\', "/");
    parse(&name, &fs::read_to_string(path).expect("src is readable"))
}

/// Reads the text of `src/{file}.rs`.
pub(crate) fn parse(file: &str, text: &str) -> Source {
    let is_folder = file == "lib" || file == "mod" || file.ends_with("/mod");
    let name = if file == "lib" { "" } else { file.strip_suffix("/mod").unwrap_or(file) };
    let code = without_tests(&without_comments(text));
    let (mut paths, mut names) = (Vec::new(), HashMap::new());
    collect(&tokens(&code), &mut paths, &mut names);
    Source { name: name.to_owned(), is_folder, code, paths, names }
}

/// Blanks comments, and what stands between quotes.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if rest.starts_with("r#\"") => rest[3..].find("\"#").map_or(rest.len(), |e| e + 5),
            '"' => string_end(rest),
            '\'' => char_end(rest),
            _ => 0,
        };
        if skipped == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[skipped..];
        }
    }
    code
}

fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'\\' => escaped = !escaped,
            b'"' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

/// The length of a character literal, 0 for a lifetime.
fn char_end(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, _))) => {
            text[at + 1..].find('\'').map_or(text.len(), |end| at + end + 2)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// Cuts every item marked `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        rest = &rest[at + MARK.len()..];
        rest = &rest[item_end(rest)..];
    }
    kept + rest
}

fn item_end(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = match word {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            word => word,
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

fn collect(tokens: &[&str], paths: &mut Vec<Segments>, names: &mut HashMap<String, Segments>) {
    let mut at = 0;
    while at < tokens.len() {
        let joined = at > 0 && matches!(tokens[at - 1], "::" | ".");
        if tokens[at] == "use" && !joined {
            at = use_tree(tokens, at + 1, &Vec::new(), &mut |name, path: Segments| {
                names.insert(name, path.clone());
                paths.push(path);
            });
        } else if is_word(tokens[at]) && !joined {
            let (path, next) = inline_path(tokens, at);
            if path.len() > 1 {
                paths.push(path);
            }
            at = next;
        } else {
            at += 1;
        }
    }
}

fn inline_path(tokens: &[&str], start: usize) -> (Segments, usize) {
    let mut path = vec![tokens[start].to_owned()];
    let mut at = start + 1;
    while tokens.get(at) == Some(&"::") && tokens.get(at + 1).is_some_and(|next| is_word(next)) {
        path.push(tokens[at + 1].to_owned());
        at += 2;
    }
    (path, at)
}

/// Reports each leaf of a `use` declaration and returns where the declaration's branch ends.
fn use_tree(
    tokens: &[&str],
    start: usize,
    prefix: &Segments,
    leaf: &mut dyn FnMut(String, Segments),
) -> usize {
    let mut path = prefix.clone();
    let mut at = start;
    while let Some(&token) = tokens.get(at) {
        match token {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|&next| next != "}") {
                    let branch = use_tree(tokens, at, &path, leaf);
                    let ended = branch == at || tokens.get(branch) == Some(&",");
                    at = branch + usize::from(ended);
                }
                return at + 1;
            }
            "as" => {
                leaf(tokens.get(at + 1).copied().unwrap_or("_").to_owned(), path);
                return at + 2;
            }
            word if is_word(word) => {
                // `self` in a group is the group's own path.
                if word != "self" || path.is_empty() {
                    path.push(word.to_owned());
                }
                at += 1;
            }
            // `,` and `}` of the group around, `;`, or a glob.
            other => {
                let name = path.last().cloned().unwrap_or_default();
                let name = if other == "*" { format!("*{}", path.join("/")) } else { name };
                leaf(name, path);
                return at + usize::from(other == "*");
            }
        }
    }
    at
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
