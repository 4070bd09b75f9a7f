//! The last part of a path that names one object.

use axum::extract::Path;
use schemars::JsonSchema;
use serde::Deserialize;

/// The id of an object, out of the path.
pub(crate) type ById = Path<Named>;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Named {
    /// The object's id.
    pub(crate) id: String,
}
