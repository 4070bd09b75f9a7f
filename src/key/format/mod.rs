use std::fmt;

use super::alphabet::Alphabet;
use super::{ModeWords, checksum};
use crate::{KeyKind, Mode};

/// The longest prefix and the longest mode word, in bytes.
pub(super) const MAX_PART: usize = 32;

/// The longest text of a key, in bytes: what is longer is refused unread.
pub(crate) const MAX_TEXT: usize = 256;

/// The longest random part: two parts, two underscores and a checksum beside it fit any text.
const MAX_RANDOM: usize = MAX_TEXT - 2 * (MAX_PART + 1) - checksum::LENGTH;

/// How many random characters a hint shows.
pub(super) const HINT_RANDOM: usize = 6;

/// What the text of a key looks like: `PREFIX_WORD_RANDOM`.
///
/// Such as `ck_live_` and 32 characters.
///
/// * The **prefix** names the service or the type of the key. It is 1 to 32 characters: small
///   letters and digits, with single underscores inside, beginning with a letter.
/// * The **word** tells the mode: `live` or `test` unless [`words`](Self::words) says otherwise.
/// * The **random part** is of base62 (`0-9A-Za-z`) or of small hexadecimal digits, at least
///   128 bits (22 or 32 characters) and at most 184 characters long.
/// * A **checksum** of six characters may follow, see [`checksum`](Self::checksum).
///
/// So a whole text has at most 256 bytes.
///
/// ```
/// use keygate::{KeyFormat, KeyKind, Mode};
///
/// let secret = KeyFormat::lower_hex("sk", 64)?;
/// let publishable = KeyFormat::lower_hex("pk", 64)?.publishable();
/// assert!(secret.generate(Mode::Live)?.expose().starts_with("sk_live_"));
/// assert_eq!(publishable.kind(), KeyKind::Publishable);
/// assert!(!secret.overlaps(&publishable));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct KeyFormat {
    prefix: Box<str>,
    words: ModeWords,
    /// What stands before the random part of a live key, the last underscore included.
    live_head: Box<str>,
    test_head: Box<str>,
    alphabet: Alphabet,
    length: usize,
    checksum: bool,
    kind: KeyKind,
}

/// Why a [`KeyFormat`] or its [`ModeWords`] cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKeyFormat {
    /// The prefix has another form.
    #[error(
        "the prefix `{prefix}` is not 1 to {MAX_PART} characters of `a-z 0-9` with single \
         underscores inside, beginning with a letter"
    )]
    Prefix {
        /// What was given.
        prefix: String,
    },
    /// The random part would be too easily guessed, or the text too long.
    #[error("a random part of {length} characters: it takes {shortest} (128 bits) to {longest}")]
    Length {
        /// What was given, in characters.
        length: usize,
        /// The fewest characters that this alphabet allows.
        shortest: usize,
        /// The most.
        longest: usize,
    },
    /// A mode word has another form.
    #[error(
        "the mode word `{word}` is not 1 to {MAX_PART} characters of `a-z 0-9`, beginning with a \
         letter"
    )]
    Word {
        /// What was given.
        word: String,
    },
    /// One word for both modes.
    #[error("both modes are called `{word}`: give them different words")]
    SameWords {
        /// What was given twice.
        word: String,
    },
}

/// A text that has the form of a key. Whether it is one, only the store knows.
#[derive(Clone, Copy)]
pub(crate) struct ParsedKey<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) mode: Mode,
    pub(crate) kind: KeyKind,
}

impl KeyFormat {
    /// Keys with a random part of `length` characters of `0-9A-Za-z`, 22 to 184.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyFormat`] if the prefix or the length is not allowed.
    pub fn base62(prefix: &str, length: usize) -> Result<Self, InvalidKeyFormat> {
        Self::new(prefix, length, Alphabet::Base62)
    }

    /// Keys with a random part of `length` characters of `0-9a-f`, 32 to 184.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyFormat`] if the prefix or the length is not allowed.
    pub fn lower_hex(prefix: &str, length: usize) -> Result<Self, InvalidKeyFormat> {
        Self::new(prefix, length, Alphabet::LowerHex)
    }

    /// Sets what the two modes are called in the text: `live` and `test` unless set.
    #[must_use]
    pub fn words(self, words: ModeWords) -> Self {
        let [live_head, test_head] = heads(&self.prefix, &words);
        Self { words, live_head, test_head, ..self }
    }

    /// Puts six characters behind the random part: its CRC-32 (IEEE) in base62, left-padded with
    /// `0`, the way [GitHub's tokens] have it. Without this call there is no checksum.
    ///
    /// A mistyped key is then refused without a look-up, and a scanner can tell a key from a text
    /// that looks like one. Prefix and word are not covered.
    ///
    /// [GitHub's tokens]: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
    #[must_use]
    pub fn checksum(self) -> Self {
        Self { checksum: true, ..self }
    }

    /// Makes these keys publishable: they may be seen by everyone, and open nothing unless
    /// `AuthLayer` is told to accept them. Without this call they are secret.
    #[must_use]
    pub fn publishable(self) -> Self {
        Self { kind: KeyKind::Publishable, ..self }
    }

