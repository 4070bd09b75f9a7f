//! The ends of every range.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keygate::store::{Cursor, KeyStore, MemoryStore};
use keygate::{
    Clock, InvalidKeyring, KeyFilter, KeyUpdate, Keyring, KeyringBuilder, KeyringError,
    ManualClock, NewKey, Refusal,
};
use proptest::prelude::{any, proptest};

use super::{builder, format, issued, store};

type Setting = fn(KeyringBuilder) -> KeyringBuilder;

fn field(result: Result<impl std::fmt::Debug, KeyringError>) -> &'static str {
    match result.unwrap_err() {
        KeyringError::Invalid { field, .. } => field,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn no_setting_makes_a_keyring_panic() {
    let settings: [Setting; 10] = [
        |keys| keys.deadline(Duration::MAX),
        |keys| keys.deadline(Duration::from_millis(1)),
        |keys| keys.max_staleness(Duration::MAX),
        |keys| keys.max_staleness(Duration::from_millis(1)),
        |keys| keys.positive_ttl(Duration::MAX),
        |keys| keys.negative_ttl(Duration::MAX),
        |keys| keys.capacity(1),
        |keys| keys.capacity(u64::MAX),
        |keys| keys.max_lookups(usize::MAX),
        |keys| keys.longest_lifetime(Duration::MAX),
    ];
    for (number, setting) in settings.into_iter().enumerate() {
        let keys = setting(builder(&store())).build().unwrap();
        let key = issued(&keys).await;
        for _ in 0..3 {
            keys.verify(key.key().expose()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        let key = keys.rotate(key.id(), Duration::ZERO).await.unwrap();
        keys.revoke(key.id()).await.unwrap();
        let refused = keys.verify(key.key().expose()).await.unwrap_err();
        assert_eq!(refused, Refusal::Revoked, "setting {number}");
        keys.shutdown().await;
    }
}

#[test]
fn durations_that_would_count_as_nothing_do_not_build() {
    let settings: [(&str, Setting); 5] = [
        ("deadline", |keys| keys.deadline(Duration::from_nanos(3))),
        ("max_staleness", |keys| keys.max_staleness(Duration::from_nanos(3))),
        ("positive_ttl", |keys| keys.positive_ttl(Duration::from_micros(999))),
        ("negative_ttl", |keys| keys.negative_ttl(Duration::from_micros(999))),
        ("longest_lifetime", |keys| keys.longest_lifetime(Duration::ZERO)),
    ];
    for (name, setting) in settings {
        let invalid = setting(builder(&store())).build().unwrap_err();
        assert_eq!(invalid, InvalidKeyring::Zero { setting: name });
    }
}

#[tokio::test]
async fn a_lifetime_past_the_calendar_is_none_and_a_fine_one_is_cut_to_microseconds() {
    let clock = ManualClock::new();
    let keyring = |lifetime| {
        let keys = builder(&store()).longest_lifetime(lifetime);
        keys.with_clock(clock.clone()).build().unwrap()
    };
    let ten_thousand_years = Duration::from_secs(10_000 * 366 * 24 * 3600);
    for lifetime in [ten_thousand_years, Duration::from_secs(u64::MAX >> 2), Duration::MAX] {
        let key = issued(&keyring(lifetime)).await;
        assert_eq!(key.record().expires_at, None, "{lifetime:?}");
    }
    let key = issued(&keyring(Duration::from_nanos(1_000_001_999))).await;
    let end = clock.wall() + Duration::from_micros(1_000_001);
    assert_eq!(key.record().expires_at, Some(end));
}

#[tokio::test]
async fn an_overlap_of_any_length_is_answered() {
    let keys = builder(&store()).build().unwrap();
    let key = issued(&keys).await;
    for seconds in [u64::MAX, u64::MAX >> 1, i64::MAX as u64, 1 << 38] {
        let rotation = keys.rotate(key.id(), Duration::from_secs(seconds)).await;
        assert_eq!(field(rotation), "overlap_seconds", "{seconds}");
    }
    keys.verify(key.key().expose()).await.unwrap();
    // Less than a microsecond is no overlap.
    let _new = keys.rotate(key.id(), Duration::from_nanos(999)).await.unwrap();
    assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::Revoked);
}

#[tokio::test]
async fn an_expiry_cannot_be_moved_before_the_beginning() {
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).build().unwrap();
    let hours = |count: u64| clock.wall() + Duration::from_hours(count);
    let key = keys.issue(NewKey::named("later").not_before(hours(2))).await.unwrap();
    for end in [hours(1), hours(2)] {
        let update = keys.update(key.id(), KeyUpdate::default().expires_at(Some(end))).await;
        assert_eq!(field(update), "not_before");
    }
    let update = KeyUpdate::default().expires_at(Some(hours(3)));
    keys.update(key.id(), update).await.unwrap();
}

#[tokio::test]
async fn t1_a_clock_before_1970_or_at_the_end_of_time_makes_nothing_panic() {
    let far = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let before = UNIX_EPOCH - Duration::from_hours(1);
    for wall in [before, UNIX_EPOCH, far, far + Duration::from_secs(1 << 40)] {
        let (store, clock) = (store(), ManualClock::at(wall));
        let keys = builder(&store).with_clock(clock.clone()).build().unwrap();
        let key = issued(&keys).await;
        keys.verify(key.key().expose()).await.unwrap();
        let _used = keys.usage(key.id()).await.unwrap();
        let page = keys.list(KeyFilter::default()).await.unwrap();
        assert_eq!(page.records.len(), 1);
        for jump in [before, far] {
            clock.jump_wall(jump);
            keys.verify(key.key().expose()).await.unwrap();
        }
        keys.revoke(key.id()).await.unwrap();
        assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::Revoked);
    }
}

