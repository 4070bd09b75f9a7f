//! S1, P8: a key that goes every way is found nowhere.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use serde_json::json;

use super::{SERVERS, get, issue, post, start};
use crate::support::Process;

/// Every way to write a text that could stand in a log.
fn spellings(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{:?}", secret.as_bytes());
    let mut all = vec![
        secret.to_owned(),
        secret.to_lowercase(),
        secret.to_uppercase(),
        hex.to_uppercase(),
        hex,
        list.trim_matches(['[', ']']).to_owned(),
    ];
    for offset in 0..3 {
        let shifted = [" ".repeat(offset).as_bytes(), secret.as_bytes()].concat();
        for text in
            [BASE64_STANDARD_NO_PAD.encode(&shifted), BASE64_URL_SAFE_NO_PAD.encode(&shifted)]
        {
            // The characters at both ends hold bits of the neighbours.
            all.push(text[4..text.len() - 3].to_owned());
        }
    }
    all
}

/// Sends the key every way there is. The answers' bodies and headers come back.
async fn send_everywhere(process: &Process, path: &str, key: &str) -> Vec<String> {
    let body = json!({ "amount": key, "currency": key, "label": key, key: key });
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
        get(process, &format!("/dashboard/api/keys/{key}"))
            .basic_auth("operator", Some(super::PASSWORD)),
        get(process, &format!("/dashboard/api/keys?account={key}&cursor={key}"))
            .basic_auth("operator", Some(super::PASSWORD)),
        get(process, "/dashboard/api/keys").basic_auth("operator", Some(key)),
        post(process, path, &body).bearer_auth(key),
        post(process, path, &json!(key)).bearer_auth(key),
        post(process, path, &json!({})).bearer_auth(key).header("content-type", key),
        post(process, path, &body),
        post(process, "/dashboard/api/keys", &body).basic_auth("operator", Some(super::PASSWORD)),
    ];
    let mut answers = Vec::new();
    for call in calls {
        let answer = call.send().await.unwrap();
        let head = format!("{} {:?}", answer.status(), answer.headers());
        answers.push(format!("{head}\n{}", answer.text().await.unwrap()));
    }
    answers
}

#[tokio::test]
async fn s1_p8_a_canary_key_is_found_nowhere() {
    for (example, path) in SERVERS {
        let process = start(example, "trace").await;
        let issued = issue(&process, example).await;
        let key = issued["key"].as_str().unwrap();
        // Without what the hint shows.
        let secret = &key[issued["hint"].as_str().unwrap().len()..];
        let answers = send_everywhere(&process, path, key).await;
        process.terminate().await;
        let (status, lines) = process.end(Duration::from_secs(60)).await;
        assert!(status.success());
        let requests = lines.iter().filter(|line| line.contains("request finished")).count();
        assert!(requests >= answers.len(), "{example} logged {requests} requests");
        for spelling in spellings(secret) {
            for (what, text) in
                lines.iter().map(|l| ("log", l)).chain(answers.iter().map(|a| ("answer", a)))
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
    let hex: String = secret.bytes().map(|byte| format!("{byte:02X}")).collect();
    let basic = BASE64_STANDARD_NO_PAD.encode(format!("ck_test_{secret}:"));
    for text in
        [format!("key={secret};"), hex, basic, format!("{:?}", format!("x{secret}").as_bytes())]
    {
        assert!(spellings(secret).iter().any(|spelling| text.contains(spelling)), "{text}");
    }
}