    /// What the texts begin with, without the underscore.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Secret or publishable.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The word for a mode.
    #[must_use]
    pub fn word(&self, mode: Mode) -> &str {
        self.words.word(mode)
    }

    /// The mode that a word stands for.
    #[must_use]
    pub fn mode(&self, word: &str) -> Option<Mode> {
        self.words.mode(word)
    }

    /// The regular expression of these keys, for secret scanners and log filters.
    ///
    /// It matches every key and no text of another form; what remains to be checked is the
    /// checksum. `\b` at both ends keeps it from matching inside a longer word, so a hash that
    /// happens to contain a key's characters is not reported, while quotes, `=`, `:` and line ends
    /// may touch a key. It has no look-around and no captures: PCRE, RE2, Hyperscan and Rust's
    /// `regex` all take it.
    ///
    /// ```
    /// let format = keygate::KeyFormat::base62("ck", 32)?;
    /// assert_eq!(format.pattern(), r"\bck_(?:live|test)_[0-9A-Za-z]{32}\b");
    /// # Ok::<(), keygate::InvalidKeyFormat>(())
    /// ```
    #[must_use]
    pub fn pattern(&self) -> String {
        let (live, test) = (self.word(Mode::Live), self.word(Mode::Test));
        let random = format!("{}{{{}}}", self.alphabet.class(), self.length);
        let tail = if self.checksum { checksum::PATTERN } else { "" };
        format!(r"\b{}_(?:{live}|{test})_{random}{tail}\b", self.prefix)
    }

    /// Whether one text could be of both formats. A keyring does not take two such formats.
    ///
    /// ```
    /// use keygate::KeyFormat;
    ///
    /// let old = KeyFormat::base62("ck", 32)?;
    /// assert!(old.overlaps(&KeyFormat::lower_hex("ck", 32)?));
    /// assert!(!old.overlaps(&KeyFormat::base62("ck", 40)?));
    /// # Ok::<(), keygate::InvalidKeyFormat>(())
    /// ```
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        // Heads end in an underscore and random parts have none, so one text has one head. Of one
        // head and length there is always a text in both: hexadecimal digits are of base62 too,
        // and some random part has the checksum that the other format's characters spell.
        let heads = [&self.live_head, &self.test_head];
        let others = [&other.live_head, &other.test_head];
        heads.iter().any(|head| others.contains(head)) && self.body_length() == other.body_length()
    }

    /// The mode and kind of a text, if it is of this format.
    ///
    /// No allocation, no hash, no look-up.
    pub(crate) fn parse<'t>(&self, text: &'t [u8]) -> Option<ParsedKey<'t>> {
        let (mode, body) = match text.strip_prefix(self.live_head.as_bytes()) {
            Some(body) => (Mode::Live, body),
            None => (Mode::Test, text.strip_prefix(self.test_head.as_bytes())?),
        };
        // The length comes first: oversized input is not read.
        if body.len() != self.body_length() {
            return None;
        }
        let (random, tail) = body.split_at_checked(self.length)?;
        let whole = !self.checksum || checksum::fits(tail, random);
        (whole && self.alphabet.covers(random)).then_some(ParsedKey { text, mode, kind: self.kind })
    }

    pub(super) fn head(&self, mode: Mode) -> &str {
        match mode {
            Mode::Live => &self.live_head,
            Mode::Test => &self.test_head,
        }
    }

    pub(super) fn alphabet(&self) -> Alphabet {
        self.alphabet
    }

    pub(super) fn random_length(&self) -> usize {
        self.length
    }

    pub(super) fn has_checksum(&self) -> bool {
        self.checksum
    }

    /// The length of what follows the head.
    pub(super) fn body_length(&self) -> usize {
        self.length + if self.checksum { checksum::LENGTH } else { 0 }
    }

    fn new(prefix: &str, length: usize, alphabet: Alphabet) -> Result<Self, InvalidKeyFormat> {
        if !is_word(prefix) {
            return Err(InvalidKeyFormat::Prefix { prefix: prefix.into() });
        }
        let (shortest, longest) = (alphabet.shortest(), MAX_RANDOM);
        if !(shortest..=longest).contains(&length) {
            return Err(InvalidKeyFormat::Length { length, shortest, longest });
        }
        let words = ModeWords::default();
        let [live_head, test_head] = heads(prefix, &words);
        let (prefix, kind) = (prefix.into(), KeyKind::Secret);
        Ok(Self { prefix, words, live_head, test_head, alphabet, length, checksum: false, kind })
    }
}

impl fmt::Debug for ParsedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text may be a key: it is never shown.
        let mut shown = f.debug_struct("ParsedKey");
        shown.field("mode", &self.mode).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Whether a text can be a prefix.
pub(super) fn is_word(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=MAX_PART).contains(&text.len())
        && text.bytes().all(known)
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('_')
        && !text.contains("__")
}

fn heads(prefix: &str, words: &ModeWords) -> [Box<str>; 2] {
    [Mode::Live, Mode::Test].map(|mode| format!("{prefix}_{}_", words.word(mode)).into())
}

#[cfg(test)]
mod tests;
