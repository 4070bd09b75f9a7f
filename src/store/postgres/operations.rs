//! Operations that are carried out once, in the keys' database.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::connections::{Statement, read};
use super::keys::connected;
use super::row::get;
use crate::idempotency::{Begin, Begun, Finish, FinishError, IdempotencyStore, Known, Lease};
use crate::store::StoreError;
use crate::store::sql::{fingerprint, store_error};

/// A period of so many microseconds.
macro_rules! micros {
    ($argument:literal) => {
        concat!($argument, "::bigint * interval '1 microsecond'")
    };
}

/// The lease, if nobody has it: one statement, which decides as `Begin::decide` does.
///
/// Of several at once one inserts the row or takes it over, and the others wait for that one's
/// commit and see its row. What is over of other operations goes with it, a few at a time; rows that
/// somebody else is about to remove are left to that one. The time is read as late as can be: after
/// the wait for the row.
const LEASE: &str = concat!(
    "WITH swept AS ( \
        DELETE FROM keygate_operations WHERE id IN ( \
            SELECT id FROM keygate_operations \
            WHERE ends_at <= clock_timestamp() AND id <> $1 \
            ORDER BY ends_at LIMIT 16 FOR UPDATE SKIP LOCKED) \
    ) \
    INSERT INTO keygate_operations AS known \
        (id, fingerprint, token, lease_ends_at, ends_at) \
    VALUES ($1, $2, $3, clock_timestamp() + ",
    micros!("$4"),
    ", clock_timestamp() + ",
    micros!("$5"),
    ") ON CONFLICT (id) DO UPDATE SET \
        fingerprint = excluded.fingerprint, token = excluded.token, answer = NULL, \
        lease_ends_at = clock_timestamp() + ",
    micros!("$4"),
    ", ends_at = clock_timestamp() + ",
    micros!("$5"),
    " WHERE known.ends_at <= clock_timestamp() \
        OR known.answer IS NULL AND known.lease_ends_at <= clock_timestamp() \
            AND known.fingerprint = excluded.fingerprint \
    RETURNING true AS leased"
);

const KNOWN: &str = "\
    SELECT fingerprint, answer, lease_ends_at <= clock_timestamp() AS lease_ended \
    FROM keygate_operations WHERE id = $1 AND ends_at > clock_timestamp()";

const RENEW: &str = concat!(
    "UPDATE keygate_operations SET lease_ends_at = clock_timestamp() + ",
    micros!("$3"),
    ", ends_at = greatest(ends_at, clock_timestamp() + ",
    micros!("$3"),
    ") WHERE id = $1 AND token = $2 AND answer IS NULL RETURNING true AS renewed"
);

/// The first answer stays.
const FINISH: &str = concat!(
    "UPDATE keygate_operations SET answer = coalesce(answer, $3), \
        ends_at = CASE WHEN answer IS NULL THEN clock_timestamp() + ",
    micros!("$4"),
    " ELSE ends_at END WHERE id = $1 AND token = $2 RETURNING true AS finished"
);

const RELEASE: &str =
    "DELETE FROM keygate_operations WHERE id = $1 AND token = $2 AND answer IS NULL";

/// How often it is asked again because what was in the way is gone by the time it is looked at.
const TRIES: usize = 16;

/// In the table `keygate_operations`.
impl IdempotencyStore for PostgresStore {
    async fn begin(&self, begin: Begin) -> Result<Begun, StoreError> {
        for _ in 0..TRIES {
            // A retry finds out by reading; who comes first has asked once more than needed, on a
            // connection that has thereby shown that it is not broken.
            let operation = begin.lease.operation.as_bytes().as_slice();
            let (mut loan, rows) = read(&self.own, || sqlx::query(KNOWN).bind(operation)).await?;
            let outcome = begin.decide(rows.first().map(known).transpose()?);
            if outcome != Begun::Leased {
                return Ok(outcome);
            }
            let taken = loan.ask(lease(&begin)).await.map_err(store_error)?;
            if !taken.is_empty() {
                return Ok(Begun::Leased);
            }
        }
        Err(StoreError::transient("the operation was begun and ended again and again meanwhile"))
    }

