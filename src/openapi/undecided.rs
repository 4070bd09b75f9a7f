use std::fmt;

use serde_json::Value;

use super::access::Access;
use super::layers::{Auth, Outline};
use super::mark;
use crate::ScopeName;

/// The extension of an operation that has no good reason to be as open or as closed as it is.
pub(super) const KEY: &str = "x-undecided";

/// An operation of which nobody has decided who may call it; see [the module](super).
///
/// Its `Debug` is the sentence that its `Display` is, for the message of a failed assertion.
#[derive(Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No argument of the handler says anything: neither a caller nor that there need be none.
    Silent,
    /// The handler asks for a caller, and no `AuthLayer` was described around it.
    Unguarded,
    /// The handler says `Public`, and a layer around it asks for a key.
    Contradictory,
    /// It needs a scope that the keyring of the `AuthLayer` around it can issue to no key.
    Undeclared(ScopeName),
    /// The document was not finished: `finish` is the last step.
    Unfinished,
}

impl Reason {
    /// The word for it, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Unguarded => "unguarded",
            Self::Contradictory => "contradictory",
            Self::Undeclared(_) => "undeclared",
            Self::Unfinished => "unfinished",
        }
    }

    /// What stands in the document until it is asked for.
    pub(super) fn flag(&self) -> String {
        match self {
            Self::Undeclared(scope) => format!("{} {scope}", self.as_str()),
            _ => self.as_str().to_owned(),
        }
    }

    /// The reason that a [`Self::flag`] stands for.
    fn from_flag(flag: &str) -> Option<Self> {
        if let Some((_, scope)) = flag.split_once(' ') {
            return ScopeName::parse(scope).ok().map(Self::Undeclared);
        }
        let bare = [Self::Silent, Self::Unguarded, Self::Contradictory];
        bare.into_iter().find(|reason| reason.as_str() == flag)
    }

    pub(super) fn of(access: &Access, layers: &Outline) -> Option<Self> {
        match (access, &layers.auth) {
            (Access::Unsaid, _) => Some(Self::Silent),
            (Access::Key(_) | Access::Optional, None) => Some(Self::Unguarded),
            (Access::Public, Some(auth)) if !auth.anonymous => Some(Self::Contradictory),
            (Access::Key(ways), Some(auth)) => undeclared(ways, auth).map(Self::Undeclared),
            _ => None,
        }
    }
}

/// A scope that is needed and not declared.
fn undeclared(ways: &[Vec<String>], auth: &Auth) -> Option<ScopeName> {
    let is_declared = |scope: &&String| auth.scopes.iter().any(|(name, _)| name == *scope);
    let scope = ways.iter().flatten().find(|scope| !is_declared(scope))?;
    ScopeName::parse(scope).ok()
}

/// Why an operation is undecided, by its extensions and whether it has security requirements: one
/// that has neither a flag nor those, or a mark still, was never finished.
pub(super) fn reason<'v>(
    extension: impl Fn(&str) -> Option<&'v Value>,
    has_security: bool,
) -> Option<Reason> {
    match extension(KEY).and_then(Value::as_str) {
        Some(flag) => Some(Reason::from_flag(flag).unwrap_or(Reason::Silent)),
        None if has_security && extension(mark::KEY).is_none() => None,
        None => Some(Reason::Unfinished),
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.method, self.path)?;
        f.write_str(match &self.reason {
            Reason::Silent => "no argument of its handler says who may call",
            Reason::Unguarded => {
                "its handler asks for a caller, and no `AuthLayer` was described around it \
                 (`Layers::describe`, `utoipa::around`)"
            }
            Reason::Contradictory => "its handler says `Public`, and a layer asks for a key",
            Reason::Undeclared(scope) => {
                return write!(
                    f,
                    "it needs the scope `{scope}`, which is not among those of the keyring \
                     (`KeyringBuilder::scopes`)"
                );
            }
            Reason::Unfinished => "the document was not finished (`openapi::finish` comes last)",
        })
    }
}

impl fmt::Debug for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
