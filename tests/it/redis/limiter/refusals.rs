//! X3: Redis answers, but not with a decision.

use super::*;
use crate::support::becomes;
use crate::support::redis::{Server, ask, database};

/// The node falls back while something is so, and is well before and afterwards.
async fn degraded(server: &Server, begin: &[&str], end: &[&str]) {
    let url = server.url();
    let half = node(&url, Fallback::local(2)).await;
    let closed = node(&url, Fallback::Closed).await;
    for layer in [&half, &closed] {
        becomes(&By::Redis, async || call(layer, "acme").await.by()).await;
    }
    let () = ask(&url, begin).await;
    for account in ["acme", "other"] {
        for _ in 0..40 {
            assert_eq!(call(&half, account).await.by(), By::Half, "{begin:?}");
            assert_eq!(call(&closed, account).await.by(), By::Unavailable, "{begin:?}");
        }
        assert_eq!(call(&half, account).await.status, 429, "{begin:?}: a share and no more");
    }
    let () = ask(&url, end).await;
    for layer in [&half, &closed] {
        becomes(&By::Redis, async || call(layer, "third").await.by()).await;
    }
}

#[tokio::test]
async fn x3_a_master_that_becomes_a_replica_takes_no_writes() {
    let Some(server) = Server::start().await else { return };
    let master = Server::start().await.unwrap();
    // It need not be let in: it is read-only at once.
    let address = master.url();
    let port = address.trim_end_matches('/').rsplit_once(':').unwrap().1;
    degraded(&server, &["REPLICAOF", "127.0.0.1", port], &["REPLICAOF", "NO", "ONE"]).await;
}

#[tokio::test]
async fn x3_a_redis_that_is_full() {
    let Some(server) = Server::start().await else { return };
    let set = |bytes| ["CONFIG", "SET", "maxmemory", bytes];
    degraded(&server, &set("1"), &set("0")).await;
}

#[tokio::test]
async fn x3_a_user_whose_rights_are_taken_away() {
    let Some(server) = Server::start().await else { return };
    let user = |scripts| ["ACL", "SETUSER", "default", scripts];
    degraded(&server, &user("-evalsha"), &user("+evalsha")).await;
}

#[tokio::test]
async fn x3_a_script_that_redis_forgot_is_told_again() {
    let Some(database) = database().await else { return };
    let layer = RateLimitLayer::per_key(MINUTE).limiter(patient(database.url()).await);
    for left in (55..60).rev() {
        let answer = call(&layer, "acme").await;
        assert_eq!(answer.number("x-ratelimit-remaining"), Some(left));
        let () = ask(database.url(), &["SCRIPT", "FLUSH"]).await;
    }
}

#[tokio::test]
async fn x3_a_redis_that_is_loading() {
    // So slow that it takes seconds.
    let settings = ["enable-debug-command yes", "key-load-delay 2000"];
    let Some(server) = Server::start_with(&settings).await else { return };
    let url = server.url();
    let fill = ["DEBUG", "POPULATE", "2000"];
    let () = ask(&url, &fill).await;
    let layer = node(&url, Fallback::local(2)).await;
    becomes(&By::Redis, async || call(&layer, "acme").await.by()).await;
    let loading = tokio::spawn(async move { ask::<()>(&url, &["DEBUG", "RELOAD"]).await });
    becomes(&By::Half, async || call(&layer, "acme").await.by()).await;
    let mut loads = 0;
    while !loading.is_finished() {
        loads += u32::from(call(&layer, "acme").await.by() == By::Half);
        tokio::task::yield_now().await;
    }
    assert!(loads > 10, "{loads} requests while it loads");
    loading.await.unwrap();
    becomes(&By::Redis, async || call(&layer, "acme").await.by()).await;
}

#[tokio::test]
async fn x3_what_somebody_else_has_put_in_a_buckets_place_counts_as_used_up_and_heals() {
    let Some(database) = database().await else { return };
    let limiter = patient(database.url()).await;
    let layer = RateLimitLayer::per_account(Quota::per_second(50)).limiter(limiter);
    let name = |account: &str| format!("keygate:a:default:{{a:{account}}}");
    for (account, command) in [
        ("a", &["RPUSH", "", "1"][..]),
        ("b", &["SET", "", "nonsense"]),
        ("c", &["SET", "", ""]),
        ("d", &["SET", "", "as long as a bucket, but it is none"]),
        ("e", &["SET", "", "of the very length of a bucket's"]),
        ("f", &["HSET", "", "1", "2"]),
        // Zeros in all four places.
        ("g", &["SETRANGE", "", "31", "\0"]),
    ] {
        let name = name(account);
        let words: Vec<_> = command
            .iter()
            .enumerate()
            .map(|(at, word)| if at == 1 { &*name } else { word })
            .collect();
        let _: redis::Value = ask(database.url(), &words).await;
        let answer = call(&layer, account).await;
        assert_eq!(answer.status, 429, "{command:?}");
        assert_eq!(answer.headers["x-ratelimit-remaining"], "0");
        becomes(&200, async || call(&layer, account).await.status).await;
        let expiry: i64 = ask(database.url(), &["PTTL", &name]).await;
        assert!((1..=1_001).contains(&expiry), "it is a bucket now: {expiry}");
    }
}
