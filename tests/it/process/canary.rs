//! S1, P8: a key that goes every way is found nowhere.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde_json::json;

use super::{PASSWORD, SERVERS, get, issue, post};
use crate::support::{Folder, Process, encoded, spellings};

/// Sends the key every way there is. The answers' bodies and headers come back.
async fn send_everywhere(process: &Process, path: &str, key: &str) -> Vec<String> {
    let body = json!({ "amount": key, "currency": key, "label": key, key: key });
    // It is answered, and its answer is kept.
    let good = match path {
        "/v1/wallets" => json!({ "currency": "USDT" }),
        _ => json!({ "amount": "1.00", "currency": "USDT" }),
    };
    let calls = [
        get(process, path).bearer_auth(key),
        get(process, path).header("x-api-key", key),
        get(process, path).header("authorization", key),
        get(process, path).header("authorization", format!("Bearer:{key}")),
        get(process, path).header("authorization", format!("Bearer {key}x")),
        get(process, path).bearer_auth(key).bearer_auth(key),
        get(process, path).bearer_auth(key).header("x-api-key", key),
        get(process, path).bearer_auth(key).header("x-request-id", key),
        get(process, path).bearer_auth(key).header("x-on-behalf-of", key),
        get(process, path).bearer_auth(key).header("idempotency-key", key),
        get(process, path).bearer_auth(key).header("traceparent", key),
        get(process, path).bearer_auth(key).header("x-forwarded-for", key),
        get(process, path).bearer_auth(key).header("user-agent", key),
        get(process, path).bearer_auth(key).header("accept", key),
        get(process, path).basic_auth(key, Some(key)),
        get(process, path).header("cookie", format!("key={key}")),
        get(process, &format!("{path}?api_key={key}")),
        get(process, &format!("{path}?api_key={key}")).bearer_auth(key),
        get(process, &format!("{path}/{key}")).bearer_auth(key),
        get(process, &format!("{path}/x{key}y")).bearer_auth(key),
        get(process, &format!("/{key}/{key}")),
        get(process, &format!("/dashboard/api/keys/{key}")).bearer_auth(key),
        get(process, &format!("/dashboard/api/keys/{key}")).basic_auth("operator", Some(PASSWORD)),
        get(process, &format!("/dashboard/api/keys?account={key}&cursor={key}"))
            .basic_auth("operator", Some(PASSWORD)),
        get(process, "/dashboard/api/keys").basic_auth("operator", Some(key)),
        post(process, path, &body).bearer_auth(key),
        post(process, path, &json!(key)).bearer_auth(key),
        post(process, path, &json!({})).bearer_auth(key).header("content-type", key),
        post(process, path, &body).bearer_auth(key).header("idempotency-key", key),
        post(process, path, &good).bearer_auth(key).header("idempotency-key", key),
        post(process, path, &good).bearer_auth(key).header("idempotency-key", key),
        post(process, path, &json!({})).bearer_auth(key).header("idempotency-key", key),
        post(process, path, &body),
        post(process, "/dashboard/api/keys", &body).basic_auth("operator", Some(PASSWORD)),
    ];
    let mut answers = Vec::new();
    for call in calls {
        let answer = call.send().await.unwrap();
        let head = format!("{} {:?}", answer.status(), answer.headers());
        answers.push(format!("{head}\n{}", answer.text().await.unwrap()));
    }
    answers
}

/// All that was written to the disk, the database among it: the key's id is there.
fn files(folder: &Folder, id: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder.path().join(".data")).unwrap();
    let bytes = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let texts: Vec<_> = bytes.map(|all| String::from_utf8_lossy(&all).into_owned()).collect();
    assert!(texts.iter().any(|text| text.contains(id)));
    texts
}

#[tokio::test]
async fn s1_p8_a_canary_key_is_found_nowhere() {
    for (example, path) in SERVERS {
        let folder = Folder::new();
        let environment = [("DASHBOARD_PASSWORD", PASSWORD), ("RUST_LOG", "trace")];
        let process = Process::start_in(&folder, example, &environment).await;
        let issued = issue(&process, example).await;
        let key = issued["key"].as_str().unwrap();
        // Without what the hint shows.
        let secret = &key[issued["hint"].as_str().unwrap().len()..];
        let answers = send_everywhere(&process, path, key).await;
        process.terminate().await;
        let (status, lines) = process.end(Duration::from_mins(1)).await;
        assert!(status.success());
        let requests = lines.iter().filter(|line| line.contains("request finished")).count();
        assert!(requests >= answers.len(), "{example} logged {requests} requests");
        let files = files(&folder, issued["id"].as_str().unwrap());
        for spelling in spellings(secret) {
            let logged = lines.iter().map(|line| ("log", line));
            let answered = answers.iter().map(|answer| ("answer", answer));
            for (what, text) in
                logged.chain(answered).chain(files.iter().map(|file| ("file", file)))
            {
                let found = text.contains(&spelling);
                let shown = text.replace(&spelling, "<THE KEY>");
                assert!(!found, "{example}: the key is in a {what}: {shown}");
            }
        }
    }
}

#[test]
fn the_search_finds_every_spelling() {
    let secret = "abcdefghijklmnopqrstuvwxyz0123456789";
    let hex = encoded(secret, "").to_uppercase();
    let basic = BASE64_STANDARD_NO_PAD.encode(format!("ck_test_{secret}:"));
    for text in
        [format!("key={secret};"), hex, basic, format!("{:?}", format!("x{secret}").as_bytes())]
    {
        assert!(spellings(secret).iter().any(|spelling| text.contains(spelling)), "{text}");
    }
}
