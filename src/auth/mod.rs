//! Who may call at all.

/// The mark of a caller who may go on without a key, among the request's extensions.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Anonymous;
