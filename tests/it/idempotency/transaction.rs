//! The example `exactly_once`: effect and answer in one transaction.

use std::time::Duration;

use keygate::idempotency::{Finish, FinishError, Lease, OperationId, Token};
use keygate::{KeyFormat, Keyring, NewKey};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::apps::exactly_once as app;
use crate::postgres_store::{Fresh, fresh};
use crate::support::{Answer, post};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

struct Bank {
    app: axum::Router,
    key: String,
    fresh: Fresh,
}

impl Bank {
    async fn open() -> Option<Self> {
        let fresh = fresh().await?;
        sqlx::raw_sql(app::TABLES).execute(fresh.store.pool()).await.unwrap();
        let format = KeyFormat::base62("ck", 32).unwrap();
        let keys = Keyring::builder(fresh.store.clone(), format).scopes(app::SCOPES);
        let keys = keys.deadline(Duration::from_secs(30)).build().unwrap();
        let issued = keys.issue(NewKey::named("till").scope(app::TransfersWrite)).await.unwrap();
        let key = issued.key().expose().to_owned();
        Some(Self { app: app::app(&keys, &fresh.store), key, fresh })
    }

    async fn transfer(&self, idempotency_key: &str, body: Value) -> Answer {
        let began = Instant::now();
        loop {
            let call = post("/transfers").bearer(&self.key).json(body.clone());
            let answer = call.header("idempotency-key", idempotency_key).send(&self.app).await;
            // On a busy machine a lease may be too late for its request.
            if answer.status != 503 || began.elapsed() > PATIENCE {
                return answer;
            }
        }
    }

    async fn balance(&self, account: &str) -> i64 {
        let balance = sqlx::query_scalar("SELECT cents FROM balances WHERE account = $1");
        balance.bind(account).fetch_one(self.fresh.store.pool()).await.unwrap()
    }

    async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(self.fresh.store.pool()).await.unwrap();
    }
}

fn to(account: &str, cents: i64) -> Value {
    json!({ "from": "till", "to": account, "cents": cents })
}

#[tokio::test]
async fn c11_money_moves_once_and_the_answer_is_that_of_its_commit() {
    let Some(bank) = Bank::open().await else { return };
    let first = bank.transfer("a", to("alice", 250)).await.expect(201);
    assert_eq!(first.json(), json!({ "from": "till", "left": 9_750 }));
    for _ in 0..3 {
        let again = bank.transfer("a", to("alice", 250)).await.expect(201);
        assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &first.body));
    }
    bank.transfer("a", to("alice", 251)).await.expect(422);
    bank.transfer("b", to("alice", 250)).await.expect(201);
    assert_eq!((bank.balance("till").await, bank.balance("alice").await), (9_500, 500));
}

#[tokio::test]
async fn c11_what_was_not_committed_has_not_happened_and_may_be_tried_again() {
    let Some(bank) = Bank::open().await else { return };
    bank.transfer("n", to("nobody", 250)).await.expect(404);
    assert_eq!(bank.balance("till").await, 10_000, "rolled back");
    bank.transfer("m", to("alice", 10_001)).await.expect(409);
    // At the commit, after the answer was written into it.
    bank.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
         CREATE CONSTRAINT TRIGGER refused AFTER UPDATE ON balances
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    let call = post("/transfers").bearer(&bank.key).json(to("alice", 250));
    call.header("idempotency-key", "c").send(&bank.app).await.expect(503);
    assert_eq!(bank.balance("till").await, 10_000);
    bank.sql("DROP TRIGGER refused ON balances").await;
    bank.transfer("c", to("alice", 250)).await.expect(201);
    assert_eq!((bank.balance("till").await, bank.balance("alice").await), (9_750, 250));
}

#[tokio::test]
async fn i2_who_has_lost_the_lease_cannot_commit() {
    let Some(bank) = Bank::open().await else { return };
    // While the handler waits for the till, somebody else takes its operation over.
    let mut till = bank.fresh.store.pool().begin().await.unwrap();
    sqlx::query("UPDATE balances SET cents = cents WHERE account = 'till'")
        .execute(&mut *till)
        .await
        .unwrap();
    let slow = bank.transfer("k", to("alice", 250));
    let thief = async {
        let began = Instant::now();
        let taken = "UPDATE keygate_operations SET token = decode(repeat('ab', 16), 'hex')";
        loop {
            let done = sqlx::raw_sql(taken).execute(bank.fresh.store.pool()).await.unwrap();
            if done.rows_affected() == 1 {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "it is never begun");
        }
        till.commit().await.unwrap();
    };
    let (slow, ()) = tokio::join!(slow, thief);
    let slow = slow.expect(409);
    assert_eq!(slow.json()["error"]["code"], "in_progress");
    assert_eq!((bank.balance("till").await, bank.balance("alice").await), (10_000, 0));
    bank.transfer("k", to("alice", 250)).await.expect(409);
}

#[tokio::test]
async fn what_is_lost_is_told_and_nothing_is_written_without_a_key() {
    let Some(bank) = Bank::open().await else { return };
    let store = &bank.fresh.store;
    let mut transaction = store.pool().begin().await.unwrap();
    let lease = Lease::new(OperationId::from_bytes([1; 32]), Token::from_bytes([1; 16]));
    let finish = Finish::new(lease, "a", Duration::from_mins(1));
    let lost = store.finish_in(&mut transaction, finish).await.unwrap_err();
    assert!(matches!(lost, FinishError::Lost));
    store.finish_in(&mut transaction, None).await.unwrap();
    transaction.commit().await.unwrap();
    for _ in 0..2 {
        let call = post("/transfers").bearer(&bank.key).json(to("alice", 250));
        call.send(&bank.app).await.expect(201);
    }
    assert_eq!(bank.balance("alice").await, 500);
}
