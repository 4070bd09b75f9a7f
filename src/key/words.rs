use super::InvalidKeyFormat;
use super::format::is_word;
use crate::Mode;

/// What the two modes are called in the text of a key: `live` and `test` unless set.
///
/// ```
/// use keygate::{KeyFormat, Mode, ModeWords};
///
/// let words = ModeWords::new("production", "sandbox")?;
/// let format = KeyFormat::base62("pik", 32)?.words(words);
/// assert_eq!(format.word(Mode::Test), "sandbox");
/// assert_eq!(format.mode("production"), Some(Mode::Live));
/// # Ok::<(), keygate::InvalidKeyFormat>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeWords {
    live: Box<str>,
    test: Box<str>,
}

impl ModeWords {
    /// Names both modes. A word is 1 to 32 characters of `a-z 0-9` and begins with a letter.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyFormat`] if one has another form, or if both are the same.
    pub fn new(live: &str, test: &str) -> Result<Self, InvalidKeyFormat> {
        for word in [live, test] {
            // Without underscores the word of a text ends where the random part begins.
            if !is_word(word) || word.contains('_') {
                return Err(InvalidKeyFormat::Word { word: word.into() });
            }
        }
        if live == test {
            return Err(InvalidKeyFormat::SameWords { word: live.into() });
        }
        Ok(Self { live: live.into(), test: test.into() })
    }

    /// The word for a mode.
    #[must_use]
    pub fn word(&self, mode: Mode) -> &str {
        match mode {
            Mode::Live => &self.live,
            Mode::Test => &self.test,
        }
    }

    /// The mode that a word stands for.
    #[must_use]
    pub fn mode(&self, word: &str) -> Option<Mode> {
        [Mode::Live, Mode::Test].into_iter().find(|mode| self.word(*mode) == word)
    }
}

impl Default for ModeWords {
    fn default() -> Self {
        Self { live: "live".into(), test: "test".into() }
    }
}

#[cfg(test)]
mod tests {
    use super::ModeWords;

    #[test]
    fn words_are_different_and_of_small_letters_and_digits() {
        assert!(ModeWords::new("live", "test2").is_ok());
        assert!(ModeWords::new("l", &"t".repeat(32)).is_ok());
        for (live, test) in [
            ("live", "live"),
            ("", "test"),
            ("live", ""),
            ("Live", "test"),
            ("live", "te_st"),
            ("live", "2test"),
            ("live", "tést"),
            ("live", &"t".repeat(33)),
        ] {
            assert!(ModeWords::new(live, test).is_err(), "{live} {test}");
        }
    }
}
