use super::ScopeName;

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
}
