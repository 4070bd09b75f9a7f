use keygate::idempotency::{
    Begin, Begun, Fingerprint, Finish, IdempotencyStore, Lease, OperationId, Token,
};
use keygate::store::{Change, Changed, KeyStore, KeyUse, PostgresStore, UsageBatch};
use keygate::{KeyHash, KeyId};

use super::{Duration, at, fresh, record, sql, timeout, told};

const INSERT: &str = "\
    INSERT INTO keygate_keys (id, name, hint, hash, kind, mode, scopes, account, lineage, created_at) \
    SELECT 'psql_' || n, '', '', sha256(n::text::bytea), 'secret', 'live', '{}', 'acct_1', \
        'psql_' || n, now() FROM generate_series";

const LISTENING: &str = "SELECT count(*) FROM pg_stat_activity \
     WHERE datname = current_database() AND query LIKE 'LISTEN%'";

/// Long enough for a notification that another has heard already.
const A_WHILE: Duration = Duration::from_millis(300);

impl super::Fresh {
    /// Waits until every feed has ended.
    async fn nobody_listens(&self) {
        let listening = async { while self.number(LISTENING).await > 0 {} };
        timeout(Duration::from_mins(1), listening).await.unwrap();
    }
}

fn key(text: &str) -> Change {
    Change::Key(KeyHash::of(text.as_bytes()))
}

/// As `pg_restore --clean` does it: the triggers come after the data, and tell nothing.
#[tokio::test]
async fn a_table_that_is_restored_beneath_a_feed_ends_it() {
    let Some(fresh) = fresh().await else { return };
    fresh.insert(1).await;
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    assert_eq!(told(&fresh, &mut feed).await, Some(vec![]));
    fresh
        .psql(
            "ALTER TABLE keygate_keys RENAME TO saved;
             CREATE TABLE keygate_keys (LIKE saved INCLUDING ALL);
             DROP TABLE saved",
        )
        .await;
    assert_eq!(told(&fresh, &mut feed).await, None);
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    assert_eq!(told(&fresh, &mut feed).await, Some(vec![]));
}

/// Its channel is another one: whoever listens on the old one must not be told that all is well.
#[tokio::test]
async fn a_schema_that_is_restored_beneath_a_feed_proves_nothing_to_it() {
    let Some(fresh) = fresh().await else { return };
    let mut deaf = fresh.subscribe().await.unwrap().unwrap();
    assert_eq!(told(&fresh, &mut deaf).await, Some(vec![]));
    fresh.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    fresh.psql(include_str!("../../../migrations/postgres/0001_keys.sql")).await;
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    let key = fresh.insert(1).await;
    assert_eq!(told(&fresh, &mut feed).await, Some(vec![Change::Key(key.hash)]));
    assert!(timeout(A_WHILE, deaf.next()).await.is_err(), "it heard the proof");
}

#[tokio::test]
async fn what_is_typed_into_psql_is_told() {
    let Some(fresh) = fresh().await else { return };
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    let moved = Change::Key(KeyHash::from_bytes([7; 32]));
    let (one, two) = (format!("{INSERT}(1, 1) n"), format!("{INSERT}(2, 3) n"));
    let cases = [
        (one.as_str(), vec![key("1")]),
        (two.as_str(), vec![key("2"), key("3")]),
        ("UPDATE keygate_keys SET revoked_at = now() WHERE id = 'psql_1'", vec![key("1")]),
        ("UPDATE keygate_keys SET name = 'x' WHERE id = 'psql_0'", vec![]),
        (
            "BEGIN; UPDATE keygate_keys SET plan = 'pro' WHERE id = 'psql_2'; SAVEPOINT a; \
             UPDATE keygate_keys SET plan = 'pro' WHERE id = 'psql_3'; ROLLBACK TO a; COMMIT",
            vec![key("2")],
        ),
        ("BEGIN; UPDATE keygate_keys SET plan = 'pro'; ROLLBACK", vec![]),
        (
            "UPDATE keygate_keys SET hash = decode(repeat('07', 32), 'hex') WHERE id = 'psql_3'",
            vec![key("3"), moved],
        ),
        // As logical replication writes.
        (
            "SET session_replication_role = replica; \
             UPDATE keygate_keys SET revoked_at = now() WHERE id = 'psql_2'",
            vec![key("2")],
        ),
        ("DELETE FROM keygate_keys WHERE id = 'psql_2'", vec![key("2")]),
        ("UPDATE keygate_usage SET requests = 9; DELETE FROM keygate_usage", vec![]),
        ("TRUNCATE keygate_keys", vec![Change::All]),
        // Somebody's own call, with what is no hash.
        ("SELECT keygate_notify('keys', 'psql_1')", vec![Change::All]),
        ("SELECT keygate_notify('accounts', 'acct_1')", vec![]),
    ];
    for (typed, expected) in cases {
        fresh.psql(typed).await;
        assert_eq!(told(&fresh, &mut feed).await.unwrap(), expected, "{typed}");
    }
}

