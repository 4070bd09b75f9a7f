mod anonymous;
mod caching;
mod contract;
pub(crate) mod fixture;
mod guard;
mod nested;
mod refusals;
mod require_scope;
mod transport;
