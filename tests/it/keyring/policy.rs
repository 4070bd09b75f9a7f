use std::time::{Duration, UNIX_EPOCH};

use keygate::store::MemoryStore;
use keygate::{
    AccountId, Clock, KeyFilter, KeyFormat, KeyHash, KeyId, KeyKind, KeyUpdate, Keyring,
    KeyringError, ManualClock, Mode, ModeWords, NewKey, Pepper, PlanName, Plans, Quota, Refusal,
    ScopeName,
};

use super::{Read, SCOPES, format};

fn plan(name: &str) -> PlanName {
    PlanName::parse(name).unwrap()
}

fn keyring(clock: &ManualClock) -> Keyring {
    Keyring::builder(MemoryStore::new(), format())
        .scopes(SCOPES)
        .plans(Plans::new().with(plan("starter"), Quota::per_minute(300)))
        .longest_lifetime(Duration::from_secs(1_000))
        .default_account(AccountId::parse("acct_platform").unwrap())
        .with_clock(clock.clone())
        .build()
        .unwrap()
}

fn field(result: Result<impl std::fmt::Debug, KeyringError>) -> &'static str {
    match result.unwrap_err() {
        KeyringError::Invalid { field, .. } => field,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_against_the_policy_is_named_and_nothing_is_stored() {
    let clock = ManualClock::new();
    let keys = keyring(&clock);
    let now = clock.wall();
    let new = || NewKey::named("a");
    let cases = [
        ("name", NewKey::named("")),
        ("name", NewKey::named("   ")),
        ("name", NewKey::named("x".repeat(101))),
        ("name", NewKey::named("a\nb")),
        ("scopes", new().scopes([ScopeName::from_static("b:read")])),
        ("plan", new().plan(plan("gold"))),
        ("kind", new().kind(KeyKind::Publishable)),
        ("expires_at", new().expires_at(now)),
        ("expires_at", new().expires_at(UNIX_EPOCH)),
        ("expires_at", new().expires_at(now + Duration::from_secs(1_001))),
        ("not_before", new().not_before(now + Duration::from_secs(2_000))),
    ];
    for (expected, new) in cases {
        let shown = format!("{new:?}");
        assert_eq!(field(keys.issue(new).await), expected, "{shown}");
    }
    assert!(keys.list(KeyFilter::default()).await.unwrap().records.is_empty());

    let key = keys.issue(NewKey::named("é".repeat(100)).plan(plan("starter"))).await.unwrap();
    assert_eq!(key.record().account.as_str(), "acct_platform");
    assert_eq!(key.record().expires_at, Some(now + Duration::from_secs(1_000)));
    let change = KeyUpdate::default;
    let cases = [
        ("name", change().name("")),
        ("scopes", change().scopes([ScopeName::from_static("b:read")])),
        ("plan", change().plan(Some(plan("gold")))),
        ("expires_at", change().expires_at(Some(now))),
        ("expires_at", change().expires_at(Some(now + Duration::from_secs(1_001)))),
    ];
    for (expected, update) in cases {
        assert_eq!(field(keys.update(key.id(), update).await), expected);
    }
    assert_eq!(keys.find(key.id()).await.unwrap().as_ref(), Some(key.record()));
    let too_far = keys.rotate(key.id(), Duration::MAX).await;
    assert_eq!(field(too_far), "overlap_seconds");
    let beyond_the_calendar = keys.rotate(key.id(), Duration::from_secs(1 << 40)).await;
    assert_eq!(field(beyond_the_calendar), "overlap_seconds");
}

#[tokio::test]
async fn settings_that_contradict_each_other_do_not_build() {
    let hex = || KeyFormat::lower_hex("ck", 32).unwrap();
    let words = ModeWords::new("production", "sandbox").unwrap();
    let build =
        |format| Keyring::builder(MemoryStore::new(), super::format()).accept(format).build();
    assert!(build(hex()).unwrap_err().to_string().contains("`ck`"));
    assert!(build(KeyFormat::lower_hex("pk", 32).unwrap().words(words)).is_err());
    build(KeyFormat::base62("ck", 40).unwrap()).unwrap();
    let zero = Keyring::builder(MemoryStore::new(), hex()).deadline(Duration::ZERO).build();
    assert!(zero.unwrap_err().to_string().contains("`deadline`"));
    let pepper = || Pepper::new(vec![7; 32]).unwrap();
    let most = Keyring::builder(MemoryStore::new(), hex())
        .pepper(pepper())
        .also_pepper(pepper())
        .also_pepper(pepper())
        .also_unpeppered();
    most.build().unwrap();
    let more = Keyring::builder(MemoryStore::new(), hex())
        .pepper(pepper())
        .also_pepper(pepper())
        .also_pepper(pepper())
        .also_pepper(pepper())
        .also_unpeppered();
    assert!(more.build().unwrap_err().to_string().contains("at most 4"));
}

#[tokio::test]
async fn an_old_and_a_new_format_work_side_by_side() {
    let store = MemoryStore::new();
    let old = KeyFormat::base62("ck", 32).unwrap();
    let before = Keyring::builder(store.clone(), old.clone()).build().unwrap();
    let old_key = before.issue(NewKey::named("old")).await.unwrap();
    let new = KeyFormat::base62("acme", 32).unwrap().checksum();
    let keys = Keyring::builder(store, new).accept(old).build().unwrap();
    keys.verify(old_key.key().expose()).await.unwrap();
    let successor = keys.rotate(old_key.id(), Duration::from_mins(1)).await.unwrap();
    assert!(successor.key().expose().starts_with("acme_test_"));
    keys.verify(successor.key().expose()).await.unwrap();
}

#[tokio::test]
async fn a_pepper_is_replaced_without_losing_a_key() {
    let store = MemoryStore::new();
    let pepper = |byte: u8| Pepper::new(vec![byte; 32]).unwrap();
    let builder = || Keyring::builder(store.clone(), format()).scopes(SCOPES);
    let plain = builder().build().unwrap();
    let first = plain.issue(NewKey::named("plain").scope(Read)).await.unwrap();
    let peppered = builder().pepper(pepper(1)).also_unpeppered().build().unwrap();
    let second = peppered.issue(NewKey::named("one")).await.unwrap();
    let both =
        builder().pepper(pepper(2)).also_pepper(pepper(1)).also_unpeppered().build().unwrap();
    let third = both.issue(NewKey::named("two").mode(Mode::Live)).await.unwrap();
    for key in [&first, &second, &third] {
        assert_eq!(both.verify(key.key().expose()).await.unwrap().key_id(), key.id());
    }
    assert_ne!(second.record().hash, KeyHash::of(second.key().expose().as_bytes()));
    let refused = plain.verify(second.key().expose()).await.unwrap_err();
    assert_eq!(refused, Refusal::UnknownKey);
    // A change under any of them is felt.
    for key in [&first, &second, &third] {
        both.revoke(key.id()).await.unwrap();
        assert_eq!(both.verify(key.key().expose()).await.unwrap_err(), Refusal::Revoked);
    }
}

#[tokio::test]
async fn an_id_of_the_callers_own_is_taken_once() {
    let keys = keyring(&ManualClock::new());
    let demo = || NewKey::named("demo").id(KeyId::parse("key_demo").unwrap());
    let first = keys.issue(demo()).await.unwrap();
    assert_eq!((first.id().as_str(), first.record().lineage.as_str()), ("key_demo", "key_demo"));
    let second = keys.issue(demo()).await.unwrap_err();
    assert!(matches!(second, KeyringError::Store(error) if error.is_duplicate()));
    keys.verify(first.key().expose()).await.unwrap();
    assert_eq!(keys.list(KeyFilter::default()).await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn an_imported_key_is_accepted_under_the_pepper() {
    let keys = Keyring::builder(MemoryStore::new(), format())
        .pepper(Pepper::new(vec![1; 32]).unwrap())
        .build()
        .unwrap();
    let text = format().generate(Mode::Test).unwrap();
    let hash = KeyHash::of(text.expose().as_bytes());
    keys.import(NewKey::named("import"), hash, text.hint()).await.unwrap();
    keys.verify(text.expose()).await.unwrap();
    let again = keys.import(NewKey::named("import"), hash, text.hint()).await.unwrap_err();
    assert!(matches!(again, KeyringError::Store(error) if error.is_duplicate()));
    let hints = ["", "two words", "é", &"x".repeat(65)];
    for hint in hints {
        assert_eq!(field(keys.import(NewKey::named("a"), hash, hint).await), "hint");
    }
}
