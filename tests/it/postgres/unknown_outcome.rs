//! R6: a revocation whose answer nobody heard.

use std::time::Duration;

use keygate::{IssuedKey, Keyring, KeyringError, Refusal};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::time::timeout;

use super::{DEADLINE, PATIENCE, builder, issued, store, until};
use crate::support::postgres::{database, number};

/// By when a commit is felt, on a busy machine.
const SOON: Duration = Duration::from_secs(1);

/// A transaction that keeps everybody else from changing these keys until it ends.
async fn lock(url: &str, keys: &[&IssuedKey]) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.execute("BEGIN").await.unwrap();
    for key in keys {
        let id = key.id();
        let lock = format!("SELECT 1 FROM keygate_keys WHERE id = '{id}' FOR UPDATE");
        connection.execute(AssertSqlSafe(lock)).await.unwrap();
    }
    connection
}

async fn is_committed(url: &str, key: &IssuedKey) -> bool {
    let id = key.id();
    let revoked =
        format!("SELECT count(*) FROM keygate_keys WHERE id = '{id}' AND revoked_at IS NOT NULL");
    number(url, &revoked).await == 1
}

async fn is_refused(keys: &Keyring, key: &IssuedKey) -> bool {
    keys.verify(key.key().expose()).await.is_err_and(|why| why == Refusal::Revoked)
}

#[tokio::test]
async fn r6_a_revocation_that_was_dropped_or_timed_out_counts_once_it_is_committed() {
    let Some(database) = database("r6").await else { return };
    let url = database.url();
    let here = builder(&store(url).await).build().unwrap();
    let there = builder(&store(url).await).build().unwrap();
    let (dropped, timed_out) = (issued(&here).await, issued(&here).await);
    for key in [&dropped, &timed_out] {
        for keys in [&here, &there] {
            until(PATIENCE, async || keys.verify(key.key().expose()).await.is_ok()).await;
        }
    }
    let mut lock = lock(url, &[&dropped, &timed_out]).await;
    let caller = here.revoke_because(dropped.id(), "first");
    assert!(timeout(DEADLINE, caller).await.is_err());
    let failed = here.revoke_because(timed_out.id(), "first").await.unwrap_err();
    assert!(matches!(failed, KeyringError::OutcomeUnknown), "{failed:?}");
    // Nothing is committed, and both statements still wait in the server, their caller long gone.
    for key in [&dropped, &timed_out] {
        assert!(!is_committed(url, key).await);
        assert!(!is_refused(&here, key).await);
    }
    lock.execute("COMMIT").await.unwrap();
    for (what, key) in [("dropped", &dropped), ("timed out", &timed_out)] {
        until(PATIENCE, async || is_committed(url, key).await).await;
        for keys in [&here, &there] {
            let after = until(PATIENCE, async || is_refused(keys, key).await).await;
            assert!(after <= DEADLINE + SOON, "{what}: {after:?}");
        }
        let second = here.revoke_because(key.id(), "second").await.unwrap();
        assert_eq!(second.revoked_reason.as_deref(), Some("first"), "{what}");
        assert!(is_refused(&here, key).await && is_refused(&there, key).await, "{what}");
    }
}
