//! What handlers take: who calls, and that they may.
//!
//! 1. [`Principal`](crate::Principal): any caller with a good key.
//! 2. `Option<Principal>`: also callers without a key, where `allow_anonymous` lets them in.
//! 3. [`Scoped<R>`]: a caller who holds what `R` requires; derefs to the principal.
//! 4. [`Json`]: a body, whose rejection names the field; [`not_found`] as a fallback.
//! 5. `Idempotent<T>` (feature `idempotency`): a body `T` that is carried out once for each
//!    `Idempotency-Key`. It comes last: it answers what only a caller who may is told.
//!
//! The first three read the request's extensions and never its body, so they may stand in any place
//! among a handler's arguments; first is best, as then nothing else of the request is looked at
//! before. A route outside of `AuthLayer` answers 500 `misconfigured`, never as if the caller were
//! known.

#[cfg(feature = "idempotency")]
mod idempotent;
mod json;
mod principal;
mod rejection;
mod scoped;

#[cfg(test)]
mod tests;

#[cfg(feature = "idempotency")]
pub use idempotent::{Idempotent, IdempotentRejection, NoBody, Run};
pub use json::Json;
pub use rejection::not_found;
pub use scoped::Scoped;
