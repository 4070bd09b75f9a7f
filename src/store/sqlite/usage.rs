use sqlx::{Row as _, SqliteConnection};

use crate::KeyId;
use crate::store::sql::{nearest_micros, store_error, time};
use crate::store::{KeyUsage, StoreError, StoredUsage, UsageBatch};

/// Counts a batch once: nothing is done unless its number is above the node's last.
const TAKE_NUMBER: &str = "\
    INSERT INTO keygate_usage_nodes (node, sequence, written_at) \
    VALUES (?, ?, unixepoch() * 1000000) \
    ON CONFLICT (node) DO UPDATE SET sequence = excluded.sequence, written_at = excluded.written_at \
    WHERE sequence < excluded.sequence";

/// Nodes draw a new number at each start. The last batch of one that is gone is of no use for long.
const FORGET_NODES: &str =
    "DELETE FROM keygate_usage_nodes WHERE written_at < (unixepoch() - 86400) * 1000000";

/// A whole batch in one statement, as JSON. A sum stays at the greatest number instead of
/// overflowing, the time of the last use never goes back, and keys that are gone are left out.
const ADD: &str = "\
    INSERT INTO keygate_usage (key_id, requests, last_used_at) \
    SELECT keys.id, used.value ->> 1, used.value ->> 2 \
    FROM json_each(?) AS used JOIN keygate_keys AS keys ON keys.id = used.value ->> 0 \
    WHERE true \
    ON CONFLICT (key_id) DO UPDATE SET \
    requests = requests + min(excluded.requests, 9223372036854775807 - requests), \
    last_used_at = max(last_used_at, excluded.last_used_at)";

/// The node's number and the keys' figures in one statement, so that both are of one moment.
const USAGE: &str = "\
    SELECT NULL AS key_id, sequence AS figure, 0 AS last_used_at \
    FROM keygate_usage_nodes WHERE node = ? \
    UNION ALL SELECT key_id, requests, last_used_at \
    FROM json_each(?) AS asked JOIN keygate_usage ON key_id = asked.value";

pub(super) async fn add(sql: &mut SqliteConnection, batch: UsageBatch) -> Result<(), StoreError> {
    let taken = sqlx::query(TAKE_NUMBER)
        .bind(batch.node.cast_signed())
        .bind(figure(batch.sequence))
        .execute(&mut *sql)
        .await
        .map_err(store_error)?;
    if taken.rows_affected() == 0 {
        return Ok(());
    }
    let keys = batch.keys.iter().map(|used| {
        (used.id.to_string(), figure(used.requests), nearest_micros(used.last_used_at))
    });
    let keys = json(&keys.collect::<Vec<_>>())?;
    sqlx::query(ADD).bind(keys).execute(&mut *sql).await.map_err(store_error)?;
    sqlx::query(FORGET_NODES).execute(sql).await.map_err(store_error)?;
    Ok(())
}

pub(super) async fn usage(
    sql: &mut SqliteConnection,
    node: u64,
    ids: &[KeyId],
) -> Result<StoredUsage, StoreError> {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let rows = sqlx::query(USAGE)
        .bind(node.cast_signed())
        .bind(json(&ids)?)
        .fetch_all(sql)
        .await
        .map_err(store_error)?;
    let mut stored = StoredUsage::default();
    for row in rows {
        let id: Option<String> = row.try_get("key_id").map_err(store_error)?;
        let figure: i64 = row.try_get("figure").map_err(store_error)?;
        let figure = u64::try_from(figure).map_err(StoreError::permanent)?;
        let Some(id) = id else {
            stored.written = figure;
            continue;
        };
        let last_used_at = time(row.try_get("last_used_at").map_err(store_error)?);
        let usage = KeyUsage {
            last_used_at: Some(last_used_at.map_err(StoreError::permanent)?),
            requests: figure,
        };
        stored.keys.push((KeyId::parse(&id).map_err(StoreError::permanent)?, usage));
    }
    Ok(stored)
}

/// A number as SQLite can keep it.
fn figure(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn json(values: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(values).map_err(StoreError::permanent)
}
