use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::keys::{SELECT, record};
use crate::store::sql::{mode_word, nearest_micros, store_error};
use crate::store::{KeyQuery, KeyRecord, KeyStatus, StoreError};

/// Asks only about what was asked for: each combination has an index that gives its order, and is
/// prepared once on each connection.
pub(super) async fn list(
    sql: &mut SqliteConnection,
    query: KeyQuery,
) -> Result<Vec<KeyRecord>, StoreError> {
    let mut question = question(&query);
    let rows = question.build().fetch_all(sql).await.map_err(store_error)?;
    rows.iter().map(record).collect()
}

fn question(query: &KeyQuery) -> QueryBuilder<Sqlite> {
    let mut question = QueryBuilder::new(SELECT);
    if let Some(account) = &query.account {
        question.push(" AND account = ").push_bind(account.to_string());
    }
    if let Some(mode) = query.mode {
        // An account has few of the keys and a mode has many: `+` keeps the planner, which knows
        // no figures, from following the index by mode instead of that by account.
        question.push(if query.account.is_some() { " AND +mode = " } else { " AND mode = " });
        question.push_bind(mode_word(mode));
    }
    match query.status {
        None => {}
        Some(KeyStatus::Revoked) => {
            question.push(" AND revoked_at IS NOT NULL");
        }
        Some(KeyStatus::Expired) => {
            question.push(" AND revoked_at IS NULL AND expires_at <= ");
            question.push_bind(nearest_micros(query.now));
        }
        Some(KeyStatus::Active) => {
            question.push(" AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ");
            question.push_bind(nearest_micros(query.now)).push(")");
        }
    }
    if let Some(text) = &query.search {
        // SQLite's `lower` knows the letters of ASCII, and `instr` no wildcards.
        question.push(" AND instr(lower(name), ").push_bind(text.to_ascii_lowercase());
        question.push(") > 0");
    }
    if let Some(place) = &query.after {
        question.push(" AND (created_at, id) < (").push_bind(nearest_micros(place.created_at()));
        question.push(", ").push_bind(place.id().to_string()).push(")");
    }
    question.push(" ORDER BY created_at DESC, id DESC LIMIT ");
    question.push_bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    question
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use sqlx::{AssertSqlSafe, Row};

    use super::*;
    use crate::store::{Cursor, KeyStore, SqliteStore};
    use crate::{AccountId, KeyId, Mode};

    /// Every question that can be asked.
    fn questions() -> Vec<KeyQuery> {
        let statuses =
            [None, Some(KeyStatus::Active), Some(KeyStatus::Revoked), Some(KeyStatus::Expired)];
        let mut questions = Vec::new();
        for status in statuses {
            for bits in 0..16 {
                let mut query = KeyQuery::new(UNIX_EPOCH);
                query.status = status;
                query.mode = (bits & 1 > 0).then_some(Mode::Live);
                query.account = (bits & 2 > 0).then(|| AccountId::parse("acct_1").unwrap());
                query.after = (bits & 4 > 0).then(|| "17-key_1".parse::<Cursor>().unwrap());
                query.search = (bits & 8 > 0).then(|| "plugin".to_owned());
                questions.push(query);
            }
        }
        questions
    }

    #[tokio::test]
    async fn every_list_follows_an_index_and_sorts_nothing() {
        let store = SqliteStore::open("sqlite::memory:").await.unwrap();
        for query in questions() {
            let text = format!("EXPLAIN QUERY PLAN {}", question(&query).sql().as_str());
            let plan = sqlx::query(AssertSqlSafe(text)).fetch_all(store.pool()).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            let plan = plan.join("; ");
            assert!(plan.contains("USING INDEX keygate_keys_"), "{query:?}: {plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{query:?}: {plan}");
            assert_eq!(plan.contains("keygate_keys_by_account"), query.account.is_some(), "{plan}");
        }
    }

    #[tokio::test]
    async fn places_that_no_key_can_have_are_no_errors() {
        let store = SqliteStore::open("sqlite::memory:").await.unwrap();
        let mut query = KeyQuery::new(UNIX_EPOCH);
        query.after = Some(format!("{}-key_1", 1_u64 << 63).parse().unwrap());
        assert!(store.list(query).await.unwrap().is_empty());
        assert!(store.find_by_id(&KeyId::parse("key_1").unwrap()).await.unwrap().is_none());
    }
}
