//! OpenAPI documents from the types of handlers and the layers around them.

mod access;
#[cfg(feature = "openapi")]
mod aide;
mod fault;
mod headers;
mod layers;
mod mark;
mod pen;
mod shape;
mod undecided;

#[cfg(feature = "openapi")]
pub use self::aide::{Public, finish, undecided};
pub use layers::Layers;
pub use undecided::{Reason, Undecided};

/// The extension of a response that stands for an error which is still to be written.
const ERROR: &str = "x-keygate-error";
