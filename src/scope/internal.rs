//! What the expansion of `scopes!` calls. No part of the public interface.

use super::{Catalogue, Scope, ScopeDefinition};

/// The entry of the catalogue for a scope.
#[must_use]
pub const fn definition<S: Scope>() -> ScopeDefinition {
    ScopeDefinition::of::<S>()
}

/// The catalogue of these scopes.
///
/// # Panics
///
/// If two have the same name: a compile error, because `scopes!` calls it in a constant.
#[must_use]
pub const fn catalogue(names: &[&str], declared: &'static [ScopeDefinition]) -> Catalogue {
    let mut rest = names;
    while let [name, later @ ..] = rest {
        let mut others = later;
        while let [other, tail @ ..] = others {
            if same(name.as_bytes(), other.as_bytes()) {
                refuse("two scopes have the name `", name, "`: give each one its own");
            }
            others = tail;
        }
        rest = later;
    }
    Catalogue::declared(declared)
}

/// How long [`first_paragraph`] is, in bytes.
#[must_use]
pub const fn first_paragraph_length(text: &str) -> usize {
    write_first_paragraph(text, &mut [])
}

/// The first paragraph of a doc comment in one line: runs of white space are one space.
#[must_use]
pub const fn first_paragraph<const N: usize>(text: &str) -> [u8; N] {
    let mut line = [0; N];
    write_first_paragraph(text, &mut line);
    line
}

/// The line as text.
///
/// # Panics
///
/// If it is not UTF-8, which [`first_paragraph`] of a text always is.
#[must_use]
pub const fn text(line: &[u8]) -> &str {
    match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(_) => refuse("not UTF-8", "", ""),
    }
}

/// Stops the compilation with a sentence that names the culprit.
#[allow(clippy::panic, reason = "called in constants only: a compile error")]
pub(super) const fn refuse(before: &str, name: &str, after: &str) -> ! {
    let mut sentence = [0; 512];
    let mut length = write(&mut sentence, 0, before.as_bytes());
    length = write(&mut sentence, length, name.as_bytes());
    length = write(&mut sentence, length, after.as_bytes());
    if let Some((sentence, _)) = sentence.split_at_checked(length)
        && let Ok(sentence) = std::str::from_utf8(sentence)
    {
        panic!("{}", sentence);
    }
    // A name of half a page: the sentence does without it.
    panic!("{}", after)
}

/// Writes what fits and gives the length of the whole.
const fn write_first_paragraph(text: &str, line: &mut [u8]) -> usize {
    let (mut length, mut space, mut ends) = (0, false, 0);
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if byte.is_ascii_whitespace() {
            space = true;
            // Two ends of lines with nothing between: an empty line.
            ends += (*byte == b'\n') as usize;
            if length > 0 && ends > 1 {
                break;
            }
            continue;
        }
        if space && length > 0 {
            length = write(line, length, b" ");
        }
        length = write(line, length, &[*byte]);
        (space, ends) = (false, 0);
    }
    length
}

/// Writes `bytes` at `at` as far as there is room, and gives the place behind them.
const fn write(line: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    if let Some((_, room)) = line.split_at_mut_checked(at)
        && let Some((room, _)) = room.split_at_mut_checked(bytes.len())
    {
        room.copy_from_slice(bytes);
    }
    at + bytes.len()
}

const fn same(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([a, more @ ..], [b, others @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (more, others);
    }
    one.is_empty() && other.is_empty()
}
