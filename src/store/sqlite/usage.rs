use std::time::SystemTime;

use sqlx::{Row as _, SqliteConnection};

use crate::KeyId;
use crate::store::sql::{nearest_micros, store_error, time};
use crate::store::{KeyUsage, StoreError, StoredHours, StoredUsage, UsageBatch};

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

/// The same batch by the hour. What would be swept out at once is left out.
const ADD_HOURS: &str = "\
    INSERT INTO keygate_usage_hours (key_id, hour, requests) \
    SELECT keys.id, used.value ->> 3, used.value ->> 1 \
    FROM json_each(?1) AS used JOIN keygate_keys AS keys ON keys.id = used.value ->> 0 \
    WHERE used.value ->> 3 >= min(unixepoch() * 1000000, ?2) - 172800000000 \
    ON CONFLICT (key_id, hour) DO UPDATE SET \
    requests = requests + min(excluded.requests, 9223372036854775807 - requests)";

/// Sweeps out what is older than two days, both by the clock here and by that of the batch: one
/// that runs fast takes nobody's figures. Twice as many rows as a batch can have, so that they
/// grow less, and few enough that no flush takes long.
const FORGET_HOURS: &str = "\
    DELETE FROM keygate_usage_hours WHERE (key_id, hour) IN ( \
        SELECT key_id, hour FROM keygate_usage_hours \
        WHERE hour < min(unixepoch() * 1000000, ?) - 172800000000 \
        ORDER BY hour LIMIT 8192)";

/// The node's number and the keys' figures in one statement, so that both are of one moment.
const USAGE: &str = "\
    SELECT NULL AS key_id, sequence AS figure, 0 AS last_used_at \
    FROM keygate_usage_nodes WHERE node = ? \
    UNION ALL SELECT key_id, requests, last_used_at \
    FROM json_each(?) AS asked JOIN keygate_usage ON key_id = asked.value";

/// As [`USAGE`], for the hours of one key.
const HOURS: &str = "\
    SELECT NULL AS hour, sequence AS figure FROM keygate_usage_nodes WHERE node = ? \
    UNION ALL SELECT hour, requests FROM keygate_usage_hours WHERE key_id = ? AND hour >= ?";

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
    sqlx::query(FORGET_NODES).execute(&mut *sql).await.map_err(store_error)?;
    let Some(newest) = batch.keys.iter().map(|used| used.last_used_at).max() else { return Ok(()) };
    let newest = nearest_micros(newest);
    let keys = batch.keys.iter().map(|used| {
        let (last, hour) = (nearest_micros(used.last_used_at), nearest_micros(used.hour()));
        (used.id.to_string(), figure(used.requests), last, hour)
    });
    let keys = json(&keys.collect::<Vec<_>>())?;
    let add_hours = sqlx::query(ADD_HOURS).bind(&keys).bind(newest);
    sqlx::query(ADD).bind(&keys).execute(&mut *sql).await.map_err(store_error)?;
    add_hours.execute(&mut *sql).await.map_err(store_error)?;
    sqlx::query(FORGET_HOURS).bind(newest).execute(sql).await.map_err(store_error)?;
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

pub(super) async fn hours(
    sql: &mut SqliteConnection,
    node: u64,
    id: &KeyId,
    since: SystemTime,
) -> Result<StoredHours, StoreError> {
    let rows = sqlx::query(HOURS)
        .bind(node.cast_signed())
        .bind(id.to_string())
        .bind(nearest_micros(since))
        .fetch_all(sql)
        .await
        .map_err(store_error)?;
    let mut stored = StoredHours::default();
    for row in rows {
        let hour: Option<i64> = row.try_get("hour").map_err(store_error)?;
        let figure: i64 = row.try_get("figure").map_err(store_error)?;
        let figure = u64::try_from(figure).map_err(StoreError::permanent)?;
        match hour {
            None => stored.written = figure,
            Some(hour) => {
                stored.hours.push((time(hour).map_err(StoreError::permanent)?, figure));
            }
        }
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
