use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The public id of a key, `key_` and random characters. No secret; cheap to clone.
///
/// Ids are made by the keyring. Texts from outside are taken as they are, so that the ids of an
/// existing system can be imported: 1 to 64 characters of `A-Z a-z 0-9 _ -`.
///
/// ```
/// use keygate::KeyId;
///
/// assert_eq!(KeyId::parse("key_1")?.as_str(), "key_1");
/// assert!(KeyId::parse("key 1").is_err());
/// # Ok::<(), keygate::InvalidKeyId>(())
/// ```
#[derive(Clone, Eq, PartialOrd, Ord)]
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

    /// Whether both are clones of one: then nobody need read the text.
    pub(crate) fn is_clone_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl PartialEq for KeyId {
    fn eq(&self, other: &Self) -> bool {
        self.is_clone_of(other) || self.0 == other.0
    }
}

impl Hash for KeyId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
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
