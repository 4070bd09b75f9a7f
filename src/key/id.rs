use std::fmt;
use std::sync::Arc;

/// The public id of a key, `key_` and random characters. No secret; cheap to clone.
///
/// Ids are made by the keyring. Texts from outside are taken as they are, so that the ids of an
/// existing system can be imported: 1 to 64 characters of `A-Z a-z 0-9 _ -`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

/// Why a text is no id of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key id is 1 to 64 characters of `A-Z a-z 0-9 _ -`")]
#[non_exhaustive]
pub struct InvalidKeyId;

impl KeyId {
    /// Takes an id as text.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyId`] if it is empty, too long or has other characters.
    pub fn parse(id: &str) -> Result<Self, InvalidKeyId> {
        let fits = (1..=64).contains(&id.len());
        let known = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if fits && known { Ok(Self(id.into())) } else { Err(InvalidKeyId) }
    }

    /// Takes an id that was just generated.
    pub(super) fn made(id: &str) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl std::str::FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::parse(id)
    }
}
