use std::fmt;
use std::sync::Arc;

use super::internal;

/// The longest name of a scope, in bytes.
const MAX_LENGTH: usize = 128;

/// The name of a scope, such as `links:read`.
///
/// 1 to 128 characters that [RFC 6749 section 3.3] allows in a scope: visible ASCII without
/// `"` and `\`. Cheap to clone.
///
/// ```
/// use keygate::ScopeName;
///
/// assert_eq!(ScopeName::parse("links:read")?.as_str(), "links:read");
/// assert!(ScopeName::parse("two words").is_err());
/// # Ok::<(), keygate::InvalidScope>(())
/// ```
///
/// [RFC 6749 section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
#[derive(Clone)]
pub struct ScopeName(Text);

#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

/// Why a text is no name of a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is 1 to {MAX_LENGTH} visible ASCII characters without spaces, quotes and backslashes"
)]
#[non_exhaustive]
pub struct InvalidScope;

impl ScopeName {
    /// Takes a name known at compile time.
    ///
    /// # Panics
    ///
    /// If the name is not valid; in a `const` that is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn from_static(name: &'static str) -> Self {
        if !is_valid(name.as_bytes()) {
            internal::refuse(
                "the scope `",
                name,
                "` is not 1 to 128 visible ASCII characters without spaces, quotes and backslashes",
            );
        }
        Self(Text::Static(name))
    }

    /// Takes a name from outside.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] if the text is empty, too long or has a character that a scope may not
    /// have.
    pub fn parse(name: &str) -> Result<Self, InvalidScope> {
        if is_valid(name.as_bytes()) {
            Ok(Self(Text::Shared(name.into())))
        } else {
            Err(InvalidScope)
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Static(name) => name,
            Text::Shared(name) => name,
        }
    }
}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for ScopeName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ScopeName {}

impl PartialOrd for ScopeName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ScopeName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl std::hash::Hash for ScopeName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl std::str::FromStr for ScopeName {
    type Err = InvalidScope;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::parse(name)
    }
}

const fn is_valid(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > MAX_LENGTH {
        return false;
    }
    let mut rest = name;
    while let [first, tail @ ..] = rest {
        if !matches!(*first, 0x21 | 0x23..=0x5B | 0x5D..=0x7E) {
            return false;
        }
        rest = tail;
    }
    true
}
