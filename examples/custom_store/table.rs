//! The application's own table of credentials, and a `KeyStore` over it.
//!
//! It stands for a table in a database that was there before keygate: its columns are the
//! application's, each method below would be one statement, and a mutation one transaction.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keygate::store::{
    Cursor, KeyQuery, KeyRecord, KeyStore, KeyUsage, KeyUse, Outcome, RecordUpdate, Rotation,
    StoreError, StoredHours, StoredUsage, UsageBatch,
};
use keygate::{AccountId, KeyHash, KeyId, KeyKind, Mode, PlanName, Quota, ScopeName};

/// How many hours of a credential are kept, the latest ones that it was used in: what another
/// node's clock says takes nobody's figures.
const KEPT: usize = 48;

/// A row as the application has it: texts and numbers.
#[derive(Debug, Clone)]
struct Row {
    credential_id: String,
    label: String,
    visible_part: String,
    sha256_hex: String,
    is_publishable: bool,
    is_live: bool,
    /// Separated by spaces.
    permissions: String,
    customer: String,
    plan: Option<String>,
    /// Requests, seconds, burst.
    limit: Option<(u32, u64, u32)>,
    family: String,
    predecessor: Option<String>,
    successor: Option<String>,
    /// Times are in microseconds since 1970.
    created: u64,
    starts: Option<u64>,
    ends: Option<u64>,
    revoked: Option<u64>,
    revoked_why: Option<String>,
}

/// The table. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CredentialTable {
    rows: Arc<Mutex<Vec<Row>>>,
    /// How often credentials were used: a table of its own, so that no use is a change of one.
    uses: Arc<Mutex<Uses>>,
}

#[derive(Debug, Default)]
struct Uses {
    by_credential: HashMap<KeyId, KeyUsage>,
    by_hour: HashMap<KeyId, BTreeMap<SystemTime, u64>>,
    /// The last batch of each node: one that is sent again counts once.
    written: HashMap<u64, u64>,
}

impl Uses {
    fn add(&mut self, used: &KeyUse) {
        self.by_credential.entry(used.id.clone()).or_default().add(used);
        let hours = self.by_hour.entry(used.id.clone()).or_default();
        let hour = hours.entry(used.hour()).or_default();
        *hour = hour.saturating_add(used.requests);
        if hours.len() > KEPT {
            hours.pop_first();
        }
    }
}

impl CredentialTable {
    /// How many credentials there are: the application's own query, beside keygate's.
    #[allow(dead_code, reason = "the tests include this file without `main`")]
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Row>> {
        // A panic elsewhere leaves whole rows behind: each is written at once.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a record, decides what it becomes and writes that back, under one lock.
    fn mutate(
        &self,
        id: &KeyId,
        decide: impl FnOnce(&KeyRecord) -> Outcome,
    ) -> Result<Outcome, StoreError> {
        let mut rows = self.lock();
        mutate_in(&mut rows, id, decide)
    }
}

impl KeyStore for CredentialTable {
    async fn find_by_hash(&self, hash: KeyHash) -> Result<Option<KeyRecord>, StoreError> {
        let hex = hash.to_string();
        self.lock().iter().find(|row| row.sha256_hex == hex).map(to_record).transpose()
    }

    async fn find_by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let found = |row: &&Row| row.credential_id == id.as_str();
        self.lock().iter().find(found).map(to_record).transpose()
    }

    async fn insert(&self, record: KeyRecord) -> Result<(), StoreError> {
        insert_into(&mut self.lock(), &record)
    }

    async fn update(&self, id: &KeyId, update: RecordUpdate) -> Result<Outcome, StoreError> {
        self.mutate(id, |record| update.decide(record))
    }

    async fn revoke(
        &self,
        id: &KeyId,
        at: SystemTime,
        reason: Option<String>,
    ) -> Result<Outcome, StoreError> {
        self.mutate(id, |record| record.revoked(at, reason))
    }

    async fn rotate(&self, id: &KeyId, rotation: Rotation) -> Result<Outcome, StoreError> {
        let mut rows = self.lock();
        let before = rows.clone();
        let outcome = mutate_in(&mut rows, id, |record| rotation.decide(record))?;
        if let Outcome::Done(_) = outcome
            && let Err(taken) = insert_into(&mut rows, &rotation.successor)
        {
            // Both or nothing: in SQL, a rollback.
            *rows = before;
            return Err(taken);
        }
        Ok(outcome)
    }

    async fn list(&self, query: KeyQuery) -> Result<Vec<KeyRecord>, StoreError> {
        let mut records: Vec<_> = self.lock().iter().map(to_record).collect::<Result<_, _>>()?;
        records.retain(|record| {
            query.matches(record)
                && query.after.as_ref().is_none_or(|after| Cursor::of(record) < *after)
        });
        records.sort_by_key(|record| std::cmp::Reverse(Cursor::of(record)));
        records.truncate(query.limit);
        Ok(records)
    }

    fn keeps_usage(&self) -> bool {
        true
    }

