use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::store::MemoryStore;
use crate::test_util::{Fault, FaultyStore};
use crate::{AccountId, KeyFormat, KeyHash, ManualClock, PlanName, ScopeName};

/// 2024-06-01 00:00:00 UTC.
const NOW: Duration = Duration::from_secs(1_717_200_000);
const HOUR: Duration = Duration::from_hours(1);

fn now() -> SystemTime {
    UNIX_EPOCH + NOW
}

fn sight() -> Sight {
    Sight { now: now(), is_whole: true }
}

fn record() -> KeyRecord {
    let id = KeyId::parse("key_1").unwrap();
    let account = AccountId::parse("default").unwrap();
    let mut record =
        KeyRecord::new(id, KeyHash::of(b"text"), Mode::Test, account, now() - 48 * HOUR);
    record.name = "plugin".into();
    record.hint = "ck_test_abc123".into();
    record
}

fn used(at: Option<SystemTime>, requests: u64) -> KeyUsage {
    KeyUsage { last_used_at: at, requests }
}

fn row(record: KeyRecord) -> Row {
    let format = KeyFormat::base62("ck", 32).unwrap();
    let keyring = Keyring::builder(MemoryStore::new(), format).build().unwrap();
    let known =
        Known { record, usage: used(None, 1_234), hours: vec![(now(), 3)], rotated_at: None };
    rows(vec![known], &keyring, now()).remove(0)
}

fn state(change: impl FnOnce(&mut KeyRecord), last: Option<SystemTime>) -> State {
    let mut record = record();
    change(&mut record);
    State::of(&record, &used(last, 1), Some(now() - HOUR), sight())
}

#[test]
fn c6_a_row_shows_what_is_known_of_a_key() {
    let mut key = record();
    key.scopes = ["links:read", "events:read"].map(ScopeName::from_static).into_iter().collect();
    key.plan = Some(PlanName::from_static("starter"));
    key.quota = Some(Quota::per_minute(1_500));
    key.expires_at = Some(now() + 49 * HOUR);
    let row = row(key);
    assert_eq!((row.name.as_str(), row.hint.as_str()), ("plugin", "ck_test_abc123"));
    assert_eq!((row.mode.as_str(), row.is_live, row.account), ("test", false, None));
    assert_eq!(row.scopes, ["events:read", "links:read"]);
    assert_eq!(row.plan.as_deref(), Some("starter"));
    assert_eq!(row.quota.as_deref(), Some("1,500 requests per minute"));
    assert_eq!((row.requests.as_str(), row.last_used), ("1,234", None));
    assert_eq!(row.created.text, "30 May 2024");
    assert_eq!(row.expires.map(|at| at.text).as_deref(), Some("in 2 days"));
    assert_eq!(row.state, State::Active);
}

#[test]
fn many_scopes_are_shown_in_two_parts() {
    let names = ["a:a", "b:b", "c:c", "d:d", "e:e"].map(ScopeName::from_static);
    for (count, shown) in [(0, 0), (3, 3), (4, 4), (5, 3)] {
        let mut key = record();
        key.scopes = names.iter().take(count).cloned().collect();
        let row = row(key);
        assert_eq!((row.scopes.len(), row.more_scopes.len()), (shown, count - shown));
    }
}

#[test]
fn an_account_is_shown_unless_it_is_everyones() {
    let mut key = record();
    key.account = AccountId::parse("shop_7").unwrap();
    assert_eq!(row(key).account.as_deref(), Some("shop_7"));
}

#[test]
fn c7_there_is_no_button_for_what_cannot_be() {
    type Change = fn(&mut KeyRecord);
    let changes: [(Change, bool, bool); 4] = [
        (|_| (), true, true),
        (|key| key.replaced_by = KeyId::parse("key_2").ok(), false, true),
        (|key| key.expires_at = Some(now()), false, true),
        (|key| key.revoked_at = Some(now()), false, false),
    ];
    for (change, can_rotate, can_revoke) in changes {
        let mut key = record();
        change(&mut key);
        let state = row(key).state;
        assert_eq!((state.can_rotate(), state.can_revoke()), (can_rotate, can_revoke), "{state:?}");
    }
}

#[test]
fn c7_a_revoked_key_says_when_and_why() {
    let revoked = |key: &mut KeyRecord| {
        (key.revoked_at, key.revoked_reason) = (Some(now() - HOUR), Some("leaked".into()));
        // Whatever else became of it.
        key.expires_at = Some(now());
    };
    let State::Revoked { at, reason } = state(revoked, None) else { panic!("it is revoked") };
    assert_eq!(at.map(|at| at.text).as_deref(), Some("1 hour ago"));
    assert_eq!(reason.as_deref(), Some("leaked"));
}

