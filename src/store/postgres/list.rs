use std::time::SystemTime;

use sqlx::{AssertSqlSafe, PgPool};

use super::connections::read;
use super::row::{columns, record};
use super::timestamp::Timestamp;
use crate::store::sql::{mode_word, nearest_micros};
use crate::store::{Cursor, KeyQuery, KeyRecord, KeyStatus, StoreError};

const SELECT: &str = concat!("SELECT ", columns!(), " FROM keygate_keys WHERE true");
const ORDER: &str = " ORDER BY created_at DESC, id DESC LIMIT $6";

/// The records that the query asks for.
pub(super) async fn list(pool: &PgPool, query: KeyQuery) -> Result<Vec<KeyRecord>, StoreError> {
    let search = query.search.as_ref().map(|text| text.to_ascii_lowercase());
    // Postgres has no NUL in a text: it would refuse the question, and no name has one.
    if search.as_ref().is_some_and(|text| text.contains('\0')) {
        return Ok(Vec::new());
    }
    let sql = sql(&query);
    let after = query.after.as_ref();
    let question = || {
        sqlx::query(AssertSqlSafe(sql.as_str()))
            .bind(query.account.as_ref().map(ToString::to_string))
            .bind(query.mode.map(mode_word))
            .bind(timestamp(query.now))
            .bind(after.map(Cursor::created_at).map(timestamp))
            .bind(after.map(|place| place.id().as_str()))
            .bind(i64::try_from(query.limit).unwrap_or(i64::MAX))
            .bind(search.as_deref())
    };
    let (_, rows) = read(pool, question).await?;
    rows.iter().map(record).collect()
}

/// Only what was asked about is in the statement, so that each combination is planned with its own
/// index. The numbers of the arguments stay the same: the database is told the types of all.
fn sql(query: &KeyQuery) -> String {
    let conditions = [
        query.account.as_ref().map(|_| " AND account = $1"),
        query.mode.map(|_| " AND mode = $2"),
        query.status.map(|status| match status {
            KeyStatus::Active => {
                " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)"
            }
            KeyStatus::Revoked => " AND revoked_at IS NOT NULL",
            KeyStatus::Expired => " AND revoked_at IS NULL AND expires_at <= $3",
        }),
        // By this collation `lower` knows the letters of ASCII only.
        query.search.as_ref().map(|_| " AND strpos(lower(name COLLATE \"C\"), $7) > 0"),
        query.after.as_ref().map(|_| " AND (created_at, id) < ($4, $5)"),
    ];
    let conditions = conditions.into_iter().flatten();
    [SELECT].into_iter().chain(conditions).chain([ORDER]).collect()
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp(nearest_micros(time))
}
