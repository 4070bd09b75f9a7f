use std::time::Duration;

use keygate::store::KeyStatus;
use keygate::{KeyFilter, KeyUpdate, KeyringError, Mode, NewKey, Refusal, ScopeName};

use super::{Read, Write, builder, issued, store};
use keygate::Scope;

#[tokio::test]
async fn v9_a_key_issued_after_it_was_refused_is_accepted_at_once() {
    let (first, second) = (store(), store());
    let keys = builder(&first).build().unwrap();
    let elsewhere = builder(&second).build().unwrap();
    let key = issued(&elsewhere).await;
    let text = key.key().expose();
    assert_eq!(keys.verify(text).await.unwrap_err(), Refusal::UnknownKey);
    let hash = keygate::KeyHash::of(text.as_bytes());
    keys.import(NewKey::named("import"), hash, "ck_test_abcdef").await.unwrap();
    keys.verify(text).await.unwrap();
}

#[tokio::test]
async fn r4_every_change_counts_for_the_next_request() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    let text = key.key().expose();
    assert!(keys.verify(text).await.unwrap().scopes().contains(&Read::NAME));

    keys.update(key.id(), KeyUpdate::default().scopes([Write::NAME])).await.unwrap();
    let caller = keys.verify(text).await.unwrap();
    assert!(caller.scopes().contains(&Write::NAME) && !caller.scopes().contains(&Read::NAME));

    let soon = keys.clock().wall() + Duration::from_mins(1);
    keys.update(key.id(), KeyUpdate::default().expires_at(Some(soon))).await.unwrap();
    keys.verify(text).await.unwrap();

    let _successor = keys.rotate(key.id(), Duration::ZERO).await.unwrap();
    assert_eq!(keys.verify(text).await.unwrap_err(), Refusal::Revoked);
}

#[tokio::test]
async fn c7_a_revoked_key_stays_listed_and_has_no_way_back() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    let first = keys.revoke_because(key.id(), "leaked").await.unwrap();
    let second = keys.revoke_because(key.id(), "twice").await.unwrap();
    assert_eq!(second, first);
    assert_eq!(first.revoked_reason.as_deref(), Some("leaked"));
    let update = keys.update(key.id(), KeyUpdate::default().expires_at(None)).await;
    assert!(matches!(update, Err(KeyringError::Revoked)));
    let rotation = keys.rotate(key.id(), Duration::from_mins(1)).await;
    assert!(matches!(rotation, Err(KeyringError::Revoked)));
    let listed = keys.list(KeyFilter::default().status(KeyStatus::Revoked)).await.unwrap();
    assert_eq!(listed.records, [first]);
}

#[tokio::test]
async fn c13_r5_both_keys_of_a_rotation_are_valid_and_one_lineage() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let old = keys
        .issue(NewKey::named("plugin").mode(Mode::Live).scope(Read).scope(Write))
        .await
        .unwrap();
    let new = keys.rotate(old.id(), Duration::from_mins(1)).await.unwrap();
    let before = keys.verify(old.key().expose()).await.unwrap();
    let after = keys.verify(new.key().expose()).await.unwrap();
    assert_eq!(before.lineage(), after.lineage());
    assert_ne!(before.key_id(), after.key_id());
    assert_eq!((before.mode(), before.scopes()), (after.mode(), after.scopes()));
    let old = keys.find(old.id()).await.unwrap().unwrap();
    assert_eq!(old.replaced_by.as_ref(), Some(new.id()));
    assert_eq!(new.record().replaces.as_ref(), Some(&old.id));
    assert_eq!(new.record().name, "plugin");
    let again = keys.rotate(&old.id, Duration::from_mins(1)).await;
    assert!(matches!(again, Err(KeyringError::AlreadyRotated)));
    let third = keys.rotate(new.id(), Duration::from_mins(1)).await.unwrap();
    assert_eq!(third.record().lineage, old.lineage);
}

#[tokio::test]
async fn unknown_ids_are_told() {
    let keys = builder(&store()).build().unwrap();
    let id = keygate::KeyId::parse("key_nobody").unwrap();
    assert!(keys.find(&id).await.unwrap().is_none());
    assert!(matches!(keys.revoke(&id).await, Err(KeyringError::UnknownKey)));
    assert!(matches!(keys.rotate(&id, Duration::ZERO).await, Err(KeyringError::UnknownKey)));
    let update = keys.update(&id, KeyUpdate::default()).await;
    assert!(matches!(update, Err(KeyringError::UnknownKey)));
}

#[tokio::test]
async fn a_scope_that_is_no_longer_declared_grants_nothing() {
    let store = store();
    let wide = keygate::Keyring::builder(store.clone(), super::format()).scopes(super::SCOPES);
    let key = issued(&wide.build().unwrap()).await;
    let narrow = keygate::Keyring::builder(store, super::format()).build().unwrap();
    assert!(narrow.verify(key.key().expose()).await.unwrap().scopes().is_empty());
    assert!(!key.record().scopes.contains(&ScopeName::from_static("a:write")));
}

#[tokio::test]
async fn lists_are_paged_newest_first() {
    let keys = builder(&store()).build().unwrap();
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.insert(0, issued(&keys).await.id().clone());
    }
    ids.sort();
    let (mut listed, mut filter) = (Vec::new(), KeyFilter::default().limit(3));
    loop {
        let page = keys.list(filter.clone()).await.unwrap();
        assert!(page.records.is_sorted_by_key(|record| std::cmp::Reverse(record.created_at)));
        listed.extend(page.records.into_iter().map(|record| record.id));
        match page.next {
            Some(next) => filter = filter.cursor(next),
            None => break,
        }
    }
    listed.sort();
    assert_eq!(listed, ids);
}
