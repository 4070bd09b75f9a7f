//! I6: a real database that is stopped or killed under requests with a key.

use std::time::Duration;

use keygate::idempotency::RedisIdempotencyStore;
use keygate::rate_limit::InvalidRedis;
use keygate::store::PostgresStore;
use tokio::time::Instant;

use super::service::Service;
use crate::support::postgres::Server;
use crate::support::{Answer, becomes, redis};

/// What a layer is told unless it is told more.
const DEADLINE: Duration = Duration::from_millis(250);

/// How much later than a timer of the deadline an answer may come.
const SLACK: Duration = Duration::from_millis(20);

/// The answers to a few orders, and how much later than a timer each came; the middle of these.
async fn refused(service: &Service, keys: &[&str]) -> (Vec<Answer>, Duration) {
    let (mut answers, mut late) = (Vec::new(), Vec::new());
    for key in keys {
        let began = Instant::now();
        let sending = async { (service.send(0, service.order(key)).await, began.elapsed()) };
        let timer = async {
            tokio::time::sleep(DEADLINE).await;
            began.elapsed()
        };
        let ((answer, took), timer) = tokio::join!(sending, timer);
        answers.push(answer);
        late.push(took.saturating_sub(timer));
    }
    late.sort_unstable();
    (answers, late[late.len() / 2])
}

async fn becomes_created(service: &Service, key: &str) {
    becomes(&201, async || service.send(0, service.order(key)).await.status).await;
}

#[tokio::test]
async fn i6_while_postgres_hangs_or_is_down_nothing_runs_and_nobody_waits_for_long() {
    let Some(mut server) = Server::start().await else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    let service = Service::on(&store, 1, |layer| layer).await;
    service.bench.gate.add_permits(100);
    becomes_created(&service, "before").await;
    let runs = service.runs();
    for killed in [false, true] {
        if killed {
            server.kill();
        } else {
            server.pause();
        }
        let keys = ["before", "a", "b", "c", "d", "e", "f", "g", "h"];
        let (answers, late) = refused(&service, &keys).await;
        for answer in answers {
            let answer = answer.expect(503);
            assert_eq!(answer.header("retry-after"), "1");
            assert_eq!(answer.json()["error"]["type"], "unavailable");
        }
        assert!(late <= SLACK, "{late:?}");
        assert_eq!(service.runs(), runs, "0 executions");
        if killed {
            server.restart().await;
        } else {
            server.resume();
        }
        let replay = async || service.send(0, service.order("before")).await.status;
        becomes(&201, replay).await;
        assert_eq!(service.runs(), runs, "it was kept before");
    }
    // Leases of requests that were given up are given back, or end.
    becomes_created(&service, "new").await;
    assert_eq!(service.runs(), runs + 1);
}

#[tokio::test]
async fn i6_while_redis_hangs_refuses_or_is_down_nothing_runs_and_nobody_waits_for_long() {
    let Some(mut server) = redis::Server::start().await else { return };
    let store = RedisIdempotencyStore::connect(&server.url()).await.unwrap();
    let service = Service::on(&store, 1, |layer| layer).await;
    service.bench.gate.add_permits(100);
    becomes_created(&service, "before").await;
    let runs = service.runs();
    for fault in ["hangs", "refuses", "is down"] {
        match fault {
            "hangs" => server.pause(),
            // As one whose primary is gone.
            "refuses" => {
                let () = redis::ask(&server.url(), &["REPLICAOF", "127.0.0.1", "1"]).await;
            }
            _ => server.kill(),
        }
        let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let (answers, late) = refused(&service, &keys).await;
        for answer in answers {
            assert_eq!(answer.expect(503).header("retry-after"), "1", "{fault}");
        }
        assert!(late <= SLACK, "{fault}: {late:?}");
        assert_eq!(service.runs(), runs, "0 executions");
        match fault {
            "hangs" => server.resume(),
            "refuses" => {
                let () = redis::ask(&server.url(), &["REPLICAOF", "NO", "ONE"]).await;
            }
            _ => server.restart().await,
        }
        if fault == "is down" {
            // It keeps nothing, and so has forgotten: the docs say so.
            becomes_created(&service, "before").await;
            assert_eq!(service.runs(), runs + 1);
        } else {
            let replay = async || service.send(0, service.order("before")).await.status;
            becomes(&201, replay).await;
            assert_eq!(service.runs(), runs, "it was kept before");
        }
    }
}

#[tokio::test]
async fn a_redis_that_forgets_its_scripts_is_told_them_again() {
    let Some(server) = redis::Server::start().await else { return };
    let store = RedisIdempotencyStore::connect(&server.url()).await.unwrap();
    let service = Service::patient(&store, 1).await;
    service.bench.gate.add_permits(100);
    for key in ["a", "b"] {
        service.send(0, service.order(key)).await.expect(201);
        let () = redis::ask(&server.url(), &["SCRIPT", "FLUSH"]).await;
    }
    let names: Vec<String> = redis::ask(&server.url(), &["KEYS", "*"]).await;
    assert_eq!(names.len(), 2);
    for name in names {
        assert!(name.starts_with("keygate:operation:"), "{name}");
        let left: u64 = redis::ask(&server.url(), &["PTTL", &name]).await;
        assert!((86_000_000..=86_400_000).contains(&left), "it expires by itself: {left}");
        let () = redis::ask(&server.url(), &["SET", &name, "somebody else's"]).await;
    }
    // What is no operation opens nothing.
    service.send(0, service.order("a")).await.expect(503);
    assert_eq!(service.runs(), 2);
}

#[tokio::test]
async fn a_redis_that_denies_access_is_told_at_the_start_and_one_that_is_not_there_later() {
    let Some(mut server) = redis::Server::start().await else { return };
    let user = ["ACL", "SETUSER", "weak", "on", ">weak", "~*", "+ping"];
    let () = redis::ask(&server.url(), &user).await;
    let (_, host) =
        server.url().split_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    for credentials in ["", ":wrong@", "weak:weak@"] {
        let denied = RedisIdempotencyStore::connect(&format!("redis://{credentials}{host}")).await;
        assert_eq!(denied.unwrap_err(), InvalidRedis::Denied, "{credentials}");
    }
    let url = server.url();
    server.kill();
    let store = RedisIdempotencyStore::connect(&url).await.unwrap();
    let service = Service::on(&store, 1, |layer| layer).await;
    service.bench.gate.add_permits(1);
    service.send(0, service.order("k")).await.expect(503);
    server.restart().await;
    becomes_created(&service, "k").await;
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn i2_an_answer_that_postgres_could_not_take_is_kept_when_it_is_back() {
    let Some(mut server) = Server::start().await else { return };
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    let service = Service::on(&store, 1, |layer| layer).await;
    let sending = {
        let (app, call) = (service.nodes[0].clone(), service.order("k"));
        tokio::spawn(async move { call.send(&app).await })
    };
    service.bench.begun.acquire().await.unwrap().forget();
    server.kill();
    service.bench.gate.add_permits(1);
    let first = sending.await.unwrap().expect(201);
    service.send(0, service.order("k")).await.expect(409);
    server.restart().await;
    tokio::time::timeout(Duration::from_mins(1), service.layers[0].shutdown()).await.unwrap();
    let retry = async || service.send(0, service.order("k")).await.status;
    becomes(&201, retry).await;
    let again = service.send(0, service.order("k")).await;
    assert_eq!((again.body, service.runs()), (first.body, 1));
}