#[tokio::test]
async fn a_bulk_change_is_told_as_one_of_all() {
    let Some(fresh) = fresh().await else { return };
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    for (typed, expected) in [
        (format!("{INSERT}(1, 1000) n"), 1000),
        // A thousand of them, and the rest in one.
        (format!("{INSERT}(1001, 3000) n"), 1001),
        ("UPDATE keygate_keys SET revoked_at = now()".into(), 1001),
    ] {
        fresh.psql(&typed).await;
        let changes = told(&fresh, &mut feed).await.unwrap();
        assert_eq!(changes.len(), expected, "{typed}");
        assert_eq!(changes.last() == Some(&Change::All), expected > 1000, "{typed}");
    }
}

#[tokio::test]
async fn usage_is_never_told() {
    let Some(fresh) = fresh().await else { return };
    let id = fresh.insert(1).await.id;
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    let batch = UsageBatch::new(1, 1, vec![KeyUse::new(id, 3, at(1))]);
    fresh.add_usage(batch).await.unwrap();
    assert_eq!(told(&fresh, &mut feed).await.unwrap(), []);
}

/// Without the count a lost notification looks like silence.
#[tokio::test]
async fn a_lost_notification_ends_the_feed_at_the_next_proof() {
    let Some(fresh) = fresh().await else { return };
    let key = fresh.insert(1).await;
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    fresh.psql("UPDATE keygate_clock SET version = version + 1").await;
    assert_eq!(told(&fresh, &mut feed).await, None);
    // The same at the next change, should it come first.
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    fresh.psql("UPDATE keygate_clock SET version = version + 1").await;
    fresh.revoke(&key.id, at(1), None).await.unwrap();
    assert_eq!(feed.next().await, None);
    // A new one begins with what is there.
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    assert_eq!(told(&fresh, &mut feed).await.unwrap(), []);
}

#[tokio::test]
async fn a_lost_connection_ends_the_feed() {
    let Some(fresh) = fresh().await else { return };
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    assert!(told(&fresh, &mut feed).await.is_some());
    fresh
        .psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND query LIKE 'LISTEN%'",
        )
        .await;
    assert_eq!(timeout(Duration::from_secs(30), feed.next()).await.unwrap(), None);
}

#[tokio::test]
async fn one_who_is_too_slow_loses_the_feed() {
    let Some(fresh) = fresh().await else { return };
    fresh.psql(&format!("{INSERT}(1, 900) n")).await;
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    for _ in 0..5 {
        fresh.psql("UPDATE keygate_keys SET name = 'x'").await;
    }
    // Nobody has taken any of them, and 4,096 are kept.
    fresh.nobody_listens().await;
    let mut heard = 0;
    while feed.next().await.is_some() {
        heard += 1;
    }
    assert!(heard < 5 * 900, "it ended instead of leaving some out: {heard}");
}

#[tokio::test]
async fn a_dropped_feed_gives_its_connection_back() {
    let Some(fresh) = fresh().await else { return };
    let feed = fresh.subscribe().await.unwrap().unwrap();
    assert_eq!(fresh.number(LISTENING).await, 1);
    drop(feed);
    fresh.nobody_listens().await;
}

#[tokio::test]
async fn a_transaction_left_open_holds_up_no_other_change() {
    let Some(fresh) = fresh().await else { return };
    let (left, other) = (fresh.insert(1).await, fresh.insert(2).await);
    let mut feed = fresh.subscribe().await.unwrap().unwrap();
    let mut open = fresh.pool().begin().await.unwrap();
    let revoke = "UPDATE keygate_keys SET revoked_at = now() WHERE id = $1";
    sqlx::query(revoke).bind(left.id.as_str()).execute(&mut *open).await.unwrap();
    let revoked = timeout(Duration::from_secs(30), fresh.revoke(&other.id, at(1), None)).await;
    revoked.unwrap().unwrap();
    assert_eq!(told(&fresh, &mut feed).await.unwrap(), [Change::Key(other.hash)]);
    open.commit().await.unwrap();
    assert_eq!(told(&fresh, &mut feed).await.unwrap(), [Change::Key(left.hash)]);
}

#[tokio::test]
async fn two_schemas_of_one_database_know_nothing_of_each_other() {
    let Some(fresh) = fresh().await else { return };
    fresh.psql("CREATE SCHEMA a; CREATE SCHEMA b").await;
    let url = fresh.database.url();
    let tenant = async |schema: &str| {
        let url = format!("{url}?options=-c%20search_path%3D{schema},public");
        PostgresStore::connect(&url).await.unwrap()
    };
    let (a, b) = (tenant("a").await, tenant("b").await);
    let (mut of_a, mut of_b) =
        (a.subscribe().await.unwrap().unwrap(), b.subscribe().await.unwrap().unwrap());
    // Uneven, so that one's numbers are nonsense to the other.
    for number in 1..=3 {
        a.insert(record(number)).await.unwrap();
    }
    b.insert(record(1)).await.unwrap();
    assert!(fresh.find_by_id(&record(1).id).await.unwrap().is_none());
    assert!(b.find_by_id(&record(2).id).await.unwrap().is_none());
    assert_eq!(told(&a, &mut of_a).await.unwrap().len(), 3);
    assert_eq!(told(&b, &mut of_b).await.unwrap().len(), 1);
    // Also where whoever changes it has the schema not on the path.
    fresh.psql("UPDATE a.keygate_keys SET revoked_at = now() WHERE id = 'key_1'").await;
    assert_eq!(told(&a, &mut of_a).await.unwrap().len(), 1);
    assert_eq!(told(&b, &mut of_b).await.unwrap().len(), 0);
}

