use std::fmt;
use std::sync::Arc;

use super::ScopeName;

/// The scopes that a key holds: sorted, without repeats, cheap to clone.
///
/// ```
/// use keygate::{ScopeName, ScopeSet};
///
/// let (read, write) = (ScopeName::from_static("links:read"), ScopeName::from_static("links:write"));
/// let set = ScopeSet::from_iter([write.clone(), read.clone(), read.clone()]);
/// assert!(set.contains(&write));
/// assert_eq!(set.iter().collect::<Vec<_>>(), [&read, &write]);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct ScopeSet(Arc<[ScopeName]>);

impl ScopeSet {
    /// The set with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Whether the scope is in the set.
    #[must_use]
    pub fn contains(&self, scope: &ScopeName) -> bool {
        // Sets are small: a scan beats a search by halves.
        self.0.iter().any(|held| held == scope)
    }

    /// What both sets hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.iter().filter(|scope| other.contains(scope)).cloned().collect()
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> std::slice::Iter<'_, ScopeName> {
        self.0.iter()
    }

    /// How many scopes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<ScopeName> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = ScopeName>>(scopes: I) -> Self {
        let mut scopes: Vec<_> = scopes.into_iter().collect();
        scopes.sort();
        scopes.dedup();
        Self(scopes.into())
    }
}

impl<'a> IntoIterator for &'a ScopeSet {
    type Item = &'a ScopeName;
    type IntoIter = std::slice::Iter<'a, ScopeName>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
