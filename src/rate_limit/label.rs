//! What a limit is called and what it counts: the same on every instance of a service.

use std::sync::Arc;

/// What tells a limit from another where several processes count together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Label {
    pub(crate) by: By,
    /// Of `A-Z a-z 0-9 _ - . : /` only.
    pub(crate) name: Arc<str>,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum By {
    Key,
    Account,
    ClientIp,
    /// Everyone together.
    Service,
}

impl Label {
    pub(crate) fn new(by: By, name: &str) -> Self {
        Self { by, name: fit(name).into() }
    }

    pub(crate) fn rename(&mut self, name: &str) {
        self.name = fit(name).into();
    }
}

/// A name as it may stand in a header and in the name of a key in Redis.
pub(crate) fn fit(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    name.replace(|c: char| !fits(c), "_")
}
