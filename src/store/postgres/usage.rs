use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::PgPool;
use sqlx::postgres::PgRow;

use super::connections::read;
use super::keys::connected;
use super::row::get;
use super::timestamp::Timestamp;
use crate::KeyId;
use crate::store::sql::{corrupt, micros, nearest_micros, store_error, time};
use crate::store::{KeyUsage, StoreError, StoredHours, StoredUsage, UsageBatch};

/// One statement, so that a batch is in or not. The node's row is written first: where the
/// sequence is in already it is left alone, and nothing follows from it. Keys are written in the
/// order of their ids, so that nodes that write the same ones do not wait for each other in a ring.
///
/// Hours are swept out once they are older than two days, both by the clock here and by that of the
/// batch: one that runs fast takes nobody's figures. Twice as many rows as a batch can have, so
/// that they grow less, and few enough that no flush takes long. None of them is written to by the
/// same statement.
const ADD: &str = "\
    WITH node AS ( \
        INSERT INTO keygate_usage_nodes AS known (node, sequence, written_at) \
        VALUES ($1, $2, now()) \
        ON CONFLICT (node) DO UPDATE \
            SET sequence = excluded.sequence, written_at = excluded.written_at \
            WHERE known.sequence < excluded.sequence \
        RETURNING node \
    ), long_gone AS ( \
        DELETE FROM keygate_usage_nodes WHERE node IN ( \
            SELECT node FROM keygate_usage_nodes \
            WHERE written_at < now() - interval '1 day' AND node <> $1 \
            FOR UPDATE SKIP LOCKED) \
    ), by_hour AS ( \
        INSERT INTO keygate_usage_hours AS known (key_id, hour, requests) \
        SELECT used.key_id, used.hour, used.requests \
        FROM node \
            CROSS JOIN unnest($3::text[], $4::bigint[], $6::timestamptz[]) \
                AS used (key_id, requests, hour) \
            JOIN keygate_keys ON keygate_keys.id = used.key_id \
        WHERE used.hour >= least(now(), $7) - interval '2 days' \
        ORDER BY used.key_id COLLATE \"C\" \
        ON CONFLICT (key_id, hour) DO UPDATE SET \
            requests = least( \
                known.requests::numeric + excluded.requests, 9223372036854775807)::bigint \
    ), hours_ago AS ( \
        DELETE FROM keygate_usage_hours WHERE (key_id, hour) IN ( \
            SELECT key_id, hour FROM keygate_usage_hours \
            WHERE hour < least(now(), $7) - interval '2 days' \
            ORDER BY hour LIMIT 8192 FOR UPDATE SKIP LOCKED) \
    ) \
    INSERT INTO keygate_usage AS known (key_id, requests, last_used_at) \
    SELECT used.key_id, used.requests, used.last_used_at \
    FROM node \
        CROSS JOIN unnest($3::text[], $4::bigint[], $5::timestamptz[]) \
            AS used (key_id, requests, last_used_at) \
        JOIN keygate_keys ON keygate_keys.id = used.key_id \
    ORDER BY used.key_id COLLATE \"C\" \
    ON CONFLICT (key_id) DO UPDATE SET \
        requests = least( \
            known.requests::numeric + excluded.requests, 9223372036854775807)::bigint, \
        last_used_at = greatest(known.last_used_at, excluded.last_used_at)";

/// One statement, so that the figures and how far they go are of one moment. One row at the least.
const USAGE: &str = "\
    SELECT coalesce(node.sequence, 0) AS written, key_id, requests, last_used_at \
    FROM (VALUES ($1)) AS asking (node) \
        LEFT JOIN keygate_usage_nodes AS node ON node.node = asking.node \
        LEFT JOIN keygate_usage ON key_id = ANY ($2::text[])";

