use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderValue;

/// The longest id, in bytes.
const MAX_LENGTH: usize = 128;

/// Ids up to this length live in the value itself: the generated ones and UUIDs.
const INLINE: usize = 38;

/// The id of a request: 1 to 128 characters of `A-Z a-z 0-9 . _ -`. Cheap to clone.
///
/// `EnvelopeLayer` puts it into the request's extensions, into the header `x-request-id` of the
/// response, into its log line and into every error:
///
/// ```
/// use keygate::envelope::RequestId;
///
/// # let request = {
/// #     let mut request = http::Request::new(());
/// #     request.extensions_mut().insert(RequestId::parse("req_01j9").unwrap());
/// #     request
/// # };
/// let id = request.extensions().get::<RequestId>().unwrap();
/// assert_eq!(id.as_str(), "req_01j9");
/// assert!(RequestId::parse("two words").is_err());
/// ```
///
/// An id is no secret and no credential.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Text);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    /// The rest of the bytes is zero, so that equal texts are equal values.
    Inline {
        length: u8,
        bytes: [u8; INLINE],
    },
    Shared(Arc<str>),
}

/// Why a text is no id of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a request id is 1 to {MAX_LENGTH} characters of `A-Z a-z 0-9 . _ -`")]
#[non_exhaustive]
pub struct InvalidRequestId;

impl RequestId {
    /// Takes an id as text.
    ///
    /// # Errors
    ///
    /// [`InvalidRequestId`] if it is empty, too long or has other characters.
    pub fn parse(id: &str) -> Result<Self, InvalidRequestId> {
        let fits = (1..=MAX_LENGTH).contains(&id.len());
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !fits || !id.bytes().all(known) {
            return Err(InvalidRequestId);
        }
        Ok(Self(Text::inline(id).unwrap_or_else(|| Text::Shared(id.into()))))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Inline { length, bytes } => bytes
                .get(..usize::from(*length))
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .unwrap_or_default(),
            Text::Shared(id) => id,
        }
    }
}

impl RequestId {
    /// Both parts are valid and together no longer than [`INLINE`]; what is more is cut off.
    pub(super) fn prefixed(prefix: &str, text: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        let mut free = bytes.as_mut_slice();
        for part in [prefix.as_bytes(), text] {
            let (taken, rest) = free.split_at_mut(part.len().min(free.len()));
            taken.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
            free = rest;
        }
        let length = INLINE - free.len();
        Self(Text::Inline { length: u8::try_from(length).unwrap_or_default(), bytes })
    }

    /// The id as a header's value.
    pub(super) fn to_header(&self) -> Option<HeaderValue> {
        let bytes = match &self.0 {
            Text::Inline { length, bytes } => bytes.get(..usize::from(*length))?,
            Text::Shared(id) => id.as_bytes(),
        };
        HeaderValue::from_bytes(bytes).ok()
    }
}

impl Text {
    fn inline(id: &str) -> Option<Self> {
        let mut bytes = [0; INLINE];
        bytes.get_mut(..id.len())?.copy_from_slice(id.as_bytes());
        Some(Self::Inline { length: u8::try_from(id.len()).ok()?, bytes })
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::parse(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h5_only_short_plain_ids_are_ids() {
        let (longest, longer) = ("a".repeat(128), "a".repeat(129));
        let good = ["a", "A-b_c.9", "123e4567-e89b-12d3-a456-426614174000", &longest];
        for id in good {
            let parsed = RequestId::parse(id).unwrap();
            assert_eq!(parsed.as_str(), id);
            assert_eq!(parsed, id.parse().unwrap());
        }
        let bad = ["", &longer, "a b", "a\"", "a\\", "a\n", "\u{1b}[1m", "é", "a\0", "a/b"];
        for id in bad {
            assert_eq!(RequestId::parse(id), Err(InvalidRequestId), "{id:?}");
        }
    }

    #[test]
    fn ids_of_every_length_keep_their_text() {
        for length in 1..=MAX_LENGTH {
            let id = "x".repeat(length);
            assert_eq!(RequestId::parse(&id).unwrap().as_str(), id);
        }
        assert!(size_of::<RequestId>() <= 40);
    }
}
