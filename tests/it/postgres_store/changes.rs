use keygate::store::{KeyStore, Outcome, PostgresStore, RecordUpdate};

use super::{Duration, at, fresh, pool, record, timeout};

const VERSION: &str = "SELECT version FROM keygate_keys WHERE id = 'key_1'";

#[tokio::test]
async fn a_version_only_grows_whoever_changes_the_key() {
    let Some(fresh) = fresh().await else { return };
    let id = fresh.insert(1).await.id;
    let mut last = fresh.number(VERSION).await;
    let typed = [
        "UPDATE keygate_keys SET name = 'x'",
        "UPDATE keygate_keys SET version = 0",
        "UPDATE keygate_keys SET version = version",
        "BEGIN; UPDATE keygate_keys SET name = 'y'; UPDATE keygate_keys SET name = 'z'; COMMIT",
        "CREATE TEMP TABLE kept AS SELECT * FROM keygate_keys; DELETE FROM keygate_keys; \
         INSERT INTO keygate_keys SELECT * FROM kept",
        "INSERT INTO keygate_keys SELECT * FROM keygate_keys ON CONFLICT (id) \
         DO UPDATE SET version = 1",
    ];
    for typed in typed {
        fresh.psql(typed).await;
        let version = fresh.number(VERSION).await;
        assert!(version > last, "{version} after {last}: {typed}");
        last = version;
    }
    fresh.revoke(&id, at(1), None).await.unwrap();
    assert!(fresh.number(VERSION).await > last);
}

/// Each of two writers must see what the other did, whichever comes first.
#[tokio::test]
async fn a_revoked_key_is_never_extended_in_a_race() {
    let Some(fresh) = fresh().await else { return };
    for number in 1..=50 {
        let id = fresh.insert(number).await.id;
        let mut named = RecordUpdate::default();
        named.name = Some("new".into());
        let (revoked, updated, again) = tokio::join!(
            fresh.revoke(&id, at(1), Some("first".into())),
            fresh.update(&id, named),
            fresh.revoke(&id, at(2), Some("second".into())),
        );
        let (revoked, updated, again) = (revoked.unwrap(), updated.unwrap(), again.unwrap());
        let stored = fresh.find_by_id(&id).await.unwrap().unwrap();
        let first = matches!(revoked, Outcome::Done(_));
        assert_ne!(first, matches!(again, Outcome::Done(_)), "one of them revokes it");
        assert_eq!(stored.revoked_reason.as_deref(), Some(if first { "first" } else { "second" }));
        assert_eq!(stored.name == "new", matches!(updated, Outcome::Done(_)));
    }
}

/// A caller who gives up leaves a connection in the middle of a statement.
#[tokio::test]
async fn a_statement_that_is_cancelled_does_not_poison_the_pool() {
    let Some(fresh) = fresh().await else { return };
    let key = fresh.insert(1).await;
    let pool = pool(&fresh.database, 1).await;
    let store = PostgresStore::with_pool(pool).await.unwrap();
    let mut locked = fresh.pool().begin().await.unwrap();
    let lock = "SELECT FROM keygate_keys FOR UPDATE";
    sqlx::query(lock).fetch_all(&mut *locked).await.unwrap();
    for _ in 0..3 {
        let waits = store.revoke(&key.id, at(1), None);
        assert!(timeout(Duration::from_millis(100), waits).await.is_err());
        let found = timeout(Duration::from_secs(5), store.find_by_id(&key.id)).await.unwrap();
        assert_eq!(found.unwrap(), Some(key.clone()), "the only connection of the pool works");
    }
    locked.rollback().await.unwrap();
    let revoked = store.revoke(&key.id, at(2), None).await.unwrap();
    assert!(matches!(revoked, Outcome::Done(_) | Outcome::Revoked(_)));
}

#[tokio::test]
async fn a_record_with_everything_comes_back_to_the_microsecond() {
    let Some(fresh) = fresh().await else { return };
    for (number, seconds) in [(1, 0), (2, 946_684_800), (3, 253_399_622_399)] {
        let mut odd = record(number);
        let time = std::time::UNIX_EPOCH + Duration::new(seconds, 999_999_000);
        (odd.created_at, odd.expires_at, odd.not_before) = (time, Some(time), Some(time));
        fresh.store.insert(odd.clone()).await.unwrap();
        assert_eq!(fresh.find_by_id(&odd.id).await.unwrap(), Some(odd));
    }
    // As people read it there.
    let seen = "SELECT count(*) FROM keygate_keys WHERE expires_at = \
         timestamptz '2000-01-01 00:00:00.999999+00'";
    assert_eq!(fresh.number(seen).await, 1);
}
