//! Keeps key texts out of log lines, messages and kept request ids.
//!
//! What a key of *this* service looks like is the keyring's knowledge; here the form that all
//! formats share suffices: words and at least 22 random letters and digits (128 bits of base62),
//! joined by `_`, as in `ck_live_…`. Ids of objects with one word (`plink_…`) and UUIDs stay.

use std::borrow::Cow;

/// The fewest random characters of a key.
const RANDOM: usize = 22;

/// What stands in the place of a key.
const REDACTED: &str = "[redacted]";

/// Whether a key text could stand somewhere in the text.
pub(crate) fn holds_key(text: &str) -> bool {
    text.split(|c| !in_key(c)).any(is_key)
}

/// The text with every key text in it replaced.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    if !holds_key(text) {
        return text.into();
    }
    let mut clean = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c| !in_key(c)) {
        let word = piece.trim_end_matches(|c| !in_key(c));
        let tail = piece.get(word.len()..).unwrap_or_default();
        clean.push_str(if is_key(word) { REDACTED } else { word });
        clean.push_str(tail);
    }
    clean.into()
}

/// The path with every segment replaced that holds a key text, plain or percent-encoded.
pub(crate) fn redact_path(path: &str) -> Cow<'_, str> {
    let secret = |segment: &str| holds_key(&decoded(segment));
    if !path.split('/').any(secret) {
        return path.into();
    }
    let segments: Vec<_> =
        path.split('/').map(|part| if secret(part) { REDACTED } else { part }).collect();
    segments.join("/").into()
}

/// The text cut to at most `limit` bytes, with a mark where it was cut.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return text.into();
    }
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default()).into()
}

fn in_key(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn is_key(word: &str) -> bool {
    word.split('_').skip(2).any(|part| part.len() >= RANDOM)
}

/// Takes away percent-encoding; what is not UTF-8 afterwards is no key.
fn decoded(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return segment.into();
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        (bytes, rest) = match (first, tail) {
            (b'%', [high, low, after @ ..]) => match hex(*high).zip(hex(*low)) {
                Some((high, low)) => (pushed(bytes, high << 4 | low), after),
                None => (pushed(bytes, b'%'), tail),
            },
            (byte, _) => (pushed(bytes, *byte), tail),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

fn pushed(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = concat!("ck_", "live_", "0123456789ABCDEFGHIJKLMNOPQRSTUV");

    #[test]
    fn s1_a_key_in_a_path_is_replaced_and_ids_are_not() {
        let encoded = KEY.replace('_', "%5F");
        let table = [
            ("/".to_owned(), "/"),
            ("/api/v1/links/plink_0123456789abcdefghijklmnop".to_owned(), ""),
            ("/o/123e4567-e89b-12d3-a456-426614174000".to_owned(), ""),
            (format!("/api/{KEY}/x"), "/api/[redacted]/x"),
            (format!("/api/x{KEY};v=1"), "/api/[redacted]"),
            (format!("/{encoded}"), "/[redacted]"),
            ("/100%".to_owned(), ""),
            ("/%zz/%4".to_owned(), ""),
            (format!("/%ff{KEY}"), "/[redacted]"),
        ];
        for (path, expected) in table {
            let expected = if expected.is_empty() { path.as_str() } else { expected };
            assert_eq!(redact_path(&path), expected);
        }
    }

    #[test]
    fn s1_a_key_in_a_message_is_replaced() {
        let text = format!("unknown variant `{KEY}`, expected `a_b_c`: é {KEY}");
        assert_eq!(redact(&text), "unknown variant `[redacted]`, expected `a_b_c`: é [redacted]");
        assert!(matches!(redact("nothing here_to_see"), Cow::Borrowed(_)));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("aééé", 4), "aé…");
    }
}
