//! The only file with the names of spans, events and fields. Silent without the feature `tracing`.

/// Notes whose request this is.
#[inline]
pub(crate) fn record_principal(_key_id: &str, _on_behalf_of: Option<&str>) {}

/// The service is put together wrongly.
#[inline]
pub(crate) fn misconfigured(_what: &'static str) {}
