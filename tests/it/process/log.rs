//! One line for each request, with what an operator looks for.

use std::time::Duration;

use super::{SERVERS, get, issue, start};

#[tokio::test]
async fn k5_each_request_leaves_one_line_refusals_included() {
    for (example, path) in SERVERS {
        let process = start(example, "info").await;
        let key = issue(&process, example).await;
        let text = key["key"].as_str().unwrap();
        let mut expected = Vec::new();
        for (path, bearer, status) in [
            (format!("{path}?page=1&token=hush"), text, "200"),
            (path.to_owned(), "nonsense", "401"),
            (format!("{path}/none"), text, "404"),
            ("/elsewhere".to_owned(), text, "404"),
        ] {
            let answer = get(&process, &path).bearer_auth(bearer).send().await.unwrap();
            assert_eq!(answer.status().as_str(), status, "{example} {path}");
            let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
            let path = path.split('?').next().unwrap().to_owned();
            let authenticated = bearer == text && path != "/elsewhere";
            expected.push((id, path, status, authenticated));
        }
        process.terminate().await;
        let (_, lines) = process.end(Duration::from_mins(1)).await;
        for (id, path, status, authenticated) in expected {
            let found: Vec<_> = lines.iter().filter(|line| line.contains(&id)).collect();
            let [line] = found.as_slice() else { panic!("{example}: {found:?}") };
            for part in ["INFO", "GET", &*path, &format!("status={status}")] {
                assert!(line.contains(part), "{example}: {part} is not in {line}");
            }
            assert!(!line.contains('?') && !line.contains("hush"), "{line}");
            let names_the_key = line.contains(key["id"].as_str().unwrap());
            assert_eq!(names_the_key, authenticated, "{line}");
        }
    }
}

#[tokio::test]
async fn the_log_is_filtered_by_rust_log() {
    let process = start("crypto_checkout", "error").await;
    get(&process, "/api/v1/events").send().await.unwrap();
    process.terminate().await;
    let (_, lines) = process.end(Duration::from_mins(1)).await;
    assert!(lines.iter().all(|line| !line.contains("request finished")));
}
