//! Fields of a change.

use serde::{Deserialize, Deserializer};

/// Tells a field that was given from one that was left out; with `Option<Option<_>>` also one that
/// was given as `null`, which is an error otherwise.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    value: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}
