//! Objects in memory, apart by account and mode.

#![allow(dead_code, reason = "each example uses the part that it needs")]

use std::collections::HashMap;

use keygate::{AccountId, ApiError, Mode, Principal};
use parking_lot::Mutex;
use rand::distr::{Alphanumeric, SampleString};

/// Whom objects belong to. Another owner's object is the same 404 as one that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    account: AccountId,
    mode: Mode,
}

impl Owner {
    /// The account that the request is about, in the mode of the key.
    pub(crate) fn of(caller: &Principal) -> Self {
        Self { account: caller.subject().clone(), mode: caller.mode() }
    }

    pub(crate) fn account(&self) -> &AccountId {
        &self.account
    }

    /// Whether its objects are real.
    pub(crate) fn livemode(&self) -> bool {
        self.mode == Mode::Live
    }
}

/// An object with an id of its own.
pub(crate) trait Object: Clone {
    fn id(&self) -> &str;
}

/// The objects of one kind, of every owner.
#[derive(Debug)]
pub(crate) struct Collection<T> {
    // In the order of their making.
    by_owner: Mutex<HashMap<Owner, Vec<T>>>,
}

impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self { by_owner: Mutex::default() }
    }
}

impl<T: Object> Collection<T> {
    /// The owner's objects, newest first.
    pub(crate) fn list(&self, owner: &Owner) -> Vec<T> {
        let by_owner = self.by_owner.lock();
        by_owner.get(owner).into_iter().flatten().rev().cloned().collect()
    }

    /// # Errors
    ///
    /// 404 for an id that the owner has no object of.
    pub(crate) fn get(&self, owner: &Owner, id: &str) -> Result<T, ApiError> {
        self.change(owner, id, |object| Ok(object.clone()))
    }

    pub(crate) fn insert(&self, owner: &Owner, object: T) {
        self.by_owner.lock().entry(owner.clone()).or_default().push(object);
    }

    /// Runs `change` on the object while nobody else reads or writes it.
    ///
    /// # Errors
    ///
    /// 404 as for [`Self::get`], and those of `change`.
    pub(crate) fn change<R>(
        &self,
        owner: &Owner,
        id: &str,
        change: impl FnOnce(&mut T) -> Result<R, ApiError>,
    ) -> Result<R, ApiError> {
        let mut by_owner = self.by_owner.lock();
        let objects = by_owner.get_mut(owner).ok_or_else(ApiError::not_found)?;
        let object = objects.iter_mut().find(|object| object.id() == id);
        change(object.ok_or_else(ApiError::not_found)?)
    }

    /// # Errors
    ///
    /// 404 as for [`Self::get`].
    pub(crate) fn remove(&self, owner: &Owner, id: &str) -> Result<T, ApiError> {
        let mut by_owner = self.by_owner.lock();
        let objects = by_owner.get_mut(owner).ok_or_else(ApiError::not_found)?;
        let at = objects.iter().position(|object| object.id() == id);
        Ok(objects.remove(at.ok_or_else(ApiError::not_found)?))
    }
}

/// A random id such as `plink_…`: several instances can make them side by side.
pub(crate) fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", Alphanumeric.sample_string(&mut rand::rng(), 24))
}
