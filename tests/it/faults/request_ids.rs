//! H5: request ids of the client's.

use axum::Router;
use axum::routing::get;
use keygate::EnvelopeLayer;
use regex::Regex;

use super::targets;
use crate::support;

fn hostile() -> Vec<Vec<u8>> {
    let long = "a".repeat(129);
    let texts =
        ["", " ", "two words", "quo\"te", "<script>", "a;b", "a/b", "a,b", "a\\b", "$x", &long];
    let mut all: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.extend([b"a\tb".to_vec(), b"\xff\xfe".to_vec(), "\u{e9}".as_bytes().to_vec()]);
    all.push(b"a\x1b[31m".iter().filter(|byte| **byte != 0x1b).copied().collect());
    all
}

#[tokio::test]
async fn h5_the_servers_take_no_id_of_the_clients() {
    let plain = Regex::new("^[A-Za-z0-9._-]{1,128}$").unwrap();
    let mut ids = hostile();
    ids.push(b"req_looksgood".to_vec());
    for target in targets().await {
        for id in &ids {
            for key in [&*target.key, "nonsense"] {
                let call = support::get(target.path).peer("127.0.0.1", true).bearer(key);
                let answer = target.server.send(call.header("x-request-id", id)).await;
                let sent = answer.header("x-request-id");
                assert!(plain.is_match(sent) && sent.starts_with("req_"), "{sent}");
                let text = String::from_utf8_lossy(id);
                assert!(text.trim().is_empty() || !answer.shown().contains(&*text), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn h5_where_ids_are_accepted_only_plain_ones_are() {
    let app = Router::new()
        .route("/", get(|| async {}))
        .layer(EnvelopeLayer::standard().accept_incoming_request_ids());
    let longest = "a".repeat(128);
    for id in ["trace-1.2_3", "x", &longest] {
        let answer = support::get("/").header("x-request-id", id).send(&app).await.expect(200);
        assert_eq!(answer.header("x-request-id"), id);
    }
    for id in hostile() {
        let answer = support::get("/nothing").header("x-request-id", &id).send(&app).await;
        let sent = answer.header("x-request-id");
        assert!(sent.starts_with("req_") && sent.len() == 30, "{sent}");
        assert_eq!(answer.json()["error"]["requestId"], sent);
    }
    let twice = support::get("/").header("x-request-id", "one").header("x-request-id", "two");
    assert!(twice.send(&app).await.header("x-request-id").starts_with("req_"));
}
