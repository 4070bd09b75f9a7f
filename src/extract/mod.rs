//! What handlers take: who calls, and that they may.
//!
//! 1. [`Principal`](crate::Principal): any caller with a good key.
//! 2. `Option<Principal>`: also callers without one, where `AuthLayer::allow_anonymous` lets them in.
//! 3. [`Scoped<R>`]: a caller who holds what `R` requires; derefs to the principal.
//! 4. [`Json`]: a body, whose rejection names the field; [`not_found`] as a fallback.
//!
//! The first three read the request's extensions and never its body, so they may stand in any place among a
//! handler's arguments; first is best, as then nothing else of the request is looked at before.
//! A route outside of `AuthLayer` answers 500 `misconfigured`, never as if the caller were known.

mod json;
mod principal;
mod rejection;
mod scoped;

#[cfg(test)]
mod tests;

pub use json::Json;
pub use rejection::not_found;
pub use scoped::Scoped;
