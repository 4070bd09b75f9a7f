use std::fmt;

use sha2::{Digest, Sha256};

/// SHA-256 of the text of a key: all that is stored of it, and what it is looked up by.
///
/// A key has at least 128 random bits, so nobody guesses it from its hash: a slow password hash
/// would cost each request milliseconds and protect nothing. `Display` and `Debug` write 64 small
/// hexadecimal digits.
///
/// ```
/// use keygate::KeyHash;
///
/// let hash = KeyHash::of(b"abc");
/// let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// assert_eq!(hash.to_string(), text);
/// assert_eq!(KeyHash::from_hex(text)?, hash);
/// # Ok::<(), keygate::InvalidKeyHash>(())
/// ```
///
/// # Security
///
/// Equality is not constant in time and need not be: what an attacker chooses is a text, and how
/// many leading bytes two SHA-256 values share says nothing about how near the texts are. Stores
/// look up by hash in indexes that are not constant in time either.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash([u8; 32]);

/// Why a text is no hash of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the hash of a key is 64 hexadecimal digits")]
#[non_exhaustive]
pub struct InvalidKeyHash;

impl KeyHash {
    /// The hash of a key's text.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Takes the 32 bytes of a stored hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Takes a hash as 64 hexadecimal digits, large or small.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyHash`] if there are more, fewer or other characters.
    pub fn from_hex(text: &str) -> Result<Self, InvalidKeyHash> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(InvalidKeyHash) };
        let pairs: &[[u8; 2]; 32] = pairs.try_into().map_err(|_| InvalidKeyHash)?;
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }

    /// The 32 bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({self})")
    }
}

impl std::str::FromStr for KeyHash {
    type Err = InvalidKeyHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_hex(text)
    }
}

fn digit(character: u8) -> Result<u8, InvalidKeyHash> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        b'A'..=b'F' => Ok(character - b'A' + 10),
        _ => Err(InvalidKeyHash),
    }
}

#[cfg(test)]
mod tests {
    use super::KeyHash;

    #[test]
    fn a_hash_survives_its_text_in_both_cases() {
        let hash = KeyHash::of(b"ck_live_something");
        assert_eq!(KeyHash::from_hex(&hash.to_string()), Ok(hash));
        assert_eq!(KeyHash::from_hex(&hash.to_string().to_uppercase()), Ok(hash));
        assert_eq!(KeyHash::from_bytes(*hash.as_bytes()), hash);
    }

    #[test]
    fn a_text_of_another_length_or_alphabet_is_no_hash() {
        let bad = ["".into(), "0".repeat(63), "0".repeat(65), "0".repeat(66), "é".repeat(32)];
        for text in bad.into_iter().chain(["+f".repeat(32), "0x".repeat(32), "g0".repeat(32)]) {
            assert!(KeyHash::from_hex(&text).is_err(), "{text}");
        }
    }
}