    async fn renew(&self, lease: Lease, lease_for: Duration) -> Result<bool, StoreError> {
        let statement = of(RENEW, &lease).bind(micros(lease_for));
        let mut loan = connected(&self.own).await?;
        Ok(!loan.ask(statement).await.map_err(store_error)?.is_empty())
    }

    async fn finish(&self, finish: Finish) -> Result<bool, StoreError> {
        let mut loan = connected(&self.own).await?;
        Ok(!loan.ask(finished(&finish)).await.map_err(store_error)?.is_empty())
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        let mut loan = connected(&self.own).await?;
        loan.ask(of(RELEASE, &lease)).await.map_err(store_error)?;
        Ok(())
    }
}

impl PostgresStore {
    /// Keeps the answer of an operation in a transaction of the application's own, so that its
    /// effect and its answer are committed together or not at all.
    ///
    /// The answer is that of [`Run::finish`](crate::extract::Run::finish); `None` writes nothing.
    /// The connection is to be inside a transaction, in the database and the schema of this store,
    /// which has to be the layer's. It holds the operation's row until it ends: commit soon after.
    ///
    /// The example `exactly_once` is a service that does so:
    ///
    /// ```no_run
    /// use axum::extract::State;
    /// use axum::response::Response;
    /// use keygate::extract::Run;
    /// use keygate::store::PostgresStore;
    /// use keygate::{ApiError, ErrorCode, Idempotent, Json, Principal};
    ///
    /// # fn failed(error: sqlx::Error) -> ApiError { ApiError::new(ErrorCode::Internal).with_source(error) }
    /// async fn create(
    ///     caller: Principal,
    ///     State(store): State<PostgresStore>,
    ///     run: Run,
    ///     Idempotent(Json(amount)): Idempotent<Json<String>>,
    /// ) -> Result<Response, ApiError> {
    ///     let mut transaction = store.pool().begin().await.map_err(failed)?;
    ///     sqlx::query("INSERT INTO links (account, amount) VALUES ($1, $2)")
    ///         .bind(caller.account().as_str())
    ///         .bind(&amount)
    ///         .execute(&mut *transaction)
    ///         .await
    ///         .map_err(failed)?;
    ///     let (finish, response) = run.finish(Json(amount)).await;
    ///     store.finish_in(&mut transaction, finish).await?;
    ///     transaction.commit().await.map_err(failed)?;
    ///     Ok(response)
    /// }
    /// # let _ = create;
    /// ```
    ///
    /// # Errors
    ///
    /// [`FinishError::Lost`] if another request has taken the operation over: roll back, its effect
    /// would be the second. [`FinishError::Store`] if the database fails. Both become an
    /// [`ApiError`](crate::ApiError) by `?`: 409 `in_progress` and 503.
    pub async fn finish_in(
        &self,
        transaction: &mut PgConnection,
        finish: impl Into<Option<Finish>>,
    ) -> Result<(), FinishError> {
        let Some(finish) = finish.into() else { return Ok(()) };
        let done = finished(&finish).fetch_optional(transaction).await;
        match done.map_err(store_error)? {
            Some(_) => Ok(()),
            None => Err(FinishError::Lost),
        }
    }
}

fn lease(begin: &Begin) -> Statement<'_> {
    sqlx::query(LEASE)
        .bind(begin.lease.operation.as_bytes().as_slice())
        .bind(begin.fingerprint.as_bytes().as_slice())
        .bind(begin.lease.token.as_bytes().as_slice())
        .bind(micros(begin.lease_for))
        .bind(micros(begin.keep_for.max(begin.lease_for)))
}

fn finished(finish: &Finish) -> Statement<'_> {
    of(FINISH, &finish.lease).bind(&*finish.answer).bind(micros(finish.keep_for))
}

/// A statement whose first two arguments are a lease.
fn of<'q>(statement: &'static str, lease: &'q Lease) -> Statement<'q> {
    let (operation, token) = (lease.operation.as_bytes(), lease.token.as_bytes());
    sqlx::query(statement).bind(operation.as_slice()).bind(token.as_slice())
}

fn known(row: &PgRow) -> Result<Known, StoreError> {
    let bytes: Vec<u8> = get(row, "", "fingerprint")?;
    let answer: Option<Vec<u8>> = get(row, "", "answer")?;
    Ok(Known::new(fingerprint(&bytes)?, answer.map(Into::into), get(row, "", "lease_ended")?))
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
