//! S1: with every statement in Postgres' own log, no key is found there, nor in an error.

use std::time::Duration;

use keygate::{KeyFilter, KeyUpdate, NewKey, Refusal};

use super::{LONG_DEADLINE, PATIENCE, builder, issued, shown, store, unknown, until};
use crate::support::postgres::Server;
use crate::support::spellings;

#[tokio::test]
async fn s1_no_key_is_in_the_servers_log_or_in_an_error() {
    let settings = ["log_statement = all", "log_min_messages = debug1", "log_connections = on"];
    let Some(mut server) = Server::start_with(&settings).await else { return };
    let store = store(&server.url()).await;
    let keys = builder(&store).deadline(LONG_DEADLINE).build().unwrap();
    let (key, stranger) = (issued(&keys).await, unknown());
    let text = key.key().expose().to_owned();
    keys.verify(&text).await.unwrap();
    assert_eq!(keys.verify(&stranger).await.unwrap_err(), Refusal::UnknownKey);
    keys.update(key.id(), KeyUpdate::default().name("canary")).await.unwrap();
    keys.list(KeyFilter::default()).await.unwrap();
    let successor = keys.rotate(key.id(), Duration::from_mins(1)).await.unwrap();
    keys.verify(successor.key().expose()).await.unwrap();
    // A second row with the same hash: the refusal names it.
    let hash = key.key().hash();
    let again = keys.import(NewKey::named("again"), hash, "ck_test_again0").await.unwrap_err();
    keys.revoke(key.id()).await.unwrap();
    let logged = async || server.log().contains("revoked_at") && server.log().contains("canary");
    until(PATIENCE, logged).await;
    let log = server.log();
    server.kill();
    // From here on everything fails, and should not take long to.
    let keys = builder(&store).build().unwrap();
    let mut seen = vec![("the log", log), ("an error", shown(&again))];
    seen.push(("an error", shown(&keys.find(key.id()).await.unwrap_err())));
    seen.push(("an error", shown(&keys.revoke(key.id()).await.unwrap_err())));
    let cold = keys.verify(&unknown()).await.unwrap_err();
    seen.push(("a refusal", format!("{cold:?}")));
    assert!(seen[0].1.contains(&hash.to_string()), "what is bound is logged");
    for secret in [&*text, &*stranger, successor.key().expose()] {
        // What follows the hint.
        for spelling in spellings(&secret["ck_test_abc123".len()..]) {
            for (place, text) in &seen {
                assert!(!text.contains(&spelling), "{place} shows a key");
            }
        }
    }
}
