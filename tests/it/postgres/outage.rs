//! A Postgres that is paused, killed or started again.

use std::time::Duration;

use keygate::test_util::Fault;
use keygate::{Keyring, Refusal};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{DEADLINE, LONG_DEADLINE, PATIENCE, builder, issued, store, unknown, until};
use crate::support::postgres::{Server, database, run};

/// How much later than the deadline an answer may come.
const SLACK: Duration = Duration::from_millis(20);

/// How soon look-ups work again.
const RECOVERY: Duration = Duration::from_secs(1);

/// How much later than a timer of the deadline each of a few look-ups of cold keys failed; sorted.
/// A machine that is late with the one is late with the other.
async fn failing(keys: &Keyring) -> Vec<Duration> {
    let mut late = Vec::new();
    for _ in 0..9 {
        let began = Instant::now();
        let unknown = unknown();
        let failed = async { (keys.verify(&unknown).await.unwrap_err(), began.elapsed()) };
        let ((refusal, took), timer) = tokio::join!(failed, deadline_by_timer(began));
        assert!(matches!(refusal, Refusal::LookupFailed | Refusal::CircuitOpen), "{refusal:?}");
        late.push(took.saturating_sub(timer));
    }
    late.sort_unstable();
    late
}

/// How long a deadline takes on this machine, now.
async fn deadline_by_timer(began: Instant) -> Duration {
    tokio::time::sleep(DEADLINE).await;
    began.elapsed()
}

/// The middle one of the sorted times: the machine may be busy once.
#[track_caller]
fn assert_in_time(what: &str, late: &[Duration]) {
    let median = late[late.len() / 2];
    assert!(median <= SLACK, "{what}: {late:?}");
}

#[tokio::test]
async fn v1_v2_a_paused_server_is_told_in_time_and_cached_keys_go_on() {
    let Some(server) = Server::start().await else { return };
    let store = store(&server.url()).await;
    let keys = builder(&store).build().unwrap();
    let (cached, cold) = (issued(&keys).await, issued(&keys).await);
    until(PATIENCE, async || keys.verify(cached.key().expose()).await.is_ok()).await;
    server.pause();
    assert_eq!(keys.verify(cold.key().expose()).await.unwrap_err(), Refusal::LookupFailed);
    assert_in_time("paused", &failing(&keys).await);
    for _ in 0..1_000 {
        keys.verify(cached.key().expose()).await.unwrap();
    }
    server.resume();
    let works = async || keys.verify(cold.key().expose()).await.is_ok();
    let after = until(PATIENCE, works).await;
    assert!(after <= RECOVERY, "{after:?}");
}

#[tokio::test]
async fn v1_v2_v14_a_killed_server_is_told_in_time_and_works_again_when_it_is_back() {
    let Some(mut server) = Server::start().await else { return };
    let store = store(&server.url()).await;
    let keys = builder(&store).max_lookups(4).build().unwrap();
    let (cached, cold) = (issued(&keys).await, issued(&keys).await);
    until(PATIENCE, async || keys.verify(cached.key().expose()).await.is_ok()).await;
    server.kill();
    assert_in_time("killed", &failing(&keys).await);
    for _ in 0..1_000 {
        keys.verify(cached.key().expose()).await.unwrap();
    }
    server.restart().await;
    let works = async || keys.verify(cold.key().expose()).await.is_ok();
    let after = until(PATIENCE, works).await;
    assert!(after <= RECOVERY, "{after:?}");
    all_permits_are_there(&keys, &store, 4).await;
    // No connection of before the outage is handed out.
    let patient = builder(&store).deadline(LONG_DEADLINE).build().unwrap();
    for _ in 0..50 {
        assert_eq!(patient.verify(&unknown()).await.unwrap_err(), Refusal::UnknownKey);
    }
    until(PATIENCE, async || keys.revoke(cached.id()).await.is_ok()).await;
    assert_eq!(keys.verify(cached.key().expose()).await.unwrap_err(), Refusal::Revoked);
}

