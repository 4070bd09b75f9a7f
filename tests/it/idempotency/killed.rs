//! I2: a process that is killed at every step of a request.

use std::time::Duration;

use keygate::store::SqliteStore;
use keygate::{Mode, NewKey};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::node::{self, LEASE, effects};
use crate::support::postgres::number;
use crate::support::{Place, Process, redis};

/// By when anything that must happen has happened, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where a process is killed, and what a retry finds.
#[derive(Debug, Clone, Copy)]
struct Case {
    step: &'static str,
    /// Whether the key is free or answered at once, and not when the lease has ended.
    at_once: bool,
    replayed: bool,
    /// How many effects there are in the end.
    effects: usize,
}

const fn case(step: &'static str, at_once: bool, replayed: bool, effects: usize) -> Case {
    Case { step, at_once, replayed, effects }
}

/// The answer's keeping is no part of the effect.
const STEPS: [Case; 7] = [
    case("before the lease", true, false, 1),
    case("after the lease", false, false, 1),
    case("before the handler", false, false, 1),
    case("in the handler", false, false, 1),
    // Nobody can know that there was an effect: the docs say so.
    case("after the effect", false, false, 2),
    case("before the answer is kept", false, false, 2),
    case("after the answer is kept", true, true, 1),
];

/// It is: there is one effect, whatever happens.
const TRANSACTION: [Case; 6] = [
    case("before the lease", true, false, 1),
    case("after the lease", false, false, 1),
    case("after the effect", false, false, 1),
    case("before the commit", false, false, 1),
    case("after the commit", true, true, 1),
    case("never", true, true, 1),
];

/// A request on its way to a node, or its answer.
async fn send(node: &Process, path: &str, key: &str) -> reqwest::Result<reqwest::Response> {
    let request = reqwest::Client::new().post(format!("{}{path}", node.origin));
    request.bearer_auth(key).header("idempotency-key", "k").send().await
}

async fn halt_at(node: &Process, step: &str) {
    let halt = reqwest::Client::new().post(format!("{}/halt", node.origin));
    assert_eq!(halt.body(step.to_owned()).send().await.unwrap().status(), 200);
}

/// Kills a node in the middle of a request, and has another one answer the retries.
async fn killed_at(case: Case, path: &'static str, place: Place, store: String) -> Place {
    let keys = node::keyring(SqliteStore::open(&place.folder().file("keys.db")).await.unwrap());
    let key = keys.issue(NewKey::named("shop").mode(Mode::Test)).await.unwrap();
    let key = key.key().expose().to_owned();
    let first = node::start(place.folder(), &store).await;
    let second = node::start(place.folder(), &store).await;

    halt_at(&first, case.step).await;
    let sent = Instant::now();
    if case.step == "never" {
        assert_eq!(send(&first, path, &key).await.unwrap().status(), 201);
    } else {
        let (origin, key) = (first.origin.clone(), key.clone());
        tokio::spawn(async move {
            let request = reqwest::Client::new().post(format!("{origin}{path}"));
            request.bearer_auth(key).header("idempotency-key", "k").send().await
        });
        first.line(&format!("halted {}", case.step)).await;
    }
    if !case.at_once {
        assert_eq!(send(&second, path, &key).await.unwrap().status(), 409, "{case:?}");
    }
    first.kill().await;

    let (answer, conflicts) = loop_until_answered(&second, path, &key).await;
    let waited = sent.elapsed();
    assert_eq!(answer.status(), 201, "{case:?}");
    assert_eq!(answer.headers().contains_key("idempotent-replayed"), case.replayed, "{case:?}");
    if case.at_once {
        assert_eq!(conflicts, 0, "{case:?}");
    } else {
        // It was taken after the request was sent, for that long at the least.
        assert!(waited >= LEASE, "{case:?}: {waited:?}");
    }
    let again = send(&second, path, &key).await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true", "{case:?}");
    place
}

/// The first answer that is not 409, and how many came before it.
async fn loop_until_answered(node: &Process, path: &str, key: &str) -> (reqwest::Response, usize) {
    let began = Instant::now();
    for conflicts in 0.. {
        let answer = send(node, path, key).await.unwrap();
        if answer.status() != 409 {
            return (answer, conflicts);
        }
        assert_eq!(answer.headers()["retry-after"], "1");
        assert!(began.elapsed() < PATIENCE, "the lease never ends");
        sleep(Duration::from_millis(20)).await;
    }
    unreachable!("it counts for ever")
}

#[tokio::test]
async fn i2_in_sqlite_nothing_runs_again_before_the_lease_ends_wherever_a_process_is_killed() {
    let mut cases = JoinSet::new();
    for case in STEPS {
        cases.spawn(async move {
            let place = killed_at(case, "/orders", Place::sqlite(), "sqlite:".into()).await;
            assert_eq!(effects(place.folder().path()), case.effects, "{case:?}");
        });
    }
    cases.join_all().await;
}

#[tokio::test]
async fn i2_in_postgres_nothing_runs_again_before_the_lease_ends_wherever_a_process_is_killed() {
    let mut cases = JoinSet::new();
    for case in STEPS {
        let Some(place) = Place::postgres().await else { return };
        cases.spawn(async move {
            let url = place.url().to_owned();
            let place = killed_at(case, "/orders", place, url).await;
            assert_eq!(effects(place.folder().path()), case.effects, "{case:?}");
        });
    }
    cases.join_all().await;
}

#[tokio::test]
async fn i2_in_redis_nothing_runs_again_before_the_lease_ends_wherever_a_process_is_killed() {
    let mut cases = JoinSet::new();
    for case in STEPS {
        let Some(database) = redis::database().await else { return };
        cases.spawn(async move {
            let place = killed_at(case, "/orders", Place::sqlite(), database.url().into()).await;
            assert_eq!(effects(place.folder().path()), case.effects, "{case:?}");
        });
    }
    cases.join_all().await;
}

#[tokio::test]
async fn i2_in_one_transaction_there_is_one_effect_wherever_a_process_is_killed() {
    let mut cases = JoinSet::new();
    for case in TRANSACTION {
        let Some(place) = Place::postgres().await else { return };
        cases.spawn(async move {
            place.sql("CREATE TABLE effects (at timestamptz NOT NULL)").await;
            let url = place.url().to_owned();
            let place = killed_at(case, "/transactions", place, url).await;
            let effects = number(place.url(), "SELECT count(*) FROM effects").await;
            assert_eq!(effects, 1, "{case:?}");
        });
    }
    cases.join_all().await;
}
