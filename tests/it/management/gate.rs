//! M1, M2: who may enter, and from where changes may come.

use http::Method;
use serde_json::json;

use super::{issue, path, server, shown};
use crate::support::{Call, OPERATOR, Server, get, post, request};

const KEYS: &str = "/dashboard/api/keys";

fn new_key() -> Call {
    post(KEYS).json(json!({ "name": "n", "mode": "test", "scopes": [] }))
}

async fn count(server: &Server) -> usize {
    let listed = server.look("keys").await.expect(200).json();
    listed["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn nobody_enters_without_the_operators_password() {
    let server = server();
    let key = issue(&server, "n", "test", &[]).await;
    let one = format!("/dashboard/api/{}", path(&key, ""));
    for (method, path) in [
        (Method::GET, KEYS),
        (Method::POST, KEYS),
        (Method::GET, &one),
        (Method::PATCH, &one),
        (Method::POST, &format!("{one}/revoke")),
        (Method::POST, &format!("{one}/rotate")),
        (Method::GET, "/dashboard/api/scopes"),
        (Method::GET, "/dashboard/api/nothing"),
        (Method::PUT, KEYS),
        (Method::OPTIONS, KEYS),
        (Method::HEAD, KEYS),
    ] {
        let answer = server.send(request(method.clone(), path)).await.expect(401);
        assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{method} {path}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_key_is_no_operator_and_an_operator_no_key() {
    let server = server();
    let key = issue(&server, "n", "test", &["links:read"]).await;
    let key = key["key"].as_str().unwrap();
    server.send(get(KEYS).bearer(key)).await.expect(401);
    server.send(get(KEYS).basic("operator", key)).await.expect(401);
    server.send(get("/api/v1/payment_links").basic("operator", OPERATOR)).await.expect(401);
    server.send(get("/api/v1/payment_links").bearer(OPERATOR)).await.expect(401);
}

#[tokio::test]
async fn m2_wrong_credentials_of_every_kind() {
    let server = server();
    for call in [
        get(KEYS).basic("operator", "wrong"),
        get(KEYS).basic("operator", ""),
        get(KEYS).basic("Operator", OPERATOR),
        get(KEYS).basic("", OPERATOR),
        get(KEYS).header("authorization", "Basic"),
        get(KEYS).header("authorization", "Basic !!!"),
        get(KEYS).header("authorization", b"Basic \xff\xfe"),
        get(KEYS).basic("operator", OPERATOR).basic("operator", OPERATOR),
    ] {
        server.send(call.peer("203.0.113.1", false)).await.expect(401);
    }
    let lower = get(KEYS).basic("operator", OPERATOR);
    server.send(lower).await.expect(200);
}

#[tokio::test]
async fn m2_guesses_are_limited_ten_at_once_then_429() {
    let server = server();
    let guess = |ip: &str| get(KEYS).basic("operator", "guess").peer(ip, false);
    for _ in 0..10 {
        server.send(guess("203.0.113.1")).await.expect(401);
    }
    let answer = server.send(guess("203.0.113.1")).await.expect(429);
    assert_eq!(answer.number("retry-after"), 10);
    assert_eq!(answer.json()["error"]["type"], "rate_limited");
    // Not even the right password is tried from there now, and none is elsewhere forgotten.
    let right = |ip: &str| get(KEYS).basic("operator", OPERATOR).peer(ip, false);
    server.send(right("203.0.113.1")).await.expect(429);
    server.send(right("203.0.113.2")).await.expect(200);
    let forged = right("203.0.113.1").header("x-forwarded-for", "203.0.113.3");
    server.send(forged).await.expect(429);

    server.clock.advance(std::time::Duration::from_secs(10));
    server.send(guess("203.0.113.1")).await.expect(401);
    server.send(guess("203.0.113.1")).await.expect(429);
    server.clock.advance(std::time::Duration::from_secs(10));
    server.send(right("203.0.113.1")).await.expect(200);
}

#[tokio::test]
async fn m2_who_knows_the_password_is_not_limited() {
    let server = server();
    for _ in 0..50 {
        server.look("keys").await.expect(200);
    }
}

#[tokio::test]
async fn m1_no_page_of_another_site_makes_a_change() {
    let server = server();
    let key = issue(&server, "n", "test", &[]).await;
    let one = format!("/dashboard/api/{}", path(&key, ""));
    let changes = || {
        let json = |call: Call, body| call.json(body);
        [
            new_key(),
            json(request(Method::PATCH, &one), json!({ "name": "taken" })),
            json(post(&format!("{one}/revoke")), json!({})),
            json(post(&format!("{one}/rotate")), json!({ "overlap_seconds": 0 })),
        ]
    };
    for (header, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:3001"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for call in changes() {
            let call = call.header("host", "127.0.0.1:3000").basic("operator", OPERATOR);
            let answer = server.send(call.header(header, value)).await.expect(403);
            assert_eq!(answer.json()["error"]["code"], "forbidden", "{header}: {value}");
        }
    }
    assert_eq!(count(&server).await, 1);
    let shown = shown(&server, &key).await;
    assert_eq!((&shown["name"], &shown["status"]), (&json!("n"), &json!("active")));
}

#[tokio::test]
async fn m1_a_change_is_json_and_nothing_that_a_form_can_send() {
    let server = server();
    let body = r#"{"name":"n","mode":"test","scopes":[]}"#;
    let post = || post(KEYS).basic("operator", OPERATOR).body(body);
    server.send(post()).await.expect(415);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"] {
        server.send(post().header("content-type", kind)).await.expect(415);
    }
    assert_eq!(count(&server).await, 0);
    let kind = "application/json; charset=utf-8";
    server.send(post().header("content-type", kind)).await.expect(201);
}

#[tokio::test]
async fn m1_the_services_own_page_and_programs_may() {
    let server = server();
    for lines in [
        &[][..],
        &[("origin", "http://127.0.0.1:3000")],
        &[("origin", "http://127.0.0.1:3000"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
    ] {
        let call = new_key().header("host", "127.0.0.1:3000").basic("operator", OPERATOR);
        let call = lines.iter().fold(call, |call, (name, value)| call.header(name, value));
        server.send(call).await.expect(201);
    }
    // Looking changes nothing: the browser keeps another site from reading it.
    let look = get(KEYS).basic("operator", OPERATOR).header("sec-fetch-site", "cross-site");
    let answer = server.send(look).await.expect(200);
    assert!(!answer.has("access-control-allow-origin"));
}