#[tokio::test]
async fn v4_v14_the_circuit_opens_while_a_server_hangs_and_closes_after_it() {
    const LOOK_UPS: usize = 4;
    let Some(server) = Server::start().await else { return };
    let store = store(&server.url()).await;
    let keys = builder(&store).max_lookups(LOOK_UPS).build().unwrap();
    let cold = issued(&keys).await;
    server.pause();
    let (began, before) = (Instant::now(), store.lookups());
    let mut refused_at_once = 0;
    while began.elapsed() < Duration::from_secs(10) {
        let asked = Instant::now();
        let unknown = unknown();
        let mut callers = JoinSet::new();
        for _ in 0..LOOK_UPS {
            let (keys, unknown) = (keys.clone(), unknown.clone());
            callers.spawn(async move { keys.verify(&unknown).await.unwrap_err() });
        }
        let (refusals, timer) = tokio::join!(callers.join_all(), deadline_by_timer(asked));
        let took = asked.elapsed();
        for refusal in refusals {
            match refusal {
                Refusal::LookupFailed => {}
                Refusal::CircuitOpen => refused_at_once += 1,
                other => panic!("a server that hangs is no reason for {other:?}"),
            }
        }
        assert!(took <= timer + 10 * SLACK, "{took:?}, by a timer {timer:?}");
        tokio::time::sleep(SLACK).await;
    }
    assert!(refused_at_once > 0, "the circuit never opened");
    // Each is given up after eight deadlines; one probe a second while the circuit is open.
    let asked = store.lookups() - before;
    assert!(asked <= 5 * LOOK_UPS + 10, "{asked} look-ups");
    server.resume();
    let works = async || keys.verify(cold.key().expose()).await.is_ok();
    let after = until(PATIENCE, works).await;
    assert!(after <= RECOVERY, "{after:?}");
    all_permits_are_there(&keys, &store, LOOK_UPS).await;
}

/// So many look-ups run side by side, once none of the outage is left.
async fn all_permits_are_there(keys: &Keyring, store: &super::Store, permits: usize) {
    until(PATIENCE, async || store.under_way() == 0).await;
    store.set(Fault::Hold);
    let mut callers = JoinSet::new();
    for _ in 0..permits {
        let keys = keys.clone();
        callers.spawn(async move { keys.verify(&unknown()).await.unwrap_err() });
    }
    // As long as one is held before it is given up.
    until(8 * DEADLINE, async || store.under_way() == permits).await;
    store.set(Fault::None);
    for refusal in callers.join_all().await {
        // The answer may be late for the caller, and that is all.
        assert!(matches!(refusal, Refusal::UnknownKey | Refusal::LookupFailed), "{refusal:?}");
    }
}

#[tokio::test]
async fn v5_a_thousand_callers_of_a_cold_key_are_one_look_up() {
    let Some(database) = database("v5").await else { return };
    let store = store(database.url()).await;
    let keys = builder(&store).deadline(LONG_DEADLINE).build().unwrap();
    let cold = issued(&keys).await;
    let mut callers = JoinSet::new();
    for _ in 0..1_000 {
        let (keys, text) = (keys.clone(), cold.key().expose().to_owned());
        callers.spawn(async move { keys.verify(&text).await });
    }
    for caller in callers.join_all().await {
        caller.unwrap();
    }
    assert_eq!(store.lookups(), 1);
}

#[tokio::test]
async fn r2_r3_the_feed_is_there_again_after_a_restart() {
    let Some(mut server) = Server::start().await else { return };
    let url = server.url();
    let keys = builder(&store(&url).await).deadline(LONG_DEADLINE).build().unwrap();
    for number in 0..3 {
        let key = issued(&keys).await;
        let text = key.key().expose();
        until(PATIENCE, async || keys.verify(text).await.is_ok()).await;
        // Typed into psql: nobody tells this keyring but the feed.
        let revoke =
            format!("UPDATE keygate_keys SET revoked_at = now() WHERE id = '{}'", key.id());
        run(&url, &revoke).await;
        let refused = async || keys.verify(text).await.is_err_and(|why| why == Refusal::Revoked);
        let after = until(PATIENCE, refused).await;
        assert!(after <= Duration::from_secs(2), "restart {number}: {after:?}");
        server.restart().await;
        // The feed is resubscribed to within a second and its proof with it.
        timeout(PATIENCE, heard(&keys, &url)).await.unwrap();
    }
}

/// Until a change that is made elsewhere is heard of within a moment.
async fn heard(keys: &Keyring, url: &str) {
    loop {
        let Ok(key) = keys.issue(keygate::NewKey::named("heard")).await else { continue };
        if keys.verify(key.key().expose()).await.is_err() {
            continue;
        }
        let delete = format!("DELETE FROM keygate_keys WHERE id = '{}'", key.id());
        run(url, &delete).await;
        let gone = async || keys.verify(key.key().expose()).await.is_err();
        if timeout(Duration::from_millis(500), until(PATIENCE, gone)).await.is_ok() {
            return;
        }
    }
}
