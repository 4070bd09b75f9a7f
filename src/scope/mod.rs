//! What a key may do: scopes, sets of them and the catalogue a service declares.

mod catalogue;
mod name;
mod set;

pub use catalogue::{Catalogue, ScopeDefinition};
pub use name::{InvalidScope, ScopeName};
pub use set::ScopeSet;
