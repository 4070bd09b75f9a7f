//! K1 to K4: two kinds of keys, two headers, one environment, three codes.

use std::time::{Duration, UNIX_EPOCH};

use keygate::{Clock, KeyKind, Mode, NewKey};
use regex::Regex;
use serde_json::json;

use super::app::Environment;
use super::{any_key, deployment, error, is_invalid, new_wallet, server, wallet, wallets};
use crate::support::{Api, get};

#[tokio::test]
async fn k1_keys_are_a_prefix_and_64_hex_characters() {
    let server = server();
    for (kind, mode, pattern) in [
        (KeyKind::Secret, Mode::Live, "^sk_live_[0-9a-f]{64}$"),
        (KeyKind::Secret, Mode::Test, "^sk_test_[0-9a-f]{64}$"),
        (KeyKind::Publishable, Mode::Live, "^pk_live_[0-9a-f]{64}$"),
        (KeyKind::Publishable, Mode::Test, "^pk_test_[0-9a-f]{64}$"),
    ] {
        let issued = server.issue(NewKey::named("n").mode(mode).kind(kind)).await;
        assert!(Regex::new(pattern).unwrap().is_match(issued.key().expose()), "{pattern}");
    }
}

#[tokio::test]
async fn k1_a_publishable_key_opens_nothing() {
    for environment in [Environment::Sandbox, Environment::Live] {
        let server = deployment(environment);
        for mode in [Mode::Test, Mode::Live] {
            let new = NewKey::named("browser").mode(mode).kind(KeyKind::Publishable);
            let issued = server.issue(new).await;
            let key = issued.key().expose();
            is_invalid(&server.send(wallets(key)).await);
            is_invalid(&server.send(new_wallet(key, wallet())).await);
            is_invalid(&server.send(get("/v1/wallets").bearer(key)).await);
            is_invalid(&server.send(get("/v1/nothing").bearer(key)).await);
            assert_eq!(server.usage(issued.id()).await.requests, 0);
        }
        assert_eq!(server.store.lookups(), 0, "its form tells already");
    }
}

#[tokio::test]
async fn k1_a_secret_key_with_the_other_prefix_is_no_key() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    for prefix in ["pk_test_", "sk_live_", "SK_TEST_", "sk_sandbox_"] {
        let text = issued.key().expose().replace("sk_test_", prefix);
        is_invalid(&server.send(wallets(&text)).await);
    }
    let upper = issued.key().expose().to_uppercase().replace("SK_TEST_", "sk_test_");
    is_invalid(&server.send(wallets(&upper)).await);
}

#[tokio::test]
async fn k2_the_authorization_table() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let call = || get("/v1/wallets");
    let api = Api { server: &server, call: &call, key: issued.key().expose(), ambiguous: 401 };
    api.obeys_the_table().await;
}

#[tokio::test]
async fn k2_x_api_key_is_read_as_it_is() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let call = || get("/v1/wallets");
    let api = Api { server: &server, call: &call, key: issued.key().expose(), ambiguous: 401 };
    server.send(wallets(api.key)).await.expect(200);
    server.send(wallets(api.key).header("authorization", "")).await.expect(200);
    for value in ["Bearer K", "bearer K", "K K", "K,K", "K ", "\"K\""] {
        let value = value.replace('K', api.key);
        if value.trim() != api.key {
            api.is_invalid(&value, &[("x-api-key", &value)]).await;
        }
    }
    api.refuses_odd_bytes_and_lengths("x-api-key", "").await;
    let answer = server.send(call().header("x-api-key", "")).await.expect(401);
    assert_eq!(error(&answer).0, "MISSING_API_KEY");
}

#[tokio::test]
async fn k2_h1_two_credentials_are_refused_even_when_equal() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let other = any_key(&server, Mode::Test).await;
    let (bearer, other) = (format!("Bearer {}", issued.key().expose()), other.key().expose());
    let key = issued.key().expose();
    let values = [key, other, &bearer, "nonsense", "Basic dXNlcjpwYXNz"];
    for first in values {
        for second in values {
            for names in [
                ["authorization", "x-api-key"],
                ["x-api-key", "authorization"],
                ["x-api-key", "x-api-key"],
                ["authorization", "authorization"],
            ] {
                let call = get("/v1/wallets").header(names[0], first).header(names[1], second);
                is_invalid(&server.send(call).await);
            }
        }
    }
    assert_eq!(server.usage(issued.id()).await.requests, 0);
}

