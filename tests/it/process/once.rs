//! C11 by real processes: several instances of Crypto Checkout, and one that is killed.

use serde_json::json;

use super::{PASSWORD, SERVERS, answer, issue, post};
use crate::support::{Place, Process, redis};

/// A link under an idempotency key: the status, whether it is a replay, and the body.
async fn create(process: &Process, key: &str, idempotency_key: &str) -> (u16, bool, String) {
    let body = json!({ "amount": "100.00", "currency": "USDT" });
    let call = post(process, SERVERS[0].1, &body).bearer_auth(key);
    let answer = answer(call.header("idempotency-key", idempotency_key)).await;
    let is_replay = answer.headers().contains_key("idempotent-replayed");
    (answer.status().as_u16(), is_replay, answer.text().await.unwrap())
}

async fn start(place: &Place, redis: &str) -> Process {
    let environment =
        [("DATABASE_URL", place.url()), ("DASHBOARD_PASSWORD", PASSWORD), ("REDIS_URL", redis)];
    Process::start_in(place.folder(), "crypto_checkout", &environment).await
}

/// `redis` is empty where there is none.
async fn an_answer_is_every_instances_and_outlives_them(place: &Place, redis: &str) {
    let [one, two] = [start(place, redis).await, start(place, redis).await];
    let key = issue(&one, "crypto_checkout").await;
    let key = key["key"].as_str().unwrap();
    let (status, is_replay, body) = create(&one, key, "order-1").await;
    assert_eq!((status, is_replay), (201, false));
    assert_eq!(create(&two, key, "order-1").await, (201, true, body.clone()));
    one.kill().await;
    two.kill().await;
    let three = start(place, redis).await;
    assert_eq!(create(&three, key, "order-1").await, (201, true, body.clone()));
    let (status, is_replay, other) = create(&three, key, "order-2").await;
    assert_eq!((status, is_replay, other == body), (201, false, false));
}

#[tokio::test]
async fn c11_in_sqlite_an_answer_is_every_instances_and_outlives_them() {
    an_answer_is_every_instances_and_outlives_them(&Place::sqlite(), "").await;
}

#[tokio::test]
async fn c11_in_postgres_an_answer_is_every_instances_and_outlives_them() {
    let Some(place) = Place::postgres().await else { return };
    an_answer_is_every_instances_and_outlives_them(&place, "").await;
}

#[tokio::test]
async fn c11_in_redis_an_answer_is_every_instances_and_outlives_them() {
    let Some(redis) = redis::database().await else { return };
    an_answer_is_every_instances_and_outlives_them(&Place::sqlite(), redis.url()).await;
    let names: Vec<String> = redis::ask(redis.url(), &["KEYS", "*:operation:*"]).await;
    assert_eq!(names.len(), 2, "both are there, and in no database");
}
