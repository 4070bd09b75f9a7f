use rand::TryCryptoRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::alphabet::Alphabet;
use super::format::HINT_RANDOM;
use super::{ApiKey, KeyFormat, KeyId, checksum};
use crate::Mode;

/// The random characters of an id: 131 bits, so that ids never meet.
const ID_LENGTH: usize = 22;

/// The operating system's random number generator failed. Nothing was made; it may work later.
///
/// The cause is its [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[error("the operating system's random number generator failed")]
#[non_exhaustive]
pub struct NoRandomness(#[source] Box<dyn std::error::Error + Send + Sync>);

impl KeyFormat {
    /// Makes the text of a new key from the operating system's random number generator.
    ///
    /// Every character is equally likely. It is only a text: `Keyring::issue` makes keys that work.
    ///
    /// ```
    /// use keygate::{KeyFormat, Mode};
    ///
    /// let key = KeyFormat::base62("ck", 32)?.generate(Mode::Live)?;
    /// assert_eq!(key.expose().len(), "ck_live_".len() + 32);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] if the generator fails: before the system has gathered enough entropy, or
    /// in a sandbox that forbids the call.
    pub fn generate(&self, mode: Mode) -> Result<ApiKey, NoRandomness> {
        self.generate_with(mode, &mut SysRng)
    }

    /// [`Self::generate`] from a given generator.
    pub(crate) fn generate_with<R>(&self, mode: Mode, rng: &mut R) -> Result<ApiKey, NoRandomness>
    where
        R: TryCryptoRng<Error: Send + Sync + 'static>,
    {
        let head = self.head(mode);
        // All of it at once: a text that grows leaves copies behind that nobody clears.
        let mut text = Zeroizing::new(String::with_capacity(head.len() + self.body_length()));
        text.push_str(head);
        draw(self.alphabet(), self.random_length(), rng, &mut text)?;
        if self.has_checksum() {
            let tail = checksum::of(text.as_bytes().get(head.len()..).unwrap_or_default());
            text.extend(tail);
        }
        Ok(ApiKey::new(text, head.len() + HINT_RANDOM))
    }
}

impl KeyId {
    /// Makes a new id: `key_` and 22 random characters of `0-9A-Za-z`.
    ///
    /// ```
    /// let id = keygate::KeyId::generate()?;
    /// assert!(id.as_str().starts_with("key_"));
    /// # Ok::<(), keygate::NoRandomness>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] if the operating system's generator fails.
    pub fn generate() -> Result<Self, NoRandomness> {
        const PREFIX: &str = "key_";
        let mut id = String::with_capacity(PREFIX.len() + ID_LENGTH);
        id.push_str(PREFIX);
        draw(Alphabet::Base62, ID_LENGTH, &mut SysRng, &mut id)?;
        Ok(Self::made(&id))
    }
}

/// Appends `count` characters, each as likely as the others.
fn draw<R>(
    alphabet: Alphabet,
    count: usize,
    rng: &mut R,
    text: &mut String,
) -> Result<(), NoRandomness>
where
    R: TryCryptoRng<Error: Send + Sync + 'static>,
{
    let mut pool = Zeroizing::new([0_u8; 64]);
    let mut missing = count;
    while missing > 0 {
        rng.try_fill_bytes(&mut *pool).map_err(|error| NoRandomness(Box::new(error)))?;
        for character in pool.iter().filter_map(|byte| alphabet.draw(*byte)).take(missing) {
            text.push(character);
            missing -= 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::error::Error as _;

    use rand::{SeedableRng, TryCryptoRng, TryRng, rngs::StdRng};

    use super::*;

    /// A generator that fails.
    struct Broken;

    impl TryRng for Broken {
        type Error = std::fmt::Error;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Err(std::fmt::Error)
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Err(std::fmt::Error)
        }

        fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
            Err(std::fmt::Error)
        }
    }

    impl TryCryptoRng for Broken {}

    /// A generator whose first answers are all past the end of base62.
    struct Stubborn(u8);

    impl TryRng for Stubborn {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(u32::MAX)
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(u64::MAX)
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(if self.0 == 0 { 0 } else { 62 });
            self.0 = self.0.saturating_sub(1);
            Ok(())
        }
    }

    impl TryCryptoRng for Stubborn {}

    #[test]
    fn a_failing_generator_is_an_error_with_its_cause() {
        let format = KeyFormat::base62("ck", 32).unwrap();
        let error = format.generate_with(Mode::Live, &mut Broken).unwrap_err();
        assert!(error.source().is_some_and(|cause| cause.is::<std::fmt::Error>()));
    }

    #[test]
    fn bytes_past_the_alphabet_are_drawn_again() {
        let format = KeyFormat::base62("ck", 22).unwrap();
        let key = format.generate_with(Mode::Live, &mut Stubborn(3)).unwrap();
        assert_eq!(key.expose(), "ck_live_0000000000000000000000");
    }

    #[test]
    fn a_key_is_written_into_one_allocation() {
        let format = KeyFormat::base62("ck", 184).unwrap().checksum();
        let key = format.generate_with(Mode::Test, &mut StdRng::seed_from_u64(1)).unwrap();
        assert_eq!(key.capacity(), key.expose().len());
    }

    #[test]
    fn two_keys_and_two_ids_are_never_the_same() {
        let format = KeyFormat::lower_hex("sk", 64).unwrap();
        let keys = [Mode::Live, Mode::Live].map(|mode| format.generate(mode).unwrap());
        assert_ne!(keys[0].expose(), keys[1].expose());
        let (one, other) = (KeyId::generate().unwrap(), KeyId::generate().unwrap());
        assert_ne!(one, other);
        assert_eq!(KeyId::parse(one.as_str()), Ok(one.clone()));
        assert_eq!(one.as_str().len(), 26);
    }

    #[test]
    fn every_character_is_about_as_frequent_as_the_others() {
        let format = KeyFormat::base62("ck", 184).unwrap();
        let mut rng = StdRng::seed_from_u64(7);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..337 {
            let key = format.generate_with(Mode::Live, &mut rng).unwrap();
            for character in key.expose()["ck_live_".len()..].chars() {
                *seen.entry(character).or_insert(0_u32) += 1;
            }
        }
        // 62,008 draws: 1,000 of each are expected, five standard deviations are 157.
        assert_eq!(seen.len(), 62);
        assert!(seen.values().all(|count| (843..=1157).contains(count)), "{seen:?}");
    }
}