#[tokio::test]
async fn k2_answers_to_x_api_key_are_no_shared_caches_business() {
    let server = server();
    let issued = any_key(&server, Mode::Test).await;
    let answer = server.send(wallets(issued.key().expose())).await.expect(200);
    assert_eq!(answer.header("cache-control"), "private");
    let lines = answer.headers.get_all("vary").iter().map(|line| line.to_str().unwrap());
    let vary = lines.collect::<Vec<_>>().join(", ").to_ascii_lowercase();
    assert!(vary.contains("x-api-key") && vary.contains("authorization"), "{vary}");
}

#[tokio::test]
async fn k3_a_deployment_serves_one_environment() {
    for (environment, served, other) in [
        (Environment::Sandbox, Mode::Test, Mode::Live),
        (Environment::Live, Mode::Live, Mode::Test),
    ] {
        let server = deployment(environment);
        let [good, bad] = [any_key(&server, served).await, any_key(&server, other).await];
        let made = new_wallet(good.key().expose(), wallet());
        let made = server.send(made).await.expect(201).json();
        assert_eq!(made["livemode"], served == Mode::Live);
        is_invalid(&server.send(wallets(bad.key().expose())).await);
        is_invalid(&server.send(get("/v1/wallets").bearer(bad.key().expose())).await);
        assert_eq!(server.usage(bad.id()).await.requests, 0);
    }
}

#[tokio::test]
async fn k4_no_key_at_all() {
    let server = server();
    for path in ["/v1/wallets", "/v1/wallets/x", "/v1/nothing"] {
        let answer = server.send(get(path)).await.expect(401);
        let message = "No API key was provided. Add an X-API-Key header.";
        assert_eq!(error(&answer), ("MISSING_API_KEY".to_owned(), message.to_owned()));
    }
}

#[tokio::test]
async fn k4_unknown_and_revoked_keys_are_invalid() {
    let server = server();
    is_invalid(&server.send(wallets(&format!("sk_test_{}", "a".repeat(64)))).await);
    is_invalid(&server.send(wallets("nonsense")).await);
    let issued = any_key(&server, Mode::Test).await;
    server.send(wallets(issued.key().expose())).await.expect(200);
    server.manage(&format!("keys/{}/revoke", issued.id()), json!({})).await.expect(200);
    is_invalid(&server.send(wallets(issued.key().expose())).await);
}

#[tokio::test]
async fn k4_v12_an_expired_key_is_told_its_date_at_that_instant() {
    let server = server();
    // 2025-01-01 00:00:00 UTC.
    let end = UNIX_EPOCH + Duration::from_secs(1_735_689_600);
    let issued = server.issue(NewKey::named("old").expires_at(end)).await;
    let key = issued.key().expose();
    let instant = Duration::from_nanos(1);
    let before = end.duration_since(server.clock.wall() + instant).unwrap();
    server.clock.advance(before);
    server.send(wallets(key)).await.expect(200);
    server.clock.advance(instant);
    let answer = server.send(wallets(key)).await.expect(401);
    let message = "This API key expired on 2025-01-01. Create a new key in the dashboard.";
    assert_eq!(error(&answer), ("EXPIRED_API_KEY".to_owned(), message.to_owned()));
    server.clock.advance(Duration::from_secs(90 * 86_400));
    assert_eq!(error(&server.send(wallets(key)).await).1, message, "the day it expired, not today");
    server.keys.revoke(issued.id()).await.unwrap();
    is_invalid(&server.send(wallets(key)).await);
}

#[tokio::test]
async fn k4_only_who_has_a_real_key_learns_that_it_expired() {
    let server = server();
    let end = server.clock.wall() + Duration::from_mins(1);
    let issued = server.issue(NewKey::named("old").mode(Mode::Live).expires_at(end)).await;
    server.clock.advance(Duration::from_mins(1));
    // Against the other environment, or with one character changed, it is just invalid.
    is_invalid(&server.send(wallets(issued.key().expose())).await);
    let mut damaged = issued.key().expose().to_owned();
    let last = damaged.pop().unwrap();
    damaged.push(if last == '0' { '1' } else { '0' });
    is_invalid(&server.send(wallets(&damaged)).await);
}