/// As [`USAGE`], for the hours of one key.
const HOURS: &str = "\
    SELECT coalesce(node.sequence, 0) AS written, hour, requests \
    FROM (VALUES ($1)) AS asking (node) \
        LEFT JOIN keygate_usage_nodes AS node ON node.node = asking.node \
        LEFT JOIN keygate_usage_hours ON key_id = $2 AND hour >= $3";

pub(super) async fn add(pool: &PgPool, batch: &UsageBatch) -> Result<(), StoreError> {
    let (mut ids, mut requests) = (Vec::new(), Vec::new());
    let (mut times, mut hours) = (Vec::new(), Vec::new());
    for used in &batch.keys {
        ids.push(used.id.as_str());
        requests.push(i64::try_from(used.requests).unwrap_or(i64::MAX));
        times.push(Timestamp(micros(used.last_used_at)?));
        hours.push(Timestamp(micros(used.hour())?));
    }
    let newest = batch.keys.iter().map(|used| used.last_used_at).max().unwrap_or(UNIX_EPOCH);
    let sequence = i64::try_from(batch.sequence).map_err(StoreError::permanent)?;
    let statement = sqlx::query(ADD).bind(number(batch.node)).bind(sequence);
    let statement = statement.bind(ids).bind(requests).bind(times).bind(hours);
    let mut loan = connected(pool).await?;
    loan.ask(statement.bind(Timestamp(micros(newest)?))).await.map_err(store_error)?;
    Ok(())
}

pub(super) async fn usage(
    pool: &PgPool,
    node: u64,
    ids: &[KeyId],
) -> Result<StoredUsage, StoreError> {
    let ids: Vec<_> = ids.iter().map(KeyId::as_str).collect();
    let (_, rows) = read(pool, || sqlx::query(USAGE).bind(number(node)).bind(&ids)).await?;
    let mut stored = StoredUsage::default();
    for row in &rows {
        let written: i64 = get(row, "", "written")?;
        stored.written = u64::try_from(written).unwrap_or_default();
        stored.keys.extend(used(row)?);
    }
    Ok(stored)
}

pub(super) async fn hours(
    pool: &PgPool,
    node: u64,
    id: &KeyId,
    since: SystemTime,
) -> Result<StoredHours, StoreError> {
    let since = Timestamp(nearest_micros(since));
    let ask = || sqlx::query(HOURS).bind(number(node)).bind(id.as_str()).bind(since);
    let (_, rows) = read(pool, ask).await?;
    let (mut stored, id) = (StoredHours::default(), id.as_str());
    for row in &rows {
        stored.written = u64::try_from(get::<i64>(row, "", "written")?).unwrap_or_default();
        // None: it was not used.
        let Some(Timestamp(hour)) = get(row, id, "hour")? else { continue };
        let hour = time(hour).map_err(|problem| corrupt(id, "hour", problem))?;
        let requests: i64 = get(row, id, "requests")?;
        let requests =
            u64::try_from(requests).map_err(|_| corrupt(id, "requests", "is below 0"))?;
        stored.hours.push((hour, requests));
    }
    Ok(stored)
}

/// A node's number as the database keeps it: the same bits.
fn number(node: u64) -> i64 {
    node.cast_signed()
}

/// None: none of the keys that were asked for has been used.
fn used(row: &PgRow) -> Result<Option<(KeyId, KeyUsage)>, StoreError> {
    let id: Option<String> = get(row, "", "key_id")?;
    let Some(id) = id else { return Ok(None) };
    let requests: i64 = get(row, &id, "requests")?;
    let requests = u64::try_from(requests).map_err(|_| corrupt(&id, "requests", "is below 0"))?;
    let Timestamp(last) = get(row, &id, "last_used_at")?;
    let last = time(last).map_err(|problem| corrupt(&id, "last_used_at", problem))?;
    let usage = KeyUsage { requests, last_used_at: Some(last) };
    let id = KeyId::parse(&id).map_err(|_| corrupt(&id, "key_id", "is no id of a key"))?;
    Ok(Some((id, usage)))
}
