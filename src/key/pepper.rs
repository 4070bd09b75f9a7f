use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::KeyHash;

/// The fewest bytes of a pepper.
const SHORTEST: usize = 32;

/// The block of SHA-256, in bytes: what HMAC makes of a key of any length.
const BLOCK: usize = 64;

/// A secret that the stored hashes depend on and that the database does not hold.
///
/// With a pepper a store has HMAC-SHA-256(pepper, SHA-256(text)) instead of SHA-256(text): who can
/// write to the database, but does not know the pepper, cannot plant a key that works. Its memory
/// is cleared when it is dropped, and `Debug` does not show it.
///
/// ```
/// use keygate::{KeyHash, Pepper};
///
/// let pepper = Pepper::new(*b"0123456789abcdef0123456789abcdef")?;
/// let plain = KeyHash::of(b"ck_live_something");
/// assert_ne!(pepper.hash(&plain), plain);
/// assert!(Pepper::new("too short").is_err());
/// # Ok::<(), keygate::InvalidPepper>(())
/// ```
pub struct Pepper(Box<[u8; BLOCK]>);

/// Why a secret is no [`Pepper`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a pepper has at least {SHORTEST} bytes, this one has {length}")]
#[non_exhaustive]
pub struct InvalidPepper {
    /// How many bytes were given.
    pub length: usize,
}

impl Pepper {
    /// Takes a secret of at least 32 bytes, which should be random: `openssl rand -hex 32`.
    ///
    /// # Errors
    ///
    /// [`InvalidPepper`] if it is shorter.
    pub fn new(secret: impl Into<Vec<u8>>) -> Result<Self, InvalidPepper> {
        let secret = Zeroizing::new(secret.into());
        if secret.len() < SHORTEST {
            return Err(InvalidPepper { length: secret.len() });
        }
        // RFC 2104, section 2: a key longer than a block is hashed, a shorter one gets zeros.
        let mut pepper = Self(Box::new([0; BLOCK]));
        if secret.len() <= BLOCK {
            pepper.0.iter_mut().zip(secret.iter()).for_each(|(place, byte)| *place = *byte);
        } else {
            let digest = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(&*secret)));
            pepper.0.iter_mut().zip(digest.iter()).for_each(|(place, byte)| *place = *byte);
        }
        Ok(pepper)
    }

    /// What is stored for a key whose plain hash this is.
    #[must_use]
    pub fn hash(&self, plain: &KeyHash) -> KeyHash {
        let mut mac = Hmac::<Sha256>::new((&*self.0).into());
        mac.update(plain.as_bytes());
        KeyHash::from_bytes(mac.finalize().into_bytes().into())
    }
}

impl Drop for Pepper {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_hmac_sha_256_for_secrets_of_every_length() {
        let plain = KeyHash::of(b"ck_live_something");
        for length in [32, 63, 64, 65, 200] {
            let secret: Vec<u8> = (0..length).collect();
            let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
            mac.update(plain.as_bytes());
            let expected: [u8; 32] = mac.finalize().into_bytes().into();
            assert_eq!(*Pepper::new(secret).unwrap().hash(&plain).as_bytes(), expected);
        }
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_shown() {
        assert_eq!(Pepper::new(vec![7; 31]).unwrap_err(), InvalidPepper { length: 31 });
        assert_eq!(format!("{:?}", Pepper::new(vec![7; 32]).unwrap()), "Pepper(…)");
    }
}
