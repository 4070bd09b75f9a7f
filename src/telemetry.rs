//! Log lines: the only file that names them.

/// A layer that cannot do its work; `what` says what is missing.
pub(crate) fn misconfigured(what: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::error!(what, "the service is misconfigured");
    #[cfg(not(feature = "tracing"))]
    let _ = what;
}

/// Newcomers shared one bucket, as there were as many as allowed.
pub(crate) fn buckets_overflowed(requests: u64, most: usize) {
    #[cfg(feature = "tracing")]
    tracing::warn!(requests, most, "rate limit: too many buckets, newcomers share one");
    #[cfg(not(feature = "tracing"))]
    let _ = (requests, most);
}

/// A service inside panicked; the answer is a 500.
pub(crate) fn panicked(text: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(panic = text, "a handler panicked");
    #[cfg(not(feature = "tracing"))]
    let _ = text;
}
