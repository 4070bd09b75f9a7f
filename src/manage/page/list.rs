//! The keys of a page, read from the keyring.

use std::collections::HashMap;
use std::time::SystemTime;

use super::super::handlers::to_api_error;
use super::hours::Hours;
use super::query::Query;
use super::view::{self, Known, Row};
use crate::store::{KeyRecord, KeyStatus};
use crate::{ApiError, KeyId, Keyring, KeyringError};

/// The keys of one page.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) rows: Vec<Row>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
}

impl List {
    pub(super) async fn load(
        query: &Query,
        keyring: &Keyring,
        hours: &Hours,
    ) -> Result<Self, ApiError> {
        let filter = query.filter(keyring)?;
        let found = keyring.list(filter).await.map_err(to_api_error)?;
        let now = keyring.clock().wall();
        let next = found.next.map(|cursor| cursor.to_string());
        let known = known(found.records, keyring, hours, now).await.map_err(to_api_error)?;
        Ok(Self { rows: view::rows(known, keyring, now), next })
    }
}

/// The usage of these keys, and what their rotations need to be told.
async fn known(
    records: Vec<KeyRecord>,
    keyring: &Keyring,
    kept: &Hours,
    now: SystemTime,
) -> Result<Vec<Known>, KeyringError> {
    let ids: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
    let usage = keyring.usage_of(&ids).await?;
    let mut hours = Vec::with_capacity(ids.len());
    for (id, usage) in ids.iter().zip(&usage) {
        hours.push(kept.of(id, usage, keyring).await?);
    }
    let rotations = rotations(&records, keyring, now).await?;
    let keys = records.into_iter().zip(usage).zip(hours);
    let known = keys.map(|((record, usage), hours)| Known {
        rotated_at: record.replaced_by.as_ref().and_then(|id| rotations.get(id).copied()),
        hours,
        record,
        usage,
    });
    Ok(known.collect())
}

/// When the successors of these keys were issued, as far as anyone still waits for their end.
async fn rotations(
    records: &[KeyRecord],
    keyring: &Keyring,
    now: SystemTime,
) -> Result<HashMap<KeyId, SystemTime>, KeyringError> {
    let mut rotations: HashMap<_, _> =
        records.iter().map(|record| (record.id.clone(), record.created_at)).collect();
    let waiting = records.iter().filter(|record| record.status(now) == KeyStatus::Active);
    for id in waiting.filter_map(|record| record.replaced_by.as_ref()) {
        // It is newer, and so may be on the page before.
        if !rotations.contains_key(id)
            && let Some(successor) = keyring.find(id).await?
        {
            rotations.insert(id.clone(), successor.created_at);
        }
    }
    Ok(rotations)
}
