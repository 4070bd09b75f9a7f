//! What a key may do: scopes, what a handler demands, the catalogue of a service.
//!
//! 1. [`scopes!`](crate::scopes) declares every scope of a service, once: each a type to name in
//!    handlers, with its name on the wire and its description.
//! 2. The same declaration gives the [`Catalogue`]: what keys can be issued with.
//! 3. A handler demands a [`Requirement`]: a scope, [`AllOf`] several, [`AnyOf`] several, or these
//!    inside one another.
//! 4. No scope implies another: who may write may not thereby read.
//!
//! ```
//! use keygate::scope::{AllOf, Requirement, ScopeName, ScopeSet};
//!
//! keygate::scopes! {
//!     /// Everything a key of this service can be issued with.
//!     pub catalogue SCOPES;
//!     /// List and retrieve payment links.
//!     pub LinksRead = "links:read";
//!     /// Create, update and archive payment links.
//!     pub LinksWrite = "links:write";
//! }
//!
//! let held = ScopeSet::from_iter([ScopeName::from_static("links:read")]);
//! assert!(LinksRead::is_met(&held));
//! assert!(!AllOf::<(LinksRead, LinksWrite)>::is_met(&held));
//! assert_eq!(SCOPES.len(), 2);
//! assert_eq!(SCOPES.iter().next().unwrap().description, "List and retrieve payment links.");
//! ```

mod catalogue;
mod declare;
#[doc(hidden)]
pub mod internal;
mod name;
mod requirement;
mod set;

pub use catalogue::{Catalogue, ScopeDefinition};
pub use name::{InvalidScope, ScopeName};
pub use requirement::{AllOf, AnyOf, Requirement};
pub use set::ScopeSet;

/// A scope as a type, to be named in handlers: `Scoped<LinksRead>`.
///
/// [`scopes!`](crate::scopes) declares them. A type of one's own works too, but is then missing in
/// the catalogue, so that no key can hold it.
///
/// ```
/// use keygate::Scope;
///
/// keygate::scopes! {
///     catalogue SCOPES;
///     /// Retrieve events.
///     EventsRead = "events:read";
/// }
///
/// assert_eq!(EventsRead::NAME.as_str(), "events:read");
/// assert_eq!(EventsRead::DESCRIPTION, "Retrieve events.");
/// assert!(SCOPES.contains(&EventsRead::NAME));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a scope",
    label = "not declared by `scopes!`",
    note = "scopes are declared in `keygate::scopes!`, each by a doc comment and a line such as `pub LinksRead = \"links:read\";`",
    note = "several at once are written `AllOf<(A, B)>` or `AnyOf<(A, B)>`"
)]
pub trait Scope {
    /// The name that keys are issued with.
    const NAME: ScopeName;
    /// What it grants, for people: the first paragraph of its doc comment, in one line.
    const DESCRIPTION: &'static str;
}