#[test]
fn c13_a_predecessor_tells_whether_anyone_still_uses_it() {
    let replaced = |key: &mut KeyRecord| {
        key.replaced_by = KeyId::parse("key_2").ok();
        key.expires_at = Some(now() + 23 * HOUR);
    };
    // The rotation was an hour ago.
    for (last, used_since) in [
        (None, None),
        (Some(now() - 2 * HOUR), None),
        (Some(now() - HOUR), None),
        (Some(now() - Duration::from_mins(3)), Some("3 minutes ago")),
    ] {
        let State::Replaced(replaced) = state(replaced, last) else { panic!("it is replaced") };
        assert_eq!(replaced.ends.map(|at| at.text).as_deref(), Some("in 23 hours"));
        match (replaced.since, used_since) {
            (Since::Used(at), Some(expected)) => assert_eq!(at.text, expected),
            (Since::Unused { span, .. }, None) => assert_eq!(span.as_deref(), Some("hour")),
            (since, _) => panic!("{last:?}: {since:?}"),
        }
    }
}

#[test]
fn c13_what_was_quiet_for_a_day_is_called_safe() {
    let minute = Duration::from_mins(1);
    let later = now() + HOUR;
    for (rotated_at, last, is_whole, expected) in [
        (Some(now()), None, true, (Some("few seconds"), false)),
        (Some(later), None, true, (Some("few seconds"), false)),
        (Some(now() - HOUR), None, true, (Some("hour"), false)),
        // Who comes every night was not there yet, or is late.
        (Some(now() - 24 * HOUR), None, true, (Some("day"), false)),
        (Some(now() - 25 * HOUR + minute), None, true, (Some("day"), false)),
        (Some(now() - 25 * HOUR), None, true, (Some("day"), true)),
        (Some(now() - 49 * HOUR), Some(now() - 50 * HOUR), true, (Some("2 days"), true)),
        // A use may be missing.
        (Some(now() - 49 * HOUR), None, false, (Some("2 days"), false)),
        (None, None, true, (None, false)),
    ] {
        let since = Since::of(&used(last, 1), rotated_at, Sight { is_whole, ..sight() });
        let (span, is_safe) = expected;
        let expected = Since::Unused { span: span.map(Into::into), is_safe };
        assert_eq!(since, expected, "{rotated_at:?} {is_whole}");
    }
}

#[tokio::test]
async fn c13_nothing_is_safe_while_usage_cannot_be_written() {
    let store = FaultyStore::new(MemoryStore::new());
    let clock = ManualClock::at(now());
    let format = KeyFormat::base62("ck", 32).unwrap();
    let builder = Keyring::builder(store.clone(), format).with_clock(clock.clone());
    let keyring = builder.build().unwrap();
    let look = || {
        let mut record = record();
        record.replaced_by = KeyId::parse("key_2").ok();
        let rotated_at = Some(now() - 26 * HOUR);
        let known = Known { record, usage: used(None, 0), hours: Vec::new(), rotated_at };
        let State::Replaced(replaced) = rows(vec![known], &keyring, now()).remove(0).state else {
            panic!("it is replaced")
        };
        matches!(replaced.since, Since::Unused { is_safe: true, .. })
    };
    assert!(look());
    let issued = keyring.issue(crate::NewKey::named("n")).await.unwrap();
    keyring.verify(issued.key().expose()).await.unwrap();
    store.set(Fault::NoUsage);
    keyring.shutdown().await;
    assert!(!look());
    store.set(Fault::None);
    keyring.shutdown().await;
    assert!(look());
}

#[test]
fn c13_without_the_rotations_time_any_use_may_be_since() {
    let mut key = record();
    key.replaced_by = KeyId::parse("key_2").ok();
    let state = State::of(&key, &used(Some(now() - 40 * HOUR), 1), None, sight());
    let State::Replaced(replaced) = state else { panic!("it is replaced") };
    assert!(matches!(replaced.since, Since::Used(_)));
}

#[test]
fn a_quota_reads_as_a_pace() {
    for (quota, text) in [
        (Quota::per_minute(1), "1 request per minute"),
        (Quota::per_second(50), "50 requests per second"),
        (Quota::per_hour(1_000), "1,000 requests per hour"),
        (Quota::try_new(3, Duration::from_secs(90), 3).unwrap(), "3 requests per 90s"),
    ] {
        assert_eq!(pace(quota), text);
    }
}
