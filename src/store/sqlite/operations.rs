//! Operations that are carried out once, in the keys' file.

use std::time::{Duration, SystemTime};

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use crate::idempotency::{Begin, Begun, Finish, IdempotencyStore, Known, Lease, OperationId};
use crate::store::StoreError;
use crate::store::sql::{fingerprint, nearest_micros, store_error};
use crate::{Clock, SystemClock};

/// What is known of an operation, by the time of now.
const KNOWN: &str = "\
    SELECT fingerprint, answer, lease_ends_at <= ?2 AS lease_ended FROM keygate_operations \
    WHERE id = ?1 AND ends_at > ?2";

const LEASE: &str = "\
    INSERT OR REPLACE INTO keygate_operations \
    (id, fingerprint, token, lease_ends_at, answer, ends_at) VALUES (?, ?, ?, ?, NULL, ?)";

/// More than one for each that comes, so that what is over does not pile up.
const SWEEP: &str = "\
    DELETE FROM keygate_operations WHERE id IN \
    (SELECT id FROM keygate_operations WHERE ends_at <= ? ORDER BY ends_at LIMIT 16)";

const RENEW: &str = "\
    UPDATE keygate_operations SET lease_ends_at = ?3, ends_at = max(ends_at, ?3) \
    WHERE id = ?1 AND token = ?2 AND answer IS NULL";

/// The first answer stays.
const FINISH: &str = "\
    UPDATE keygate_operations SET \
    ends_at = CASE WHEN answer IS NULL THEN ?4 ELSE ends_at END, \
    answer = coalesce(answer, ?3) \
    WHERE id = ?1 AND token = ?2";

const RELEASE: &str =
    "DELETE FROM keygate_operations WHERE id = ?1 AND token = ?2 AND answer IS NULL";

/// In the table `keygate_operations`.
impl IdempotencyStore for SqliteStore {
    async fn begin(&self, begin: Begin) -> Result<Begun, StoreError> {
        // A retry need not wait for its turn to write.
        let mut reading = self.access.read().await?;
        let known = known(&mut reading, &begin.lease.operation, now()).await?;
        drop(reading);
        let outcome = begin.decide(known);
        if outcome != Begun::Leased {
            return Ok(outcome);
        }
        let mut writing = self.access.write().await?;
        let done = lease(writing.sql(), &begin).await;
        writing.end(done).await
    }

    async fn renew(&self, lease: Lease, lease_for: Duration) -> Result<bool, StoreError> {
        let mut writing = self.access.write().await?;
        let statement = sqlx::query(RENEW)
            .bind(lease.operation.as_bytes().as_slice())
            .bind(lease.token.as_bytes().as_slice())
            .bind(after(now(), lease_for));
        let done = statement.execute(writing.sql()).await.map_err(store_error);
        writing.end(done.map(|done| done.rows_affected() > 0)).await
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        let mut writing = self.access.write().await?;
        let statement = sqlx::query(FINISH)
            .bind(finish.lease.operation.as_bytes().as_slice())
            .bind(finish.lease.token.as_bytes().as_slice())
            .bind(&*finish.answer)
            .bind(after(now(), finish.keep_for));
        let done = statement.execute(writing.sql()).await.map_err(store_error);
        writing.end(done.map(|done| done.rows_affected() > 0)).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        let mut writing = self.access.write().await?;
        let statement = sqlx::query(RELEASE)
            .bind(lease.operation.as_bytes().as_slice())
            .bind(lease.token.as_bytes().as_slice());
        let done = statement.execute(writing.sql()).await.map_err(store_error);
        writing.end(done.map(|_| ())).await
    }
}

/// Decides and writes, while nobody else can.
async fn lease(sql: &mut SqliteConnection, begin: &Begin) -> Result<Begun, StoreError> {
    // Not before: it may have been waited for.
    let now = now();
    let outcome = begin.decide(known(sql, &begin.lease.operation, now).await?);
    if outcome != Begun::Leased {
        return Ok(outcome);
    }
    sqlx::query(SWEEP).bind(nearest_micros(now)).execute(&mut *sql).await.map_err(store_error)?;
    sqlx::query(LEASE)
        .bind(begin.lease.operation.as_bytes().as_slice())
        .bind(begin.fingerprint.as_bytes().as_slice())
        .bind(begin.lease.token.as_bytes().as_slice())
        .bind(after(now, begin.lease_for))
        .bind(after(now, begin.keep_for.max(begin.lease_for)))
        .execute(sql)
        .await
        .map_err(store_error)?;
    Ok(outcome)
}

async fn known(
    sql: &mut SqliteConnection,
    operation: &OperationId,
    now: SystemTime,
) -> Result<Option<Known>, StoreError> {
    let row = sqlx::query(KNOWN)
        .bind(operation.as_bytes().as_slice())
        .bind(nearest_micros(now))
        .fetch_optional(sql)
        .await
        .map_err(store_error)?;
    row.as_ref().map(read).transpose()
}

fn read(row: &SqliteRow) -> Result<Known, StoreError> {
    let answer: Option<Vec<u8>> = row.try_get("answer").map_err(store_error)?;
    let lease_ended = row.try_get("lease_ended").map_err(store_error)?;
    let bytes: Vec<u8> = row.try_get("fingerprint").map_err(store_error)?;
    Ok(Known::new(fingerprint(&bytes)?, answer.map(Into::into), lease_ended))
}

/// Wall time: all processes on the file read the same one.
fn now() -> SystemTime {
    SystemClock.wall()
}

fn after(now: SystemTime, time: Duration) -> i64 {
    now.checked_add(time).map_or(i64::MAX, nearest_micros)
}
