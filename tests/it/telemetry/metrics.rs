//! Each decision is counted once, and a recorder need not be there from the start.

use std::time::Duration;

use keygate::test_util::Fault;
use keygate::{Mode, NewKey, Quota};

use crate::crypto_checkout::{any_key, server};
use crate::support::{Kept, Server, get};

const EVENTS: &str = "/api/v1/events";

/// What was counted is told within a second.
async fn told() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

async fn call(server: &Server, key: &str, times: usize, status: u16) {
    for _ in 0..times {
        server.send(get(EVENTS).bearer(key)).await.expect(status);
    }
}

fn decisions(kept: &Kept, by: &str, outcome: &str) -> u64 {
    kept.counter(&format!("keygate_decisions_total,by={by},outcome={outcome}"))
}

fn cache(kept: &Kept, result: &str) -> u64 {
    kept.counter(&format!("keygate_cache_total,result={result}"))
}

fn limits(kept: &Kept, outcome: &str) -> u64 {
    kept.counter(&format!("keygate_limit_decisions_total,limit=default,outcome={outcome}"))
}

#[tokio::test(start_paused = true)]
async fn every_decision_is_counted_once() {
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    call(&server, key.key().expose(), 5, 200).await;
    let few = NewKey::named("few").quota(Quota::per_minute(3));
    let few = server.issue(few).await;
    call(&server, few.key().expose(), 3, 403).await;
    call(&server, few.key().expose(), 2, 429).await;
    call(&server, "not a key", 4, 401).await;
    server.keys.revoke(few.id()).await.unwrap();
    call(&server, few.key().expose(), 3, 401).await;
    server.send(get(EVENTS)).await.expect(401);
    told().await;

    assert_eq!(decisions(&kept, "auth", "accepted"), 10);
    assert_eq!(decisions(&kept, "auth", "malformed_credential"), 4);
    assert_eq!(decisions(&kept, "auth", "revoked"), 3);
    assert_eq!(decisions(&kept, "auth", "missing_credential"), 1);
    assert_eq!(decisions(&kept, "scope", "insufficient_scope"), 3);
    // Looked up: each key once, and the revoked one once more.
    assert_eq!((cache(&kept, "miss"), cache(&kept, "hit"), cache(&kept, "refused")), (3, 8, 2));
    assert_eq!((limits(&kept, "admitted"), limits(&kept, "refused")), (8, 2));
    let told_before = kept.counters_with("keygate_");
    told().await;
    assert_eq!(kept.counters_with("keygate_"), told_before, "nothing is told twice");
}

#[tokio::test(start_paused = true)]
async fn a_recorder_that_comes_late_hears_of_what_comes_after_it() {
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    call(&server, key.key().expose(), 5, 200).await;
    told().await;
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    call(&server, key.key().expose(), 3, 200).await;
    told().await;
    assert_eq!((decisions(&kept, "auth", "accepted"), limits(&kept, "admitted")), (3, 3));
    // A shutdown tells what is left.
    call(&server, key.key().expose(), 2, 200).await;
    server.keys.shutdown().await;
    assert_eq!(decisions(&kept, "auth", "accepted"), 5);
}

#[tokio::test(start_paused = true)]
async fn the_store_s_answers_are_timed() {
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    let server = server();
    let key = any_key(&server, Mode::Test).await;
    call(&server, key.key().expose(), 3, 200).await;
    told().await;
    server.store.set(Fault::Fail);
    let other = keygate::KeyFormat::base62("ck", 32).unwrap();
    let other = other.generate(Mode::Test).unwrap();
    call(&server, other.expose(), 1, 503).await;
    let took = |operation: &str, outcome: &str| {
        let labels = format!("operation={operation},outcome={outcome}");
        kept.samples(&format!("keygate_store_seconds,{labels}"))
    };
    assert_eq!((took("insert", "ok"), took("find_by_hash", "ok")), (1, 1));
    assert_eq!((took("find_by_hash", "failed"), took("add_usage", "ok")), (1, 1));
    assert_eq!(took("find_by_hash", "given_up"), 0);
}
