use super::{Scope, ScopeName};

/// A declared scope: its name and what it grants.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ScopeDefinition {
    /// The name that keys are issued with.
    pub name: ScopeName,
    /// What it grants, for people.
    pub description: &'static str,
}

/// Every scope that keys of a service can be issued with.
///
/// [`scopes!`](crate::scopes) makes it. The empty one (`default`) lets keys hold no scope at all.
///
/// ```
/// use keygate::{Scope, ScopeName};
///
/// keygate::scopes! {
///     catalogue SCOPES;
///     /// Retrieve events.
///     EventsRead = "events:read";
/// }
///
/// assert!(SCOPES.contains(&EventsRead::NAME));
/// assert!(!SCOPES.contains(&ScopeName::from_static("events:write")));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Catalogue(&'static [ScopeDefinition]);

impl Catalogue {
    /// Whether the scope was declared.
    #[must_use]
    pub fn contains(&self, scope: &ScopeName) -> bool {
        self.iter().any(|declared| declared.name == *scope)
    }

    /// The declared scopes in the order of their declaration.
    pub fn iter(&self) -> std::slice::Iter<'static, ScopeDefinition> {
        self.0.iter()
    }

    /// How many scopes were declared.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) const fn declared(scopes: &'static [ScopeDefinition]) -> Self {
        Self(scopes)
    }
}

impl ScopeDefinition {
    pub(super) const fn of<S: Scope>() -> Self {
        Self { name: S::NAME, description: S::DESCRIPTION }
    }
}

impl IntoIterator for &Catalogue {
    type Item = &'static ScopeDefinition;
    type IntoIter = std::slice::Iter<'static, ScopeDefinition>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
