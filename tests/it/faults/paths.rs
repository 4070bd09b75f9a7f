//! H4: other ways to write a path or a method lead to no handler without a key.

use serde_json::json;

use super::{Target, targets};
use crate::support::{Loopback, encoded, get};

/// Request lines that a router, a proxy or a framework might take for `path`.
fn disguises(path: &str, address: &str) -> Vec<String> {
    let (prefix, last) = path.rsplit_once('/').unwrap();
    let encoded = encoded(last, "%");
    let mut targets = vec![
        format!("/{path}"),
        format!("{path}/"),
        format!("{path}//"),
        format!("{prefix}//{last}"),
        format!("{prefix}/{encoded}"),
        format!("{prefix}%2f{last}"),
        format!("{path};x"),
        format!("{path}?x"),
        format!("{path}%00"),
        format!("{path}%20"),
        format!("{path}.json"),
        format!("{prefix}/./{last}"),
        format!("/a/..{path}"),
        format!("/dashboard/..{path}"),
        format!("{prefix}/x/../{last}"),
        format!("{prefix}/%2e%2e{path}"),
        path.to_uppercase(),
        format!("http://{address}{path}"),
        format!("https://{address}{path}"),
        format!("http://evil.example{path}"),
    ];
    targets.push(path.to_owned());
    let methods = ["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "X"];
    targets
        .iter()
        .flat_map(|to| methods.iter().map(move |method| format!("{method} {to}")))
        .collect()
}

fn overrides(path: &str) -> Vec<Vec<Vec<u8>>> {
    let line = |name: &str, value: &str| format!("{name}: {value}").into_bytes();
    vec![
        vec![line("x-http-method-override", "GET")],
        vec![line("x-http-method", "POST"), line("x-method-override", "POST")],
        vec![line("x-original-url", path), line("x-rewrite-url", path)],
        vec![line("x-forwarded-prefix", "/public"), line("x-forwarded-uri", "/public")],
    ]
}

/// What an account with a key sees.
async fn objects(target: &Target) -> serde_json::Value {
    let call = get(target.path).bearer(&target.key).peer("127.0.0.1", true);
    target.server.send(call).await.expect(200).json()
}

#[tokio::test]
async fn h4_no_handler_runs_without_a_key_however_the_path_is_written() {
    for target in targets().await {
        let http = Loopback::serve(&target.server.app).await;
        let body = "content-type: application/json".to_owned().into_bytes();
        for line in disguises(target.path, &http.address.to_string()) {
            let answer = http.send(&line, std::slice::from_ref(&body)).await;
            let status = answer.status();
            assert!((400..500).contains(&status), "{}: {line} answers {status}", target.name);
        }
        for headers in overrides(target.path) {
            for (line, expected) in [
                (format!("GET {}", target.path), [401, 403]),
                ("GET /".to_owned(), [404, 404]),
                ("GET /nothing".to_owned(), [404, 404]),
                ("POST /nothing".to_owned(), [404, 404]),
            ] {
                let status = http.send(&line, &headers).await.status();
                assert!(expected.contains(&status), "{}: {line} answers {status}", target.name);
            }
        }
        assert_eq!(objects(&target).await, json!({ "data": [] }));
        assert_eq!(target.server.store.lookups(), 1, "of the look just now");
    }
}

#[tokio::test]
async fn h3_unknown_paths_below_the_prefix_need_a_key_and_others_tell_nothing() {
    for target in targets().await {
        let (prefix, _) = target.path.rsplit_once('/').unwrap();
        for path in ["nothing", "nothing/at/all", "%2e%2e", "..", "payment_links/a/b/c/d"] {
            let path = format!("{prefix}/{path}");
            let call = || get(&path).peer("127.0.0.1", true);
            target.server.send(call()).await.expect(401);
            target.server.send(call().bearer(&target.key)).await.expect(404);
        }
        // What is below the dashboard, or would be, is its gate's to answer.
        for path in ["/dashboard", "/dashboard/nothing", "/dashboard/api/nothing"] {
            for call in [get(path), get(path).bearer(&target.key)] {
                let answer = target.server.send(call).await.expect(401);
                assert!(!answer.has("x-ratelimit-limit"), "outside the API nothing is charged");
            }
        }
        for path in ["/", "/nothing", "/api", "/v2/wallets"] {
            let without = target.server.send(get(path)).await.expect(404);
            let with = target.server.send(get(path).bearer(&target.key)).await.expect(404);
            assert_eq!(without.json()["error"]["message"], with.json()["error"]["message"]);
            assert!(!with.has("x-ratelimit-limit"), "outside the API nothing is charged");
        }
    }
}
