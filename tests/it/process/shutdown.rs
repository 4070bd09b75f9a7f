//! G1: SIGTERM under load.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{PASSWORD, SERVERS, get, issue, start, status};
use crate::support::{Process, postgres};

/// How long a server has to end.
const WITHIN: Duration = Duration::from_secs(5);

const IN_FLIGHT: usize = 40;

/// Begins a request and waits until its handler asks for the body.
async fn begin(address: &str, path: &str, key: &str, body: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nx-forwarded-proto: https\r\n\
         authorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection
}

/// Waits until nobody accepts connections there any more.
async fn closed(address: &str) {
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn g1_requests_under_way_finish_and_the_process_ends_with_0() {
    for (example, path) in SERVERS {
        let process = start(example, "info").await;
        let issued = issue(&process, example).await;
        let key = issued["key"].as_str().unwrap();
        let address = process.origin.trim_start_matches("http://").to_owned();
        let body = match example {
            "paykore" => json!({ "currency": "USDT" }),
            _ => json!({ "amount": "1.00", "currency": "USDT" }),
        };
        let body = body.to_string();
        let mut under_way = Vec::new();
        for _ in 0..IN_FLIGHT {
            under_way.push(begin(&address, path, key, &body).await);
        }
        // Connections without a request must not hold it up.
        let idle = TcpStream::connect(&address).await.unwrap();
        let client = reqwest::Client::new();
        let kept_alive = client.get(format!("{}{path}", process.origin)).send().await.unwrap();

        process.terminate().await;
        closed(&address).await;
        for connection in &mut under_way {
            connection.write_all(body.as_bytes()).await.unwrap();
        }
        for mut connection in under_way {
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{example}: {answer}");
        }
        let (status, _) = process.end(WITHIN).await;
        assert_eq!(status.code(), Some(0), "{example}");
        drop((idle, kept_alive));
    }
}

#[tokio::test]
async fn g1_a_database_that_hangs_does_not_keep_the_process() {
    let Some(postgres) = postgres::Server::start().await else { return };
    let url = postgres.url();
    let environment = [("DATABASE_URL", &*url), ("DASHBOARD_PASSWORD", PASSWORD)];
    for (example, path) in SERVERS {
        let process = Process::start(example, &environment).await;
        let key = issue(&process, example).await;
        // The news of its issue may come after its first look-up, and have it looked up again.
        for tries in 1.. {
            assert_eq!(status(&process, path, &key).await, 200);
            postgres.pause();
            let text = key["key"].as_str().unwrap();
            let cached = get(&process, path).bearer_auth(text).send().await.unwrap();
            if cached.status() == 200 {
                // Its use cannot be written.
                break;
            }
            postgres.resume();
            assert!(tries < 10, "{example}: it is never cached");
        }
        process.terminate().await;
        let (status, _) = process.end(WITHIN).await;
        assert_eq!(status.code(), Some(0), "{example}");
        postgres.resume();
    }
}

#[tokio::test]
async fn g1_under_load_no_answer_is_cut_short() {
    let process = start("crypto_checkout", "warn").await;
    let issued = issue(&process, "crypto_checkout").await;
    let key = issued["key"].as_str().unwrap().to_owned();
    let mut clients = tokio::task::JoinSet::new();
    let (served, mut told) = tokio::sync::watch::channel(0);
    for _ in 0..8 {
        let (call, served) = (get(&process, "/api/v1/events").bearer_auth(&key), served.clone());
        clients.spawn(async move {
            // Until the port is closed. An answer that has begun comes whole.
            while let Ok(answer) = call.try_clone().unwrap().send().await {
                assert!(matches!(answer.status().as_u16(), 200 | 429));
                let body: serde_json::Value = answer.json().await.expect("a whole body");
                assert!(body.is_object());
                served.send_modify(|count| *count += 1);
            }
        });
    }
    told.wait_for(|count| *count > 100).await.unwrap();
    process.terminate().await;
    let (status, _) = process.end(WITHIN).await;
    assert_eq!(status.code(), Some(0));
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}
