use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

use crate::Refusal;

/// The header that a client names its operation in.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key, in characters.
const MAX_LENGTH: usize = 255;

/// What a client calls its operation: 1 to 255 visible ASCII characters.
///
/// It is hashed together with the caller and the route, and stored nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdempotencyKey<'h>(Cow<'h, str>);

impl<'h> IdempotencyKey<'h> {
    /// Reads the one line of the header.
    ///
    /// The key stands there bare, or as a string of [RFC 8941] without parameters, as the draft of
    /// the header has it: `abc` and `"abc"` are one key.
    ///
    /// [RFC 8941]: https://www.rfc-editor.org/rfc/rfc8941#section-3.3.3
    pub(super) fn read(headers: &'h HeaderMap) -> Result<Self, Refusal> {
        let mut lines = headers.get_all(IDEMPOTENCY_KEY).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(Refusal::MalformedIdempotencyKey);
        };
        // Visible ASCII, spaces and tabs only; the latter two fall below.
        let text = line.to_str().map_err(|_| Refusal::MalformedIdempotencyKey)?;
        let key = match text.strip_prefix('"') {
            Some(rest) => unquoted(rest).ok_or(Refusal::MalformedIdempotencyKey)?,
            None => text.into(),
        };
        let fits = (1..=MAX_LENGTH).contains(&key.len());
        if fits && key.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(key))
        } else {
            Err(Refusal::MalformedIdempotencyKey)
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a quoted string stands for, of which the first quote is off; `None` if it is not one.
fn unquoted(rest: &str) -> Option<Cow<'_, str>> {
    let inner = rest.strip_suffix('"')?;
    if !inner.contains(['"', '\\']) {
        return Some(inner.into());
    }
    let (mut text, mut characters) = (String::with_capacity(inner.len()), inner.chars());
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => characters.next().filter(|next| matches!(next, '"' | '\\'))?,
            '"' => return None,
            plain => plain,
        });
    }
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(lines: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(line).unwrap());
        }
        IdempotencyKey::read(&headers).ok().map(|key| key.as_str().to_owned())
    }

    #[test]
    fn a_key_is_one_line_of_1_to_255_visible_characters_bare_or_quoted() {
        let longest = "k".repeat(255);
        let quoted = format!("\"{longest}\"");
        let good: [(&[u8], &str); 10] = [
            (b"a", "a"),
            (b"8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            (b"\"8e03978e-40d5\"", "8e03978e-40d5"),
            (b"a\"b\\c", "a\"b\\c"),
            (b"a,b;c=1", "a,b;c=1"),
            (b"\"a,b;c=1\"", "a,b;c=1"),
            (b"\"a\\\"b\\\\\"", "a\"b\\"),
            (b"\"\\\"\"", "\""),
            (longest.as_bytes(), &longest),
            (quoted.as_bytes(), &longest),
        ];
        for (line, key) in good {
            assert_eq!(read(&[line]).as_deref(), Some(key));
        }
    }

    #[test]
    fn everything_else_is_malformed() {
        let longer = "k".repeat(256);
        let quoted = format!("\"{longer}\"");
        let bad: [&[&[u8]]; 19] = [
            &[],
            &[b""],
            &[b"\""],
            &[b"\"\""],
            &[b"\"a"],
            &[b"\"a\"b"],
            &[b"\"a\";p=1"],
            &[b"\"a\\b\""],
            &[b"\"a\\\""],
            &[b"\"a\"b\""],
            &[b"a b"],
            &[b"\"a b\""],
            &[b"a\tb"],
            &[b"\xc3\xa9"],
            &[b"\xff"],
            &[longer.as_bytes()],
            &[quoted.as_bytes()],
            &[b"a", b"a"],
            &[b"a", b"b"],
        ];
        for lines in bad {
            assert_eq!(read(lines), None, "{lines:?}");
        }
    }
}
