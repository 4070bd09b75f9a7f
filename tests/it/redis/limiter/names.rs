//! What buckets are called in Redis, how long they stay, and limits that would share one.

use keygate::{Limit, TrustedProxies};

use super::*;
use crate::support::redis::{ask, database};

#[tokio::test]
async fn each_limit_has_a_bucket_of_its_own_that_goes_when_it_is_full() {
    let Some(database) = database().await else { return };
    let limiter = patient(database.url()).await.prefix("shop one");
    let layer = RateLimitLayer::per_key(MINUTE)
        .and(Limit::per_account(Quota::per_hour(100)))
        .and(Limit::per_account(Quota::per_second(9)).named("burst"))
        .and(Limit::global(Quota::per_minute(600)).named("all of us"))
        .trusted_proxies(TrustedProxies::none())
        .limiter(limiter);
    assert_eq!(call(&layer, "acme").await.status, 200);
    let mut names: Vec<String> = ask(database.url(), &["KEYS", "*"]).await;
    names.retain(|name| !name.ends_with(":probe"));
    names.sort();
    assert_eq!(
        names,
        [
            "shop_one:a:account:{a:acme}",
            "shop_one:a:burst:{a:acme}",
            "shop_one:g:all_of_us:{g}",
            "shop_one:k:default:{a:acme}:key_test_util",
        ]
    );
    for (name, longest) in [(&names[3], 1_001), (&names[0], 36_001)] {
        let expiry: i64 = ask(database.url(), &["PTTL", name]).await;
        assert!((longest - 900..=longest).contains(&expiry), "{name}: {expiry}");
    }
    // By then it is full, and a bucket that is not there is full too.
    let began = Instant::now();
    while ask::<u64>(database.url(), &["EXISTS", &names[1]]).await == 1 {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn layers_whose_limits_would_share_a_bucket_are_told_at_once() {
    let Some(database) = database().await else { return };
    let limiter = patient(database.url()).await;
    let api = RateLimitLayer::per_key(MINUTE).limiter(limiter.clone());
    let exports = RateLimitLayer::per_key(Quota::per_minute(5)).limiter(limiter.clone());
    assert_eq!(call(&api, "acme").await.status, 200);
    assert_eq!(call(&exports, "acme").await.status, 500, "it is named like the other");
    let named = exports.named("exports");
    for (layer, left) in [(&named, 4), (&api, 58), (&named, 3)] {
        let answer = call(layer, "acme").await;
        assert_eq!((answer.status, answer.number("x-ratelimit-remaining")), (200, Some(left)));
    }
    // So are two limits of one layer, and those of other prefixes share nothing.
    let twice = RateLimitLayer::per_key(MINUTE)
        .named("twice")
        .and(Limit::per_key(MINUTE))
        .and(Limit::per_key(MINUTE));
    assert_eq!(call(&twice.limiter(limiter.clone()), "acme").await.status, 500);
    let other = RateLimitLayer::per_key(MINUTE).limiter(limiter.prefix("other"));
    assert_eq!(call(&other, "acme").await.number("x-ratelimit-remaining"), Some(59));
}

#[tokio::test]
async fn keys_of_one_rotation_share_a_bucket_on_every_node() {
    use keygate::{KeyFormat, Keyring, MemoryStore, NewKey};

    let Some(database) = database().await else { return };
    let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32).unwrap());
    let keys = keys.build().unwrap();
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let limit = RateLimitLayer::per_key(MINUTE).limiter(patient(database.url()).await);
        let layers =
            tower::ServiceBuilder::new().layer(keygate::AuthLayer::new(keys.clone())).layer(limit);
        nodes.push(axum::Router::new().fallback(|| async {}).layer(layers));
    }
    let send = async |node: usize, key: &keygate::IssuedKey| {
        let request =
            Request::get("/").header("authorization", format!("Bearer {}", key.key().expose()));
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = nodes[node].clone().oneshot(request).await.unwrap();
        response.headers()["x-ratelimit-remaining"].to_str().unwrap().to_owned()
    };
    let first = keys.issue(NewKey::named("first").mode(Mode::Test)).await.unwrap();
    assert_eq!(send(0, &first).await, "59");
    let second = keys.rotate(first.id(), Duration::from_mins(5)).await.unwrap();
    assert_eq!(send(1, &second).await, "58");
    assert_eq!(send(0, &first).await, "57");
}
