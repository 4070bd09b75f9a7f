//! How much a test measures.

/// The figure's full size if `KEYGATE_SIZE=full`, which is minutes, or one that fits a test run.
pub(crate) fn size(full: usize, quick: usize) -> usize {
    if std::env::var("KEYGATE_SIZE").is_ok_and(|size| size == "full") { full } else { quick }
}
