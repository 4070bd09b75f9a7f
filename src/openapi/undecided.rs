use std::fmt;

use serde_json::Value;

use super::access::Access;
use super::layers::Outline;

/// The extension of an operation that has no good reason to be as open or as closed as it is.
pub(super) const KEY: &str = "x-undecided";

/// An operation of which nobody has decided who may call it; see [the module](super).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undecided {
    /// In upper case.
    pub method: String,
    /// As it stands in the document.
    pub path: String,
    /// What is missing.
    pub reason: Reason,
}

/// What is missing for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No argument of the handler says anything: neither a caller nor that there need be none.
    Silent,
    /// The handler asks for a caller, and no `AuthLayer` was described around it.
    Unguarded,
    /// The handler says `Public`, and a layer around it asks for a key.
    Contradictory,
}

impl Reason {
    /// The word for it, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Unguarded => "unguarded",
            Self::Contradictory => "contradictory",
        }
    }

    /// The reason that a word of [`Self::as_str`] stands for.
    fn from_word(word: &str) -> Option<Self> {
        [Self::Silent, Self::Unguarded, Self::Contradictory]
            .into_iter()
            .find(|reason| reason.as_str() == word)
    }

    pub(super) fn of(access: &Access, layers: &Outline) -> Option<Self> {
        match (access, &layers.auth) {
            (Access::Unsaid, _) => Some(Self::Silent),
            (Access::Key(_) | Access::Optional, None) => Some(Self::Unguarded),
            (Access::Public, Some(auth)) if !auth.anonymous => Some(Self::Contradictory),
            _ => None,
        }
    }
}

/// Why an operation is undecided, by its extension and whether it has security requirements: one that
/// has neither was never finished.
pub(super) fn reason(flag: Option<&Value>, is_decided: bool) -> Option<Reason> {
    match flag.and_then(Value::as_str) {
        Some(word) => Some(Reason::from_word(word).unwrap_or(Reason::Silent)),
        None => (!is_decided).then_some(Reason::Silent),
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.reason {
            Reason::Silent => "no argument of its handler says who may call",
            Reason::Unguarded => "its handler asks for a caller, and no `AuthLayer` is around it",
            Reason::Contradictory => "its handler says `Public`, and a layer asks for a key",
        };
        write!(f, "{} {}: {why}", self.method, self.path)
    }
}