#[tokio::test]
async fn tables_of_the_application_are_watched() {
    let Some(fresh) = fresh().await else { return };
    fresh
        .psql(
            "CREATE TABLE accounts (id text PRIMARY KEY, state text);
             CREATE CONSTRAINT TRIGGER accounts_told AFTER INSERT OR UPDATE OR DELETE ON accounts
                 DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION keygate_tell('accounts', 'id');
             CREATE TRIGGER accounts_emptied AFTER TRUNCATE ON accounts
                 FOR EACH STATEMENT EXECUTE FUNCTION keygate_tell('accounts')",
        )
        .await;
    let mut watch = fresh.watch("accounts");
    assert_eq!(watch.changed().await, Changed::Anything);
    let item = |id: &str| Changed::Item(id.into());
    let cases = [
        ("INSERT INTO accounts VALUES ('acct_\"1\"')", vec![item("acct_\"1\"")]),
        ("UPDATE accounts SET state = 'on'", vec![item("acct_\"1\"")]),
        ("UPDATE accounts SET id = 'acct_2'", vec![item("acct_\"1\""), item("acct_2")]),
        ("DELETE FROM accounts", vec![item("acct_2")]),
        ("TRUNCATE accounts", vec![Changed::Anything]),
        // Longer than a notification can be.
        ("INSERT INTO accounts VALUES (repeat('x', 8000))", vec![Changed::Anything]),
    ];
    for (typed, expected) in cases {
        // Another topic's change is none of this one's.
        fresh.psql("SELECT keygate_notify('plans', 'pro')").await;
        fresh.psql(typed).await;
        for changed in expected {
            let heard = timeout(Duration::from_secs(30), watch.changed()).await.unwrap();
            assert_eq!(heard, changed, "{typed}");
        }
    }
}

#[tokio::test]
async fn roles_need_few_rights() {
    let Some(fresh) = fresh().await else { return };
    let role = format!("role_{:016x}", rand::random::<u64>());
    fresh
        .psql(&format!(
            "CREATE ROLE {role};
             GRANT SELECT ON keygate_schema, keygate_clock TO {role};
             GRANT SELECT, INSERT, UPDATE ON keygate_keys TO {role};
             GRANT SELECT, INSERT, UPDATE, DELETE ON keygate_usage, keygate_usage_nodes TO {role};
             GRANT SELECT, INSERT, UPDATE, DELETE ON keygate_usage_hours TO {role};
             GRANT SELECT, INSERT, UPDATE, DELETE ON keygate_operations TO {role}"
        ))
        .await;
    let url = format!("{}?options=-c%20role%3D{role}", fresh.database.url());
    let store = PostgresStore::connect(&url).await.unwrap();
    assert_eq!(
        sql("SELECT 1 WHERE current_user LIKE 'role%'")
            .fetch_all(store.pool())
            .await
            .unwrap()
            .len(),
        1
    );
    let mut feed = store.subscribe().await.unwrap().unwrap();
    let (key, id) = (record(1), KeyId::parse("key_1").unwrap());
    store.insert(key.clone()).await.unwrap();
    store.add_usage(UsageBatch::new(1, 1, vec![KeyUse::new(id.clone(), 3, at(1))])).await.unwrap();
    assert_eq!(store.usage(1, vec![id.clone()]).await.unwrap().keys.len(), 1);
    assert_eq!(
        store
            .hourly_usage(1, id.clone(), at(0) - Duration::from_hours(1))
            .await
            .unwrap()
            .hours
            .len(),
        1
    );
    store.revoke(&id, at(1), None).await.unwrap();
    let lease = Lease::new(OperationId::from_bytes([1; 32]), Token::from_bytes([1; 16]));
    let begin = Begin::new(lease, Fingerprint::from_bytes([1; 32]), Duration::from_mins(1));
    assert_eq!(store.begin(begin.clone()).await.unwrap(), Begun::Leased);
    assert!(store.renew(lease, Duration::from_mins(1)).await.unwrap());
    store.release(lease).await.unwrap();
    assert_eq!(store.begin(begin).await.unwrap(), Begun::Leased);
    assert!(store.finish(Finish::new(lease, "a", Duration::from_mins(1))).await.unwrap());
    let change = Change::Key(key.hash);
    assert_eq!(told(&store, &mut feed).await.unwrap(), [change, change]);
    // An operator who may do nothing else can revoke a key.
    fresh
        .psql(&format!(
            "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role};
             GRANT SELECT, UPDATE ON keygate_keys TO {role};
             SET ROLE {role};
             UPDATE keygate_keys SET revoked_at = now() WHERE id = 'key_1'"
        ))
        .await;
    assert_eq!(told(&fresh, &mut feed).await.unwrap(), [change]);
    fresh.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}
