//! A database that takes no writes serves every request.

use keygate::store::PostgresStore;
use keygate::{KeyringError, NewKey, Refusal};

use super::{LONG_DEADLINE, PATIENCE, builder, issued, shown, store, unknown, until};
use crate::support::postgres::{database, run};

async fn make_read_only(url: &str) {
    let (_, name) = url.rsplit_once('/').unwrap();
    let statement = format!(r#"ALTER DATABASE "{name}" SET default_transaction_read_only = on"#);
    run(url, &statement).await;
}

#[tokio::test]
async fn g2_keys_are_verified_although_no_usage_can_be_written() {
    let Some(database) = database("read_only").await else { return };
    let url = database.url();
    let (key, revoked) = {
        let keys = builder(&store(url).await).deadline(LONG_DEADLINE).build().unwrap();
        let keys_of_both = (issued(&keys).await, issued(&keys).await);
        keys.revoke(keys_of_both.1.id()).await.unwrap();
        keys.shutdown().await;
        keys_of_both
    };
    make_read_only(url).await;
    // The tables are there: nothing has to be written to open them.
    let keys = builder(&store(url).await).deadline(LONG_DEADLINE).build().unwrap();
    let mut served = 0;
    until(PATIENCE, async || {
        keys.verify(key.key().expose()).await.unwrap();
        assert_eq!(keys.verify(revoked.key().expose()).await.unwrap_err(), Refusal::Revoked);
        served += 1;
        keys.health().usage.failing.is_some()
    })
    .await;
    assert_eq!(keys.verify(&unknown()).await.unwrap_err(), Refusal::UnknownKey);
    assert_eq!(keys.usage(key.id()).await.unwrap().requests, served);
    // Verbs say that it is the store's fault.
    let failed = keys.issue(NewKey::named("no")).await.unwrap_err();
    assert!(matches!(failed, KeyringError::Store(_)), "{failed:?}");
    assert!(keys.revoke(key.id()).await.is_err());
    keys.verify(key.key().expose()).await.unwrap();
    keys.shutdown().await;
}

#[tokio::test]
async fn an_empty_database_that_takes_no_writes_is_an_error_at_the_start() {
    let Some(database) = database("read_only").await else { return };
    make_read_only(database.url()).await;
    let error = PostgresStore::connect(database.url()).await.unwrap_err();
    let shown = shown(&error);
    assert!(shown.contains("read-only"), "{shown}");
}