    async fn add_usage(&self, batch: UsageBatch) -> Result<(), StoreError> {
        let exists =
            |used: &KeyUse| self.lock().iter().any(|row| row.credential_id == used.id.as_str());
        let known: Vec<_> = batch.keys.iter().filter(|used| exists(used)).collect();
        let mut uses = self.lock_uses();
        let written = uses.written.entry(batch.node).or_default();
        if batch.sequence > *written {
            *written = batch.sequence;
            for used in known {
                uses.add(used);
            }
        }
        Ok(())
    }

    async fn usage(&self, node: u64, ids: Vec<KeyId>) -> Result<StoredUsage, StoreError> {
        let uses = self.lock_uses();
        let written = uses.written.get(&node).copied().unwrap_or_default();
        let found = |id: KeyId| uses.by_credential.get(&id).map(|found| (id, *found));
        Ok(StoredUsage::new(written, ids.into_iter().filter_map(found).collect()))
    }

    async fn hourly_usage(
        &self,
        node: u64,
        id: KeyId,
        since: SystemTime,
    ) -> Result<StoredHours, StoreError> {
        let uses = self.lock_uses();
        let written = uses.written.get(&node).copied().unwrap_or_default();
        let hours = uses.by_hour.get(&id).into_iter().flat_map(|hours| hours.range(since..));
        let hours = hours.map(|(hour, requests)| (*hour, *requests)).collect();
        Ok(StoredHours::new(written, hours))
    }
}

fn mutate_in(
    rows: &mut [Row],
    id: &KeyId,
    decide: impl FnOnce(&KeyRecord) -> Outcome,
) -> Result<Outcome, StoreError> {
    let Some(row) = rows.iter_mut().find(|row| row.credential_id == id.as_str()) else {
        return Ok(Outcome::Missing);
    };
    let outcome = decide(&to_record(row)?);
    if let Outcome::Done(record) = &outcome {
        *row = to_row(record);
    }
    Ok(outcome)
}

fn insert_into(rows: &mut Vec<Row>, record: &KeyRecord) -> Result<(), StoreError> {
    let new = to_row(record);
    let taken =
        |row: &Row| row.credential_id == new.credential_id || row.sha256_hex == new.sha256_hex;
    if rows.iter().any(taken) {
        return Err(StoreError::duplicate());
    }
    rows.push(new);
    Ok(())
}

/// Reads a row. One that cannot be read is an error of the store, so that its key is refused with
/// 503 and somebody looks at it; it is never "no such key".
fn to_record(row: &Row) -> Result<KeyRecord, StoreError> {
    read(row).map_err(StoreError::permanent)
}

fn read(row: &Row) -> Result<KeyRecord, Box<dyn Error + Send + Sync>> {
    let id = KeyId::parse(&row.credential_id)?;
    let hash = KeyHash::from_hex(&row.sha256_hex)?;
    let mode = if row.is_live { Mode::Live } else { Mode::Test };
    let account = AccountId::parse(&row.customer)?;
    let mut record = KeyRecord::new(id, hash, mode, account, time(row.created));
    record.name.clone_from(&row.label);
    record.hint.clone_from(&row.visible_part);
    record.kind = if row.is_publishable { KeyKind::Publishable } else { KeyKind::Secret };
    let scopes = row.permissions.split_whitespace().map(ScopeName::parse);
    record.scopes = scopes.collect::<Result<_, _>>()?;
    record.plan = row.plan.as_deref().map(PlanName::parse).transpose()?;
    let quota =
        |(count, seconds, burst)| Quota::try_new(count, Duration::from_secs(seconds), burst);
    record.quota = row.limit.map(quota).transpose()?;
    record.lineage = KeyId::parse(&row.family)?;
    record.replaces = row.predecessor.as_deref().map(KeyId::parse).transpose()?;
    record.replaced_by = row.successor.as_deref().map(KeyId::parse).transpose()?;
    record.not_before = row.starts.map(time);
    record.expires_at = row.ends.map(time);
    record.revoked_at = row.revoked.map(time);
    record.revoked_reason.clone_from(&row.revoked_why);
    Ok(record)
}

fn to_row(record: &KeyRecord) -> Row {
    let scopes: Vec<_> = record.scopes.iter().map(ScopeName::as_str).collect();
    let limit = |quota: &Quota| (quota.count(), quota.period().as_secs(), quota.burst_size());
    Row {
        credential_id: record.id.to_string(),
        label: record.name.clone(),
        visible_part: record.hint.clone(),
        sha256_hex: record.hash.to_string(),
        is_publishable: record.kind == KeyKind::Publishable,
        is_live: record.mode == Mode::Live,
        permissions: scopes.join(" "),
        customer: record.account.to_string(),
        plan: record.plan.as_ref().map(ToString::to_string),
        limit: record.quota.as_ref().map(limit),
        family: record.lineage.to_string(),
        predecessor: record.replaces.as_ref().map(ToString::to_string),
        successor: record.replaced_by.as_ref().map(ToString::to_string),
        created: micros(record.created_at),
        starts: record.not_before.map(micros),
        ends: record.expires_at.map(micros),
        revoked: record.revoked_at.map(micros),
        revoked_why: record.revoked_reason.clone(),
    }
}

fn time(micros: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(micros)
}

fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
