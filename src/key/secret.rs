use std::fmt;

use zeroize::Zeroizing;

use super::KeyHash;

/// The text of a key: the secret itself.
///
/// It exists once, when the key is issued; what is stored is its [hash](Self::hash). There is no
/// `Display`, `Clone` or `Serialize`, and `Debug` shows the [hint](Self::hint) only, so that it
/// does not end in a log by accident. Its memory is cleared when it is dropped.
///
/// ```
/// use keygate::{KeyFormat, Mode};
///
/// let key = KeyFormat::base62("ck", 32)?.generate(Mode::Live)?;
/// assert!(key.expose().starts_with(key.hint()));
/// assert_eq!(format!("{key:?}"), format!("ApiKey({}…)", key.hint()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// What is copied out of [`expose`](Self::expose) is the caller's to protect and is not cleared.
#[must_use = "this is the only copy of the key's text"]
pub struct ApiKey {
    text: Zeroizing<String>,
    hint_length: usize,
}

impl ApiKey {
    pub(super) fn new(text: Zeroizing<String>, hint_length: usize) -> Self {
        Self { text, hint_length }
    }

    /// The text, to be handed to the key's holder and to no one else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What lists show: prefix, mode word and the first six random characters (`ck_live_abc123`).
    ///
    /// The rest of the key still has at least 92 random bits.
    #[must_use]
    pub fn hint(&self) -> &str {
        self.text.get(..self.hint_length).unwrap_or_default()
    }

    /// What is stored: SHA-256 of the text, without a pepper.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(self.text.as_bytes())
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.text.capacity()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}…)", self.hint())
    }
}
