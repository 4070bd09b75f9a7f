//! Tables of the application beside the keys.

use keygate::store::{Changed, KeyStore};

use super::other::Other;
use super::{at, id, sql, with_two};
use crate::support::Folder;

#[tokio::test]
async fn changes_of_a_topic_are_told_to_those_who_watch_it() {
    let folder = Folder::new();
    let store = with_two(folder.store().await).await;
    sql(
        &store,
        "CREATE TABLE plans (name TEXT PRIMARY KEY, per_minute INTEGER);
         CREATE TRIGGER plan_added AFTER INSERT ON plans BEGIN
             INSERT INTO keygate_changes (topic, item) VALUES ('plans', NEW.name);
         END;",
    )
    .await;
    let (mut plans, mut accounts) = (store.watch("plans"), store.watch("accounts"));
    assert_eq!(plans.changed().await, Changed::Anything);
    assert_eq!(accounts.changed().await, Changed::Anything);
    let mut other = Other::start();
    other.ask(&format!("open {}", folder.file("keys.db")));
    store.revoke(&id(1), at(1), None).await.unwrap();
    other.ask("sql INSERT INTO plans VALUES ('pro', 600)");
    assert_eq!(plans.changed().await, Changed::Item("pro".into()));
    sql(&store, "INSERT INTO keygate_changes (topic, item) VALUES ('accounts', 'acct_1')").await;
    assert_eq!(accounts.changed().await, Changed::Item("acct_1".into()), "not the plan");
}
