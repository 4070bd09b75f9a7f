//! Bodies, credentials and addresses that are meant to confuse, through the apps.

use serde_json::json;

use super::targets;
use crate::support::{OPERATOR, get, post};

#[tokio::test]
async fn h1_two_credentials_in_any_combination_are_refused() {
    for target in targets().await {
        let bearer = format!("Bearer {}", target.key);
        let values = [&*bearer, &target.key, "Basic dXNlcjpwYXNz", "Bearer other", "x", ""];
        for first in values {
            for second in values {
                let call = get(target.path).peer("127.0.0.1", true);
                let call = call.header("authorization", first).header("authorization", second);
                let answer = target.server.send(call).await;
                let expected = if target.name == "paykore" { 401 } else { 400 };
                assert_eq!(answer.status, expected, "{} with two lines", target.name);
                assert!(!answer.shown().contains(&target.key), "{}", target.name);
            }
        }
        assert_eq!(target.server.store.lookups(), 0);
    }
}

#[tokio::test]
async fn h6_10_000_forged_addresses_are_one_guesser() {
    let [target, ..] = targets().await;
    let mut tried = 0;
    for number in 0..10_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let call = get("/dashboard/api/keys").basic("operator", &number.to_string());
        let call = call.header("x-forwarded-for", format!("10.{a}.{b}.{c}"));
        let call = call.header("forwarded", format!("for=10.{a}.{b}.{c}"));
        match target.server.send(call.peer("203.0.113.7", false)).await.status {
            401 => tried += 1,
            429 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(tried, 10, "ten at once, whatever the headers say");
    let elsewhere = get("/dashboard/api/keys").basic("operator", OPERATOR);
    target.server.send(elsewhere.peer("203.0.113.8", false)).await.expect(200);
}

#[tokio::test]
async fn h6_guesses_from_one_ipv6_network_are_one_guesser() {
    let [target, ..] = targets().await;
    let guess = |ip: &str| get("/dashboard/api/keys").basic("operator", "x").peer(ip, false);
    for number in 0..10 {
        let ip = format!("2001:db8::{number:x}");
        target.server.send(guess(&ip)).await.expect(401);
    }
    target.server.send(guess("2001:db8::ffff:1")).await.expect(429);
    target.server.send(guess("2001:db8:0:1::1")).await.expect(401);
}

#[tokio::test]
async fn deep_and_repeated_json_is_refused_and_not_echoed() {
    for target in targets().await {
        let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
        let twice = r#"{"currency":"USDT","currency":"EUR","amount":"1","amount":"2"}"#;
        let wide = json!({ "x".repeat(10_000): 1 }).to_string();
        for body in [&*deep, twice, &wide, "\u{0}", "nul", "{\"currency\":\"\\ud800\"}"] {
            let call = post(target.path).peer("127.0.0.1", true).bearer(&target.key);
            let call = call.header("content-type", "application/json").body(body);
            let answer = target.server.send(call).await;
            assert!([400, 422].contains(&answer.status), "{}: {}", target.name, answer.status);
            assert!(answer.body.len() < 1_000, "{}", target.name);
        }
    }
}
