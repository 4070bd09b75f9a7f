//! Rows that no version of this crate wrote.

use keygate::store::{KeyStore, RecordUpdate};
use keygate::{KeyFormat, Keyring, NewKey, Refusal};

use super::{cause, id, record, sql, with_two};
use crate::support::Folder;

/// What somebody may have done to a row, and the column that the error names.
const SPOILT: [(&str, &str); 16] = [
    ("hash = x'00'", "hash"),
    ("hash = zeroblob(33)", "hash"),
    ("kind = 'open'", "kind"),
    ("mode = 'LIVE'", "mode"),
    ("scopes = 'links:read'", "scopes"),
    ("scopes = '[1]'", "scopes"),
    ("scopes = '{\"links:read\": true}'", "scopes"),
    ("scopes = '[\"no such scope!\"]'", "scopes"),
    ("account = ''", "account"),
    ("plan = 'no plan!'", "plan"),
    ("quota_count = 9223372036854775807, quota_period_ns = 1, quota_burst = 1", "quota_count"),
    ("quota_count = 1", "quota_count"),
    ("created_at = -1", "created_at"),
    ("expires_at = 9223372036854775807", "expires_at"),
    ("revoked_at = -9223372036854775808", "revoked_at"),
    ("replaced_by = 'what?'", "replaced_by"),
];

#[tokio::test]
async fn a_corrupt_row_is_an_error_for_its_key_alone() {
    for (spoilt, column) in SPOILT {
        let folder = Folder::new();
        let store = with_two(folder.store().await).await;
        let update = format!("UPDATE keygate_keys SET {spoilt} WHERE id = 'key_1'");
        let checked =
            sqlx::raw_sql(sqlx::AssertSqlSafe(update.clone())).execute(store.pool()).await;
        if checked.is_err() {
            sql(&store, &format!("PRAGMA ignore_check_constraints = ON; {update}")).await;
        }
        let error = store.find_by_id(&id(1)).await.unwrap_err();
        assert!(cause(&error).starts_with("permanent: "), "{spoilt}");
        assert!(cause(&error).contains("key_1"), "{spoilt}: {}", cause(&error));
        assert!(cause(&error).contains(&format!("`{column}`")), "{spoilt}: {}", cause(&error));
        assert!(store.update(&id(1), RecordUpdate::default()).await.is_err(), "{spoilt}");
        assert!(store.find_by_id(&id(2)).await.unwrap().is_some(), "{spoilt}");
        store.insert(record(3)).await.unwrap();
    }
}

#[tokio::test]
async fn checks_and_types_stop_most_of_them() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    let refused = [
        "hash = x'00'",
        "hash = 'text'",
        "kind = 'open'",
        "mode = NULL",
        "scopes = 'links:read'",
        "scopes = '{}'",
        "quota_count = 1",
        "created_at = -1",
        "revoked_at = datetime('now')",
    ];
    for spoilt in refused {
        let update = format!("UPDATE keygate_keys SET {spoilt} WHERE id = 'key_1'");
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(update)).execute(store.pool()).await;
        assert!(done.is_err(), "{spoilt}");
    }
}

#[tokio::test]
async fn a_corrupt_row_opens_nothing() {
    let folder = Folder::new();
    let store = folder.store().await;
    let keys = Keyring::builder(store.clone(), KeyFormat::base62("ck", 32).unwrap());
    let keys = keys.build().unwrap();
    let issued = keys.issue(NewKey::named("plugin")).await.unwrap();
    sql(&store, "PRAGMA ignore_check_constraints = ON; UPDATE keygate_keys SET mode = 'any'").await;
    let refusal = keys.verify(issued.key().expose()).await.unwrap_err();
    assert_eq!(refusal, Refusal::LookupFailed);
}

#[tokio::test]
async fn any_time_of_revocation_revokes() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    // Seconds where microseconds belong: early in 1970, but revoked it is.
    sql(&store, "UPDATE keygate_keys SET revoked_at = unixepoch() WHERE id = 'key_1'").await;
    assert!(store.find_by_id(&id(1)).await.unwrap().unwrap().revoked_at.is_some());
}
