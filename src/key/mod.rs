//! The key as text. Pure: no clock, no store.

mod id;

pub use id::{InvalidKeyId, KeyId};
