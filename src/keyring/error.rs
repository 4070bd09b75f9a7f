use crate::store::StoreError;

/// Why a keyring did not do what it was asked.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use keygate::{KeyFormat, KeyId, Keyring, KeyringError, MemoryStore};
///
/// let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?).build()?;
/// let error = keys.revoke(&KeyId::parse("key_1")?).await.unwrap_err();
/// assert!(matches!(error, KeyringError::UnknownKey));
/// # Ok(()) }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// There is no key with this id.
    #[error("there is no key with this id")]
    UnknownKey,
    /// What was asked for is against the keyring's policy. Nothing was changed.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which part, as the management API names it.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The key is revoked: it cannot be changed any more.
    #[error("the key is revoked")]
    Revoked,
    /// The key has expired: it cannot be rotated.
    #[error("the key has expired")]
    Expired,
    /// The key has a successor already: it cannot be rotated again.
    #[error("the key was rotated already")]
    AlreadyRotated,
    /// The store failed. A change was not made, as far as the store can tell.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not answer in time: the change may have been made or not. Doing it again is
    /// safe for `revoke` and `update`; look at the list before you `issue` or `rotate` again.
    #[error("the key store did not answer in time: the change may have been made or not")]
    OutcomeUnknown,
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers")]
    NoRandomness,
    /// Called outside a tokio runtime.
    #[error("keys are changed inside a tokio runtime")]
    NoRuntime,
}

impl KeyringError {
    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { field, problem: problem.into() }
    }
}

/// Why a keyring cannot be built.
///
/// ```
/// use keygate::{InvalidKeyring, KeyFormat, Keyring, MemoryStore};
///
/// let format = KeyFormat::base62("ck", 32)?;
/// let refused = Keyring::builder(MemoryStore::new(), format).capacity(0).build().unwrap_err();
/// assert_eq!(refused, InvalidKeyring::Zero { setting: "capacity" });
/// # Ok::<(), keygate::InvalidKeyFormat>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKeyring {
    /// One text could be a key of two of the accepted formats.
    #[error(
        "a text could be a key of two accepted formats, both with the prefix `{prefix}`: give them different prefixes or lengths"
    )]
    OverlappingFormats {
        /// The prefix of the later one.
        prefix: String,
    },
    /// A capacity is zero, or a duration less than a millisecond.
    #[error("`{setting}` must be more than zero, and a duration at least a millisecond")]
    Zero {
        /// The setter.
        setting: &'static str,
    },
    /// More ways to store a hash than can be accepted at once.
    #[error("at most {most} peppers are accepted at once, no pepper counting as one")]
    TooManyPeppers {
        /// How many there may be.
        most: usize,
    },
    /// The words for the modes differ between formats.
    #[error("the accepted formats have different words for their modes")]
    DifferentWords,
}
