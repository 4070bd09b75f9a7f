use std::time::SystemTime;

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite, SqliteConnection};

use crate::store::sql::{Row, corrupt, store_error};
use crate::store::{KeyRecord, Outcome, RecordUpdate, Rotation, StoreError};
use crate::{KeyHash, KeyId};

/// Named one by one, so that a column that a newer binary added is in nobody's way.
macro_rules! columns {
    () => {
        "id, name, hint, hash, kind, mode, scopes, account, plan, quota_count, quota_period_ns, \
         quota_burst, lineage, replaces, replaced_by, created_at, not_before, expires_at, \
         revoked_at, revoked_reason"
    };
}

const BY_HASH: &str = concat!("SELECT ", columns!(), " FROM keygate_keys WHERE hash = ?");
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM keygate_keys WHERE id = ?");
const INSERT: &str = concat!(
    "INSERT INTO keygate_keys (",
    columns!(),
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
);
const UPDATE: &str = "UPDATE keygate_keys SET name = ?, scopes = ?, plan = ?, quota_count = ?, \
     quota_period_ns = ?, quota_burst = ?, replaced_by = ?, expires_at = ?, revoked_at = ?, \
     revoked_reason = ? WHERE id = ?";

/// How every question for records begins.
pub(super) const SELECT: &str = concat!("SELECT ", columns!(), " FROM keygate_keys WHERE true");

pub(super) async fn find_by_hash(
    sql: &mut SqliteConnection,
    hash: KeyHash,
) -> Result<Option<KeyRecord>, StoreError> {
    one(sql, sqlx::query(BY_HASH).bind(hash.as_bytes().to_vec())).await
}

pub(super) async fn find_by_id(
    sql: &mut SqliteConnection,
    id: &KeyId,
) -> Result<Option<KeyRecord>, StoreError> {
    one(sql, sqlx::query(BY_ID).bind(id.to_string())).await
}

pub(super) async fn insert(
    sql: &mut SqliteConnection,
    record: &KeyRecord,
) -> Result<(), StoreError> {
    let row = Row::of(record)?;
    let scopes = json(&row.scopes)?;
    sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.name)
        .bind(row.hint)
        .bind(row.hash)
        .bind(row.kind)
        .bind(row.mode)
        .bind(scopes)
        .bind(row.account)
        .bind(row.plan)
        .bind(row.quota_count)
        .bind(row.quota_period_ns)
        .bind(row.quota_burst)
        .bind(row.lineage)
        .bind(row.replaces)
        .bind(row.replaced_by)
        .bind(row.created_at)
        .bind(row.not_before)
        .bind(row.expires_at)
        .bind(row.revoked_at)
        .bind(row.revoked_reason)
        .execute(sql)
        .await
        .map_err(store_error)?;
    Ok(())
}

pub(super) async fn update(
    sql: &mut SqliteConnection,
    id: &KeyId,
    update: RecordUpdate,
) -> Result<Outcome, StoreError> {
    let Some(stored) = find_by_id(sql, id).await? else { return Ok(Outcome::Missing) };
    carry_out(sql, update.decide(&stored)).await
}

pub(super) async fn revoke(
    sql: &mut SqliteConnection,
    id: &KeyId,
    at: SystemTime,
    reason: Option<String>,
) -> Result<Outcome, StoreError> {
    let Some(stored) = find_by_id(sql, id).await? else { return Ok(Outcome::Missing) };
    carry_out(sql, stored.revoked(at, reason)).await
}

pub(super) async fn rotate(
    sql: &mut SqliteConnection,
    id: &KeyId,
    rotation: Rotation,
) -> Result<Outcome, StoreError> {
    let Some(predecessor) = find_by_id(sql, id).await? else { return Ok(Outcome::Missing) };
    let outcome = rotation.decide(&predecessor);
    if matches!(outcome, Outcome::Done(_)) {
        insert(sql, &rotation.successor).await?;
    }
    carry_out(sql, outcome).await
}

/// The record that stands in a row.
pub(super) fn record(row: &SqliteRow) -> Result<KeyRecord, StoreError> {
    let (row, scopes) = columns(row).map_err(store_error)?;
    let scopes = serde_json::from_str(&scopes)
        .map_err(|_| corrupt(&row.id, "scopes", "is no JSON array of texts"))?;
    Row { scopes, ..row }.into_record()
}

/// Writes what the record becomes, if anything was decided but to leave it: what a verb may change.
async fn carry_out(sql: &mut SqliteConnection, decided: Outcome) -> Result<Outcome, StoreError> {
    let Outcome::Done(record) = &decided else { return Ok(decided) };
    let row = Row::of(record)?;
    let scopes = json(&row.scopes)?;
    sqlx::query(UPDATE)
        .bind(row.name)
        .bind(scopes)
        .bind(row.plan)
        .bind(row.quota_count)
        .bind(row.quota_period_ns)
        .bind(row.quota_burst)
        .bind(row.replaced_by)
        .bind(row.expires_at)
        .bind(row.revoked_at)
        .bind(row.revoked_reason)
        .bind(row.id)
        .execute(sql)
        .await
        .map_err(store_error)?;
    Ok(decided)
}

async fn one(
    sql: &mut SqliteConnection,
    query: Query<'_, Sqlite, SqliteArguments>,
) -> Result<Option<KeyRecord>, StoreError> {
    let row = query.fetch_optional(sql).await.map_err(store_error)?;
    row.as_ref().map(record).transpose()
}

/// The columns, the scopes as the text that they are.
fn columns(row: &SqliteRow) -> Result<(Row, String), sqlx::Error> {
    let columns = Row {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        hint: row.try_get("hint")?,
        hash: row.try_get("hash")?,
        kind: row.try_get("kind")?,
        mode: row.try_get("mode")?,
        scopes: Vec::new(),
        account: row.try_get("account")?,
        plan: row.try_get("plan")?,
        quota_count: row.try_get("quota_count")?,
        quota_period_ns: row.try_get("quota_period_ns")?,
        quota_burst: row.try_get("quota_burst")?,
        lineage: row.try_get("lineage")?,
        replaces: row.try_get("replaces")?,
        replaced_by: row.try_get("replaced_by")?,
        created_at: row.try_get("created_at")?,
        not_before: row.try_get("not_before")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
        revoked_reason: row.try_get("revoked_reason")?,
    };
    Ok((columns, row.try_get("scopes")?))
}

fn json(scopes: &[String]) -> Result<String, StoreError> {
    serde_json::to_string(scopes).map_err(StoreError::permanent)
}
