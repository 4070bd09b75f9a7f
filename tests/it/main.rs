//! Everything that is tested through the public API, in one binary: it links once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
#![allow(clippy::excessive_nesting, reason = "tables of cases, looped over in async blocks")]
#![allow(clippy::duplicate_mod, reason = "the example servers share files by path")]

mod apps;
mod attacks;
mod crypto_checkout;
mod faults;
mod idempotency;
mod keyring;
mod management;
mod openapi;
mod page;
mod paykore;
mod pictures;
mod pik;
mod postgres;
mod postgres_store;
mod process;
mod redis;
mod sqlite;
mod store;
mod support;
mod telemetry;
