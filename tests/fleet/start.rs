//! Nodes that are started at once on an empty database.

use crate::alone;
use crate::nodes::Fleet;
use crate::postgres::{database, number};

/// Demo keys of the example.
const DEMO_KEYS: i64 = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_on_an_empty_database_migrate_once_and_issue_one_set_of_demo_keys() {
    let _alone = alone().await;
    for _ in 0..3 {
        let Some(database) = database("fleet_start").await else { return };
        let _fleet = Fleet::start(&[database.url(); 3]).await;
        let query = async |what| number(database.url(), what).await;
        assert_eq!(query("SELECT count(*) FROM keygate_schema").await, 1);
        assert_eq!(query("SELECT count(*) FROM keygate_keys").await, DEMO_KEYS);
    }
}
