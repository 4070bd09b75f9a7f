//! stub
use crate::{KeyId, store::StoreError};
pub(crate) fn lookup_failed(_error: &StoreError) {}
pub(crate) fn foreign_record(_key: &KeyId) {}
pub(crate) fn feed_failed(_error: &StoreError) {}
pub(crate) fn feed_lost() {}