/// All ids, page by page, the cursor as a client sends it back.
async fn listed(keys: &Keyring, size: usize) -> Vec<keygate::KeyId> {
    let (mut ids, mut filter) = (Vec::new(), KeyFilter::default().limit(size));
    loop {
        let page = keys.list(filter.clone()).await.unwrap();
        ids.extend(page.records.into_iter().map(|record| record.id));
        let Some(next) = page.next else { return ids };
        filter = filter.cursor(next.to_string().parse().unwrap());
    }
}

#[tokio::test]
async fn keys_of_one_moment_are_each_listed_once_on_pages_of_every_size() {
    // The clock stands still: only the ids tell the keys apart.
    let keys = builder(&store()).with_clock(ManualClock::new()).build().unwrap();
    let mut ids = BTreeSet::new();
    for _ in 0..23 {
        ids.insert(issued(&keys).await.id().clone());
    }
    for size in [1, 2, 7, 22, 23, 24, usize::MAX] {
        let listed = listed(&keys, size).await;
        assert_eq!(listed.len(), ids.len(), "pages of {size}");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), ids);
    }
}

#[tokio::test]
async fn the_whole_key_is_no_hint() {
    let keys = builder(&store()).build().unwrap();
    let key = format().generate(keygate::Mode::Test).unwrap();
    let import = keys.import(NewKey::named("a"), key.hash(), key.expose()).await;
    assert_eq!(field(import), "hint");
    assert!(keys.list(KeyFilter::default()).await.unwrap().records.is_empty());
}

#[tokio::test]
async fn a_hash_that_is_no_key_of_this_node_opens_nothing_elsewhere() {
    // One store, two peppers: neither node accepts the other's keys, nor caches what it learnt.
    let inner = MemoryStore::new();
    let pepper = |byte: u8| keygate::Pepper::new(vec![byte; 32]).unwrap();
    let node =
        |byte| Keyring::builder(inner.clone(), format()).pepper(pepper(byte)).build().unwrap();
    let (a, b) = (node(1), node(2));
    let key = issued(&a).await;
    for _ in 0..2 {
        assert_eq!(b.verify(key.key().expose()).await.unwrap_err(), Refusal::UnknownKey);
        a.verify(key.key().expose()).await.unwrap();
    }
    // Who can write to the store, but not read the pepper, plants the plain hash in vain.
    let planted = format().generate(keygate::Mode::Test).unwrap();
    let mut record = key.record().clone();
    record.id = keygate::KeyId::parse("key_planted").unwrap();
    record.hash = planted.hash();
    inner.insert(record).await.unwrap();
    assert_eq!(a.verify(planted.expose()).await.unwrap_err(), Refusal::UnknownKey);
}

proptest! {
    #[test]
    fn no_text_makes_the_parsers_panic(text in any::<String>(), micros in any::<u64>()) {
        let _ = text.parse::<Cursor>();
        let _ = format!("{micros}-key_1").parse::<Cursor>();
        let _ = keygate::KeyId::parse(&text);
        let _ = keygate::KeyHash::from_hex(&text);
        let _ = keygate::AccountId::parse(&text);
        let _ = keygate::ScopeName::parse(&text);
        let _ = keygate::KeyFormat::base62(&text, 32);
        let _ = keygate::ModeWords::new(&text, "test");
        let _ = keygate::PlanName::parse(&text);
    }

    #[test]
    fn a_cursor_survives_its_text(micros in 0_u64..1 << 53) {
        let cursor: Cursor = format!("{micros}-key_1").parse().unwrap();
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        assert_eq!(cursor.created_at(), SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
    }
}
