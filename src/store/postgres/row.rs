use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row as _, Type};

use super::connections::Statement;
use super::timestamp::Timestamp;
use crate::store::sql::{Row, corrupt};
use crate::store::{KeyRecord, StoreError};

/// The columns of a record, in the order in which [`bind`] binds them. Named one by one, so that a
/// column that a newer version added is in nobody's way.
macro_rules! columns {
    () => {
        "id, name, hint, hash, kind, mode, scopes, account, plan, quota_count, quota_period_ns, \
         quota_burst, lineage, replaces, replaced_by, created_at, not_before, expires_at, \
         revoked_at, revoked_reason"
    };
}
/// Where a record's columns stand in a statement that [`bind`] was called for first.
macro_rules! arguments {
    () => {
        "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20"
    };
}
pub(super) use {arguments, columns};

/// Binds the twenty columns of a record.
pub(super) fn bind<'q>(statement: Statement<'q>, row: &'q Row) -> Statement<'q> {
    statement
        .bind(&row.id)
        .bind(&row.name)
        .bind(&row.hint)
        .bind(&row.hash)
        .bind(&row.kind)
        .bind(&row.mode)
        .bind(&row.scopes)
        .bind(&row.account)
        .bind(&row.plan)
        .bind(row.quota_count)
        .bind(row.quota_period_ns)
        .bind(row.quota_burst)
        .bind(&row.lineage)
        .bind(&row.replaces)
        .bind(&row.replaced_by)
        .bind(Timestamp(row.created_at))
        .bind(row.not_before.map(Timestamp))
        .bind(row.expires_at.map(Timestamp))
        .bind(row.revoked_at.map(Timestamp))
        .bind(&row.revoked_reason)
}

/// The record that stands in a row.
pub(super) fn record(row: &PgRow) -> Result<KeyRecord, StoreError> {
    let columns = Columns { id: get(row, "", "id")?, row };
    let scopes: Vec<Option<String>> = columns.get("scopes")?;
    let row = Row {
        name: columns.get("name")?,
        hint: columns.get("hint")?,
        hash: columns.get("hash")?,
        kind: columns.get("kind")?,
        mode: columns.get("mode")?,
        // No scope has an empty name: the row is refused.
        scopes: scopes.into_iter().map(Option::unwrap_or_default).collect(),
        account: columns.get("account")?,
        plan: columns.get("plan")?,
        quota_count: columns.get("quota_count")?,
        quota_period_ns: columns.get("quota_period_ns")?,
        quota_burst: columns.get("quota_burst")?,
        lineage: columns.get("lineage")?,
        replaces: columns.get("replaces")?,
        replaced_by: columns.get("replaced_by")?,
        created_at: columns.get::<Timestamp>("created_at")?.0,
        not_before: columns.time("not_before")?,
        expires_at: columns.time("expires_at")?,
        revoked_at: columns.time("revoked_at")?,
        revoked_reason: columns.get("revoked_reason")?,
        id: columns.id,
    };
    row.into_record()
}

/// A column of the row of this key. What it holds is in no error.
pub(super) fn get<'r, T>(row: &'r PgRow, id: &str, column: &'static str) -> Result<T, StoreError>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(column).map_err(|_| corrupt(id, column, "is missing, null or of another type"))
}

struct Columns<'r> {
    id: String,
    row: &'r PgRow,
}

impl<'r> Columns<'r> {
    fn get<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Postgres> + Type<Postgres>,
    {
        get(self.row, &self.id, column)
    }

    fn time(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        Ok(self.get::<Option<Timestamp>>(column)?.map(|time| time.0))
    }
}
