//! What the tests of outages rely on: that a Redis can be had, stopped, killed and started again.

use std::time::Duration;

use crate::support::redis::{Server, ask, database, try_ask};
use tokio::time::timeout;

/// Long for an answer, short for a wait.
const A_WHILE: Duration = Duration::from_millis(200);

#[tokio::test]
async fn each_test_has_a_database_of_its_own() {
    let Some(one) = database().await else { return };
    let Some(other) = database().await else { return };
    let () = ask(one.url(), &["SET", "key", "1"]).await;
    let seen: Option<u64> = ask(other.url(), &["GET", "key"]).await;
    assert_eq!(seen, None);
    let seen: Option<u64> = ask(one.url(), &["GET", "key"]).await;
    assert_eq!(seen, Some(1));
}

#[tokio::test]
async fn a_server_asks_for_its_password() {
    let Some(server) = Server::start().await else { return };
    let (_, place) =
        server.url().rsplit_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let refused = try_ask(&format!("redis://{place}"), &["PING"]).await.unwrap_err();
    assert_eq!(refused.code(), Some("NOAUTH"), "{refused}");
}

#[tokio::test]
async fn a_server_can_be_paused_killed_flushed_and_started_again() {
    let Some(mut server) = Server::start_with(&["maxmemory 8mb"]).await else { return };
    let url = server.url();
    let limit: Vec<String> = ask(&url, &["CONFIG", "GET", "maxmemory"]).await;
    assert_eq!(limit, ["maxmemory", "8388608"]);

    server.pause();
    assert!(timeout(A_WHILE, try_ask(&url, &["PING"])).await.is_err(), "it answers while paused");
    server.resume();
    let () = ask(&url, &["SET", "key", "1"]).await;

    server.flush().await;
    assert_eq!(ask::<Option<u64>>(&url, &["GET", "key"]).await, None);
    let () = ask(&url, &["SET", "key", "1"]).await;

    server.kill();
    assert!(try_ask(&url, &["PING"]).await.is_err(), "it answers while dead");
    server.restart().await;
    assert_eq!(ask::<Option<u64>>(&url, &["GET", "key"]).await, None, "nothing is kept");
    server.restart().await;
    assert_eq!(ask::<String>(&url, &["PING"]).await, "PONG");
}

#[tokio::test]
async fn a_replica_repeats_and_takes_no_writes() {
    let Some(server) = Server::start().await else { return };
    let replica = server.start_replica(&[]).await.unwrap();
    let () = ask(&server.url(), &["SET", "key", "1"]).await;
    let copies: u64 = ask(&server.url(), &["WAIT", "1", "60000"]).await;
    assert_eq!(copies, 1);
    assert_eq!(ask::<Option<u64>>(&replica.url(), &["GET", "key"]).await, Some(1));
    let refused = try_ask(&replica.url(), &["SET", "key", "2"]).await.unwrap_err();
    assert_eq!(refused.code(), Some("READONLY"), "{refused}");
}
