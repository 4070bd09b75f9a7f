use std::error::Error as _;

use keygate::KeyHash;
use keygate::store::{KeyQuery, KeyStore};

use super::{at, fresh};

/// What a hand or a fault may leave in a row.
#[tokio::test]
async fn a_corrupt_row_is_an_error_for_that_key_alone() {
    let Some(fresh) = fresh().await else { return };
    let (bad, good) = (fresh.insert(1).await, fresh.insert(2).await);
    fresh
        .psql(
            "ALTER TABLE keygate_keys DROP CONSTRAINT keygate_keys_hash_check,
                 DROP CONSTRAINT keygate_keys_kind_check, DROP CONSTRAINT keygate_keys_mode_check,
                 DROP CONSTRAINT keygate_keys_quota_check,
                 DROP CONSTRAINT keygate_keys_times_check, ALTER name DROP NOT NULL,
                 ALTER created_at DROP NOT NULL;
             CREATE TABLE good AS SELECT * FROM keygate_keys WHERE id = 'key_1'",
        )
        .await;
    let cases = [
        ("hash", "hash = '\\x0707'"),
        ("mode", "mode = 'canary'"),
        ("kind", "kind = ''"),
        ("scopes", "scopes = '{a:read,two canaries}'"),
        ("scopes", "scopes = '{a:read,NULL}'"),
        ("account", "account = 'a canary'"),
        ("plan", "plan = ''"),
        ("quota_count", "quota_count = 1"),
        ("quota_count", "(quota_count, quota_period_ns, quota_burst) = (5000000000, 1, 1)"),
        ("quota_count", "(quota_count, quota_period_ns, quota_burst) = (1, -1, 1)"),
        (
            "quota_count",
            "(quota_count, quota_period_ns, quota_burst) = (1, 9223372036854775807, 4294967295)",
        ),
        ("name", "name = NULL"),
        ("created_at", "created_at = NULL"),
        ("created_at", "created_at = '-infinity'"),
        ("expires_at", "expires_at = 'infinity'"),
        ("not_before", "not_before = '0044-03-15 BC'"),
        ("lineage", "lineage = 'a canary'"),
        ("replaced_by", "replaced_by = ''"),
    ];
    for (column, spoilt) in cases {
        fresh
            .psql(&format!(
                "DELETE FROM keygate_keys WHERE id = 'key_1';
                 INSERT INTO keygate_keys SELECT * FROM good;
                 UPDATE keygate_keys SET {spoilt} WHERE id = 'key_1'"
            ))
            .await;
        let hash = if column == "hash" { KeyHash::from_bytes([9; 32]) } else { bad.hash };
        let by_hash = fresh.find_by_hash(hash).await;
        assert_eq!(by_hash.is_err(), column != "hash", "{spoilt}");
        let answers = [
            fresh.find_by_id(&bad.id).await.map(drop),
            fresh.list(KeyQuery::new(at(0))).await.map(drop),
            fresh.revoke(&bad.id, at(1), None).await.map(drop),
        ];
        for answer in answers {
            let error = answer.unwrap_err();
            let cause = error.source().unwrap().to_string();
            assert!(!error.is_transient(), "{cause}");
            assert!(cause.contains("key_1") && cause.contains(&format!("`{column}`")), "{cause}");
            assert!(!format!("{error:?}").contains("canar"), "{cause}");
        }
        assert_eq!(fresh.find_by_hash(good.hash).await.unwrap(), Some(good.clone()));
    }
}
