use std::error::Error;
use std::fmt;

/// Why a store could not answer.
///
/// Opaque: the cause is [`Error::source`]. A store never puts a record's hash or a key's text
/// into it.
#[derive(Debug)]
pub struct StoreError {
    kind: Kind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Transient,
    Permanent,
    Duplicate,
}

impl StoreError {
    /// A failure that may be gone at the next try: a lost connection, a timeout.
    pub fn transient(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Transient, source: Some(source.into()) }
    }

    /// A failure that stays until somebody mends it.
    ///
    /// Such as a missing table, or a record that cannot be read.
    pub fn permanent(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Permanent, source: Some(source.into()) }
    }

    /// The id or the hash is taken.
    #[must_use]
    pub fn duplicate() -> Self {
        Self { kind: Kind::Duplicate, source: None }
    }

    /// Whether trying again may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.kind == Kind::Transient
    }

    /// Whether the id or the hash was taken.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.kind == Kind::Duplicate
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Transient => "the store did not answer",
            Kind::Permanent => "the store failed",
            Kind::Duplicate => "the store has a record with this id or hash",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}
