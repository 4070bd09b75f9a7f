//! V13: the feed reconnects while made-up keys rain down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keygate::Refusal;

use super::{LONG_DEADLINE, PATIENCE, builder, store, unknown, until};
use crate::support::postgres::{database, number, run};
use crate::support::size;

/// How often the listening connection is ended.
const CUTS: usize = 10;

const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ILIKE 'LISTEN%'";

/// Which connection listens.
const LISTENER: &str = "SELECT coalesce(max(pid), 0)::bigint FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ILIKE 'LISTEN%'";

fn text(number: usize) -> String {
    format!("ck_test_{number:032}")
}

/// The statement that stores the hashes of so many texts.
fn insert(good: usize) -> String {
    format!(
        "INSERT INTO keygate_keys
             (id, name, hint, hash, kind, mode, scopes, account, lineage, created_at)
         SELECT 'key_' || number, 'good', 'ck_test_000000',
             sha256(convert_to('ck_test_' || lpad(number::text, 32, '0'), 'UTF8')),
             'secret', 'test', '{{}}', 'default', 'key_' || number, now()
         FROM generate_series(0, {}) AS number",
        good - 1
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v13_a_feed_that_reconnects_under_a_flood_of_junk_refuses_no_good_key() {
    let Some(database) = database("v13").await else { return };
    let store = store(database.url()).await;
    let good = size(100_000, 3_000);
    run(database.url(), &insert(good)).await;
    let stored = "SELECT count(*) FROM keygate_keys";
    assert_eq!(number(database.url(), stored).await, i64::try_from(good).unwrap());
    let keys = builder(&store).deadline(LONG_DEADLINE);
    // Nothing leaves the cache but by its own accord.
    let keys = keys.capacity(2 * good as u64).build().unwrap();
    for number in 0..good {
        keys.verify(&text(number)).await.unwrap();
    }
    let over = Arc::new(AtomicBool::new(false));
    let flood = tokio::spawn({
        let (keys, over) = (keys.clone(), Arc::clone(&over));
        async move {
            let mut junk = 0_usize;
            while !over.load(Ordering::Relaxed) {
                match keys.verify(&unknown()).await.unwrap_err() {
                    Refusal::UnknownKey => junk += 1,
                    // Behind all the others, on a busy machine.
                    Refusal::LookupFailed | Refusal::CircuitOpen => {}
                    other => panic!("{other:?}"),
                }
            }
            junk
        }
    });
    let before = store.lookups();
    let mut turns = (0..good).cycle();
    for _ in 0..CUTS {
        let ended = number(database.url(), LISTENER).await;
        run(database.url(), CUT).await;
        let reconnected = async || {
            for number in turns.by_ref().take(good / CUTS) {
                keys.verify(&text(number)).await.unwrap();
            }
            let listener = number(database.url(), LISTENER).await;
            listener != 0 && listener != ended
        };
        until(PATIENCE, reconnected).await;
    }
    for number in 0..good {
        keys.verify(&text(number)).await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let junk = flood.await.unwrap();
    assert!(junk >= CUTS, "{junk}");
    // A reconnect throws nothing away: a good key is asked for again in the background, once.
    println!("V13: {good} cached keys, {CUTS} reconnects, {junk} junk keys: all served");
    let of_good_keys = (store.lookups() - before).saturating_sub(junk);
    assert!(of_good_keys <= CUTS * good, "{of_good_keys} look-ups of {good} good keys");
}
