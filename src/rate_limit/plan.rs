use std::fmt;
use std::sync::Arc;

/// The name of a plan, such as `starter`: 1 to 64 characters of `A-Z a-z 0-9 _ -`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanName(Arc<str>);

/// Why a text is no name of a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a plan's name is 1 to 64 characters of `A-Z a-z 0-9 _ -`")]
#[non_exhaustive]
pub struct InvalidPlanName;

impl PlanName {
    /// Takes a name as text.
    ///
    /// # Errors
    ///
    /// [`InvalidPlanName`] if it is empty, too long or has other characters.
    pub fn parse(name: &str) -> Result<Self, InvalidPlanName> {
        let fits = (1..=64).contains(&name.len());
        let known = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if fits && known { Ok(Self(name.into())) } else { Err(InvalidPlanName) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PlanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}
