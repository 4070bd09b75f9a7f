use sqlx::PgPool;

use super::connections::{Loan, Statement, read};
use super::row::{arguments, bind, columns, get, record};
use super::timestamp::Timestamp;
use crate::store::sql::{Row, is_conflict, store_error};
use crate::store::{KeyRecord, Outcome, Rotation, StoreError};
use crate::{KeyHash, KeyId};

const BY_HASH: &str = concat!("SELECT ", columns!(), " FROM keygate_keys WHERE hash = $1");
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM keygate_keys WHERE id = $1");
const WITH_VERSION: &str =
    concat!("SELECT ", columns!(), ", version FROM keygate_keys WHERE id = $1");
const INSERT: &str =
    concat!("INSERT INTO keygate_keys (", columns!(), ") VALUES (", arguments!(), ")");

/// What verbs may change of a row, provided that it is still the one that was read. Its arguments
/// are those of [`overwrite`].
macro_rules! update {
    () => {
        "UPDATE keygate_keys SET name = $3, scopes = $4, plan = $5, quota_count = $6, \
         quota_period_ns = $7, quota_burst = $8, replaced_by = $9, expires_at = $10, \
         revoked_at = $11, revoked_reason = $12 WHERE id = $1 AND version = $2 RETURNING id"
    };
}

const UPDATE: &str = update!();
/// Both or nothing: where the predecessor has changed there is no row to insert a successor for.
const ROTATE: &str = concat!(
    "WITH predecessor AS (",
    update!(),
    ") INSERT INTO keygate_keys (",
    columns!(),
    ") SELECT $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, \
     $30, $31, $32 FROM predecessor RETURNING id"
);

/// How often a change begins again because the key was changed under its hands.
const TRIES: usize = 16;

pub(super) async fn find_by_hash(
    pool: &PgPool,
    hash: KeyHash,
) -> Result<Option<KeyRecord>, StoreError> {
    let question = || sqlx::query(BY_HASH).bind(hash.as_bytes().as_slice());
    let (_, rows) = read(pool, question).await?;
    rows.first().map(record).transpose()
}

pub(super) async fn find_by_id(pool: &PgPool, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
    let (_, rows) = read(pool, || sqlx::query(BY_ID).bind(id.as_str())).await?;
    rows.first().map(record).transpose()
}

pub(super) async fn insert(pool: &PgPool, new: &KeyRecord) -> Result<(), StoreError> {
    let row = Row::of(new)?;
    let mut loan = connected(pool).await?;
    loan.ask(bind(sqlx::query(INSERT), &row)).await.map_err(store_error)?;
    Ok(())
}

/// A connection that has just answered. What changes something is sent once: had it broken in the
/// pool, nobody would know whether it was carried out.
pub(super) async fn connected(pool: &PgPool) -> Result<Loan, StoreError> {
    let (loan, _) = read(pool, || sqlx::query("SELECT 1")).await?;
    Ok(loan)
}

/// Decides by what is stored and writes what it decided, if that is still stored.
///
/// No lock is held in between: a node that is stopped here is in nobody's way. `Done` of `decide`
/// is what the record becomes; every other outcome is the answer.
pub(super) async fn change(
    pool: &PgPool,
    id: &KeyId,
    decide: impl Fn(&KeyRecord) -> Outcome,
) -> Result<Outcome, StoreError> {
    change_and_add(pool, id, decide, None).await
}

/// As [`change`], and adds the successor in the same statement.
pub(super) async fn rotate(
    pool: &PgPool,
    id: &KeyId,
    rotation: &Rotation,
) -> Result<Outcome, StoreError> {
    let successor = Row::of(&rotation.successor)?;
    change_and_add(pool, id, |predecessor| rotation.decide(predecessor), Some(&successor)).await
}

async fn change_and_add(
    pool: &PgPool,
    id: &KeyId,
    decide: impl Fn(&KeyRecord) -> Outcome,
    successor: Option<&Row>,
) -> Result<Outcome, StoreError> {
    for _ in 0..TRIES {
        let (mut loan, rows) = read(pool, || sqlx::query(WITH_VERSION).bind(id.as_str())).await?;
        let Some(found) = rows.first() else { return Ok(Outcome::Missing) };
        let version: i64 = get(found, id.as_str(), "version")?;
        let outcome = decide(&record(found)?);
        let Outcome::Done(after) = &outcome else { return Ok(outcome) };
        let after = Row::of(after)?;
        let statement = match successor {
            Some(successor) => bind(overwrite(sqlx::query(ROTATE), &after, version), successor),
            None => overwrite(sqlx::query(UPDATE), &after, version),
        };
        match loan.ask(statement).await {
            Ok(written) if !written.is_empty() => return Ok(outcome),
            Ok(_) => {}
            // Nothing was written: the database's own word that somebody else was first.
            Err(error) if is_conflict(&error) => {}
            Err(error) => return Err(store_error(error)),
        }
    }
    Err(StoreError::transient("the key was changed again and again meanwhile"))
}

fn overwrite<'q>(statement: Statement<'q>, row: &'q Row, version: i64) -> Statement<'q> {
    statement
        .bind(&row.id)
        .bind(version)
        .bind(&row.name)
        .bind(&row.scopes)
        .bind(&row.plan)
        .bind(row.quota_count)
        .bind(row.quota_period_ns)
        .bind(row.quota_burst)
        .bind(&row.replaced_by)
        .bind(row.expires_at.map(Timestamp))
        .bind(row.revoked_at.map(Timestamp))
        .bind(&row.revoked_reason)
}
