//! The key as text. Pure: no clock, no store.
//!
//! 1. A [`KeyFormat`] says what the text of a key looks like: `PREFIX_WORD_RANDOM`, where the word
//!    tells live from test, with a checksum behind it if so configured.
//! 2. What is not of a format is refused without a hash and without a look-up.
//! 3. An [`ApiKey`] is the text itself. It exists at issue and with its holder, nowhere else.
//! 4. A [`KeyHash`] is what is stored: SHA-256 of the whole text, with a [`Pepper`] its HMAC.
//! 5. A [`KeyId`] is the public name of a key, for lists, logs and changes.
//!
//! ```
//! use keygate::{KeyFormat, KeyHash, Mode};
//!
//! let format = KeyFormat::base62("ck", 32)?.checksum();
//! let key = format.generate(Mode::Test)?;
//! assert!(key.expose().starts_with("ck_test_"));
//! assert_eq!(key.hint().len(), "ck_test_abc123".len());
//! assert_eq!(key.hash(), KeyHash::of(key.expose().as_bytes()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alphabet;
mod checksum;
mod format;
mod generate;
mod hash;
mod id;
mod pepper;
mod secret;
mod words;

pub(crate) use format::ParsedKey;
pub use format::{InvalidKeyFormat, KeyFormat};
pub use generate::NoRandomness;
pub use hash::{InvalidKeyHash, KeyHash};
pub use id::{InvalidKeyId, KeyId};
pub use pepper::{InvalidPepper, Pepper};
pub use secret::ApiKey;
pub use words::ModeWords;
