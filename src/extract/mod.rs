//! What handlers take out of a request, for axum.

mod json;
mod rejection;

pub use json::Json;
pub use rejection::not_found;
