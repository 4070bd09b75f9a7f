//! What the stores on SQL databases share.

mod error;
#[cfg(feature = "idempotency")]
mod operation;
mod row;
mod schema;
mod watch;

pub(super) use error::store_error;
#[cfg(feature = "postgres")]
pub(super) use error::{is_broken_connection, is_conflict};
#[cfg(feature = "idempotency")]
pub(super) use operation::fingerprint;
#[cfg(feature = "postgres")]
pub(super) use row::micros;
pub(super) use row::{Row, corrupt, mode_word, nearest_micros, time};
pub(super) use schema::{SchemaVersion, applied, check};
pub use watch::{Changed, Watch};
pub(super) use watch::{KEYS, Told, Topics, key_change};
