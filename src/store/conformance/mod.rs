//! The rules of [`KeyStore`], one function each. Called through `store_conformance!`.
#![allow(clippy::unwrap_used, reason = "these are tests: a failure is to be heard of at once")]
#![allow(clippy::missing_panics_doc, reason = "these are tests: they panic when a rule is broken")]

mod search;
mod usage;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use search::names_are_searched_for_a_text;
pub use usage::{
    a_batch_of_usage_counts_once, a_clock_that_runs_fast_takes_nobodys_hours,
    an_hour_has_every_node_and_no_batch_twice, many_keys_are_one_batch,
    requests_are_counted_by_the_hour, the_last_use_never_goes_back, the_nodes_count_for_themselves,
    usage_adds_up, usage_is_no_change, usage_says_how_far_it_goes,
    uses_of_keys_that_are_not_there_are_dropped,
};

use super::{
    Change, ChangeFeed, Cursor, KeyQuery, KeyRecord, KeyStatus, KeyStore, Outcome, RecordUpdate,
    Rotation,
};
use crate::{AccountId, KeyHash, KeyId, Mode, PlanName, Quota, ScopeName};

/// Tests a store against every rule of the port, one named test each.
///
/// The argument makes an empty store; it may `.await`. Each test asks for its own. The
/// tests need `tokio` with the features `macros` and `rt`.
///
/// ```
/// # #[cfg(test)]
/// mod my_store {
///     keygate::store_conformance!(keygate::store::MemoryStore::new());
/// }
/// ```
#[macro_export]
macro_rules! store_conformance {
    ($store:expr) => {
        $crate::store_conformance!(@each $store;
            a_record_comes_back_as_it_went
            what_is_not_there_is_none
            ids_and_hashes_are_unique
            an_update_changes_what_it_names
            a_revoked_record_cannot_be_updated
            a_second_revocation_keeps_the_first
            what_is_missing_is_told
            a_rotation_does_both_or_nothing
            a_rotation_without_overlap_revokes
            a_rotation_never_extends
            what_has_ended_is_not_rotated
            of_two_rotations_one_wins
            a_successor_of_what_has_changed_is_refused
            lists_are_newest_first_and_filtered
            names_are_searched_for_a_text
            pages_join_without_gap_or_repeat
            times_are_kept_to_the_microsecond
            what_was_written_is_read_at_once
            the_feed_tells_changes_and_proofs
            the_feed_names_what_changed
            every_feed_hears_everything
            usage_adds_up
            the_last_use_never_goes_back
            a_batch_of_usage_counts_once
            the_nodes_count_for_themselves
            uses_of_keys_that_are_not_there_are_dropped
            usage_says_how_far_it_goes
            many_keys_are_one_batch
            requests_are_counted_by_the_hour
            an_hour_has_every_node_and_no_batch_twice
            a_clock_that_runs_fast_takes_nobodys_hours
            usage_is_no_change
        );
    };
    (@each $store:expr; $($rule:ident)*) => {$(
        #[tokio::test]
        async fn $rule() {
            $crate::store::conformance::$rule(&$store).await;
        }
    )*};
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

/// A record with something in every field.
fn record(number: u8) -> KeyRecord {
    let id = KeyId::parse(&format!("key_{number:03}")).unwrap();
    let account = AccountId::parse("acct_1").unwrap();
    let hash = KeyHash::from_bytes([number; 32]);
    let mut record = KeyRecord::new(id, hash, Mode::Live, account, at(u64::from(number)));
    record.name = "Käse's \"plugin\"".into();
    record.hint = "ck_live_abc123".into();
    record.scopes = ["a:read", "a:write"].into_iter().map(ScopeName::from_static).collect();
    record.plan = Some(PlanName::parse("starter").unwrap());
    record.quota = Some(Quota::try_new(7, Duration::from_mins(1), 3).unwrap());
    record.not_before = Some(at(1));
    record.expires_at = Some(at(1_000));
    record
}

fn rotation(of: &KeyRecord, number: u8, until: SystemTime) -> Rotation {
    let mut successor = record(number);
    successor.lineage = of.lineage.clone();
    successor.replaces = Some(of.id.clone());
    Rotation { successor, at: at(500), predecessor_until: until }
}

async fn stored(store: &impl KeyStore, number: u8) -> KeyRecord {
    let record = record(number);
    store.insert(record.clone()).await.unwrap();
    record
}

async fn found(store: &impl KeyStore, id: &KeyId) -> KeyRecord {
    store.find_by_id(id).await.unwrap().unwrap()
}

pub async fn a_record_comes_back_as_it_went(store: &impl KeyStore) {
    let record = stored(store, 1).await;
    assert_eq!(store.find_by_hash(record.hash).await.unwrap().as_ref(), Some(&record));
    assert_eq!(store.find_by_id(&record.id).await.unwrap().as_ref(), Some(&record));
}

pub async fn what_is_not_there_is_none(store: &impl KeyStore) {
    stored(store, 1).await;
    assert!(store.find_by_hash(KeyHash::from_bytes([9; 32])).await.unwrap().is_none());
    assert!(store.find_by_id(&record(9).id).await.unwrap().is_none());
}

pub async fn ids_and_hashes_are_unique(store: &impl KeyStore) {
    let first = stored(store, 1).await;
    let same_id = KeyRecord { hash: KeyHash::from_bytes([9; 32]), ..record(1) };
    let same_hash = KeyRecord { id: record(9).id, ..record(1) };
    for second in [same_id, same_hash] {
        let refused = store.insert(second).await.unwrap_err();
        assert!(refused.is_duplicate() && !refused.is_transient());
    }
    assert_eq!(found(store, &first.id).await, first);
    assert_eq!(store.list(KeyQuery::new(at(0))).await.unwrap().len(), 1);
}

pub async fn an_update_changes_what_it_names(store: &impl KeyStore) {
    let mut expected = stored(store, 1).await;
    let nothing = store.update(&expected.id, RecordUpdate::default()).await.unwrap();
    assert!(matches!(nothing, Outcome::Done(same) if *same == expected));
    let update = RecordUpdate {
        name: Some("new".into()),
        plan: Some(None),
        expires_at: Some(Some(at(2_000))),
        ..RecordUpdate::default()
    };
    (expected.name, expected.plan) = ("new".into(), None);
    expected.expires_at = Some(at(2_000));
    let outcome = store.update(&expected.id, update).await.unwrap();
    assert!(matches!(outcome, Outcome::Done(after) if *after == expected));
    assert_eq!(found(store, &expected.id).await, expected);
}

pub async fn a_revoked_record_cannot_be_updated(store: &impl KeyStore) {
    let record = stored(store, 1).await;
    store.revoke(&record.id, at(10), None).await.unwrap();
    let update = RecordUpdate { expires_at: Some(None), ..RecordUpdate::default() };
    let outcome = store.update(&record.id, update).await.unwrap();
    assert!(matches!(outcome, Outcome::Revoked(_)));
    assert_eq!(found(store, &record.id).await.expires_at, record.expires_at);
}

pub async fn a_second_revocation_keeps_the_first(store: &impl KeyStore) {
    let id = stored(store, 1).await.id;
    let first = store.revoke(&id, at(10), Some("leaked".into())).await.unwrap();
    let second = store.revoke(&id, at(20), Some("again".into())).await.unwrap();
    assert!(matches!(first, Outcome::Done(_)));
    let Outcome::Revoked(record) = second else { unreachable!("revoked already") };
    assert_eq!(
        (record.revoked_at, record.revoked_reason.as_deref()),
        (Some(at(10)), Some("leaked"))
    );
    assert_eq!(found(store, &id).await, *record);
}

pub async fn what_is_missing_is_told(store: &impl KeyStore) {
    let missing = record(9);
    let update = store.update(&missing.id, RecordUpdate::default()).await.unwrap();
    let revoke = store.revoke(&missing.id, at(1), None).await.unwrap();
    let rotate = store.rotate(&missing.id, rotation(&missing, 2, at(600))).await.unwrap();
    for outcome in [update, revoke, rotate] {
        assert!(matches!(outcome, Outcome::Missing));
    }
    assert!(store.list(KeyQuery::new(at(0))).await.unwrap().is_empty());
}

pub async fn a_rotation_does_both_or_nothing(store: &impl KeyStore) {
    let old = stored(store, 1).await;
    let taken = stored(store, 2).await;
    // The successor's id and hash are taken: the predecessor must stay as it was.
    assert!(store.rotate(&old.id, rotation(&old, 2, at(600))).await.unwrap_err().is_duplicate());
    assert_eq!(found(store, &old.id).await, old);
    assert_eq!(found(store, &taken.id).await, taken);
    let step = rotation(&old, 3, at(600));
    let Outcome::Done(after) = store.rotate(&old.id, step.clone()).await.unwrap() else {
        unreachable!("nothing is in the way")
    };
    assert_eq!(after.expires_at, Some(at(600)));
    assert_eq!(after.replaced_by.as_ref(), Some(&step.successor.id));
    assert_eq!(found(store, &old.id).await, *after);
    assert_eq!(found(store, &step.successor.id).await, step.successor);
}

pub async fn a_rotation_without_overlap_revokes(store: &impl KeyStore) {
    let old = stored(store, 1).await;
    store.rotate(&old.id, rotation(&old, 2, at(500))).await.unwrap();
    assert_eq!(found(store, &old.id).await.revoked_at, Some(at(500)));
}

pub async fn a_rotation_never_extends(store: &impl KeyStore) {
    let old = stored(store, 1).await;
    store.rotate(&old.id, rotation(&old, 2, at(5_000))).await.unwrap();
    assert_eq!(found(store, &old.id).await.expires_at, old.expires_at);
}

pub async fn what_has_ended_is_not_rotated(store: &impl KeyStore) {
    let revoked = stored(store, 1).await;
    store.revoke(&revoked.id, at(10), None).await.unwrap();
    let outcome = store.rotate(&revoked.id, rotation(&revoked, 2, at(600))).await.unwrap();
    assert!(matches!(outcome, Outcome::Revoked(_)));
    let expired = stored(store, 3).await;
    let update = RecordUpdate { expires_at: Some(Some(at(500))), ..RecordUpdate::default() };
    store.update(&expired.id, update).await.unwrap();
    let outcome = store.rotate(&expired.id, rotation(&expired, 4, at(600))).await.unwrap();
    assert!(matches!(outcome, Outcome::Expired));
    assert!(store.find_by_id(&record(2).id).await.unwrap().is_none());
    assert!(store.find_by_id(&record(4).id).await.unwrap().is_none());
}

pub async fn of_two_rotations_one_wins(store: &impl KeyStore) {
    let old = stored(store, 1).await;
    let first = store.rotate(&old.id, rotation(&old, 2, at(600)));
    let second = store.rotate(&old.id, rotation(&old, 3, at(600)));
    let (first, second) = tokio::join!(first, second);
    let won = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
    let lost = |outcome: &Outcome| matches!(outcome, Outcome::Rotated);
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!((won(&first) && lost(&second)) || (lost(&first) && won(&second)));
    assert_eq!(store.list(KeyQuery::new(at(0))).await.unwrap().len(), 2);
}

pub async fn a_successor_of_what_has_changed_is_refused(store: &impl KeyStore) {
    let old = stored(store, 1).await;
    let step = rotation(&old, 2, at(600));
    let fewer = RecordUpdate {
        scopes: Some([ScopeName::from_static("a:read")].into_iter().collect()),
        ..RecordUpdate::default()
    };
    store.update(&old.id, fewer).await.unwrap();
    // It would bring back the scope that was taken away.
    let outcome = store.rotate(&old.id, step.clone()).await.unwrap();
    assert!(matches!(outcome, Outcome::Changed));
    assert!(store.find_by_id(&step.successor.id).await.unwrap().is_none());
    assert!(found(store, &old.id).await.replaced_by.is_none());
}

pub async fn lists_are_newest_first_and_filtered(store: &impl KeyStore) {
    for number in [2, 4, 1, 3] {
        stored(store, number).await;
    }
    let mut other = record(5);
    other.account = AccountId::parse("acct_2").unwrap();
    other.mode = Mode::Test;
    other.expires_at = None;
    // The same moment as number 4: then the id decides.
    other.created_at = at(4);
    store.insert(other).await.unwrap();
    store.revoke(&record(3).id, at(10), None).await.unwrap();
    let all = KeyQuery::new(at(1_000));
    let cases = [
        (all.clone(), vec![5, 4, 3, 2, 1]),
        (KeyQuery { limit: 2, ..all.clone() }, vec![5, 4]),
        (KeyQuery { mode: Some(Mode::Test), ..all.clone() }, vec![5]),
        (KeyQuery { account: Some(record(1).account), ..all.clone() }, vec![4, 3, 2, 1]),
        (KeyQuery { status: Some(KeyStatus::Active), ..all.clone() }, vec![5]),
        (KeyQuery { status: Some(KeyStatus::Revoked), ..all.clone() }, vec![3]),
        (KeyQuery { status: Some(KeyStatus::Expired), ..all.clone() }, vec![4, 2, 1]),
        (KeyQuery { status: Some(KeyStatus::Active), now: at(9), ..all }, vec![5, 4, 2, 1]),
    ];
    for (query, numbers) in cases {
        let ids: Vec<_> = numbers.into_iter().map(|number| record(number).id).collect();
        let listed = store.list(query.clone()).await.unwrap();
        let listed: Vec<_> = listed.into_iter().map(|record| record.id).collect();
        assert_eq!(listed, ids, "{query:?}");
    }
}

pub async fn pages_join_without_gap_or_repeat(store: &impl KeyStore) {
    for number in 1..=9 {
        let mut same_moment = record(number);
        same_moment.created_at = at(u64::from(number / 4));
        store.insert(same_moment).await.unwrap();
    }
    let whole = store.list(KeyQuery::new(at(0))).await.unwrap();
    let mut joined: Vec<KeyRecord> = Vec::new();
    loop {
        let after = joined.last().map(Cursor::of);
        let query = KeyQuery { after, limit: 2, ..KeyQuery::new(at(0)) };
        let page = store.list(query).await.unwrap();
        if page.is_empty() {
            break;
        }
        joined.extend(page);
    }
    assert_eq!(joined, whole);
    assert_eq!(joined.len(), 9);
}

pub async fn times_are_kept_to_the_microsecond(store: &impl KeyStore) {
    let mut precise = record(1);
    precise.created_at = at(0) + Duration::from_micros(123_456);
    precise.expires_at = Some(at(10) + Duration::from_micros(1));
    store.insert(precise.clone()).await.unwrap();
    assert_eq!(found(store, &precise.id).await, precise);
}

pub async fn what_was_written_is_read_at_once(store: &impl KeyStore) {
    // Often enough for a replica that lags, or a connection with a snapshot of before.
    for number in 0..50 {
        let mut expected = stored(store, number).await;
        assert_eq!(store.find_by_hash(expected.hash).await.unwrap().as_ref(), Some(&expected));
        let update = RecordUpdate { name: Some("new".into()), ..RecordUpdate::default() };
        expected.name = "new".into();
        store.update(&expected.id, update).await.unwrap();
        assert_eq!(store.find_by_hash(expected.hash).await.unwrap().as_ref(), Some(&expected));
        store.revoke(&expected.id, at(10), None).await.unwrap();
        let found = store.find_by_hash(expected.hash).await.unwrap().unwrap();
        assert_eq!(found.revoked_at, Some(at(10)));
        assert!(store.list(KeyQuery::new(at(0))).await.unwrap().contains(&found));
    }
}

pub async fn the_feed_tells_changes_and_proofs(store: &impl KeyStore) {
    // A store may have no feed; one that has, tells everything.
    let Some(mut feed) = store.subscribe().await.unwrap() else { return };
    let old = stored(store, 1).await;
    assert!(heard(store, &mut feed, 17).await.contains(&Change::Key(old.hash)));
    store.rotate(&old.id, rotation(&old, 2, at(600))).await.unwrap();
    let changes = heard(store, &mut feed, 18).await;
    assert!(changes.contains(&Change::Key(old.hash)));
    assert!(changes.contains(&Change::Key(record(2).hash)));
    store.revoke(&old.id, at(10), None).await.unwrap();
    assert!(heard(store, &mut feed, 19).await.contains(&Change::Key(old.hash)));
    let renamed = stored(store, 4).await;
    heard(store, &mut feed, 20).await;
    // The update is told by itself, not only the insert before it.
    let update = RecordUpdate { name: Some("new".into()), ..RecordUpdate::default() };
    store.update(&renamed.id, update).await.unwrap();
    assert!(heard(store, &mut feed, 21).await.contains(&Change::Key(renamed.hash)));
}

pub async fn the_feed_names_what_changed(store: &impl KeyStore) {
    let Some(mut feed) = store.subscribe().await.unwrap() else { return };
    let untouched = stored(store, 9).await;
    heard(store, &mut feed, 1).await;
    let old = stored(store, 1).await;
    store.rotate(&old.id, rotation(&old, 2, at(600))).await.unwrap();
    store.revoke(&old.id, at(10), None).await.unwrap();
    let changes = heard(store, &mut feed, 2).await;
    // Each change that is told costs a look-up on every node: `All` would cost as many as there are
    // keys.
    assert!(!changes.contains(&Change::All));
    assert!(!changes.contains(&Change::Key(untouched.hash)));
}

pub async fn every_feed_hears_everything(store: &impl KeyStore) {
    let Some(mut first) = store.subscribe().await.unwrap() else { return };
    let mut second = store.subscribe().await.unwrap().unwrap();
    let old = stored(store, 1).await;
    store.prove(1).await.unwrap();
    for feed in [&mut first, &mut second] {
        assert!(heard_until(feed, 1).await.contains(&Change::Key(old.hash)));
    }
    // One that is dropped is nobody's loss.
    drop(first);
    store.revoke(&old.id, at(10), None).await.unwrap();
    assert!(heard(store, &mut second, 2).await.contains(&Change::Key(old.hash)));
}

/// What a feed tells before it brings this proof back.
async fn heard(store: &impl KeyStore, feed: &mut ChangeFeed, token: u64) -> Vec<Change> {
    store.prove(token).await.unwrap();
    heard_until(feed, token).await
}

async fn heard_until(feed: &mut ChangeFeed, token: u64) -> Vec<Change> {
    let mut changes = Vec::new();
    loop {
        match feed.next().await.unwrap() {
            Change::Proof(proof) if proof == token => return changes,
            change => changes.push(change),
        }
    }
}
