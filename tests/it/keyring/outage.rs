use std::time::Duration;

use keygate::store::{KeyRecord, MemoryStore};
use keygate::test_util::{Fault, FaultyStore};
use keygate::{AccountId, KeyHash, KeyId, Keyring, Mode, Refusal};
use tokio::time::Instant;

use super::{builder, format, issued, store, unknown};

const DEADLINE: Duration = Duration::from_millis(250);

#[tokio::test(start_paused = true)]
async fn v1_a_cached_key_is_accepted_while_the_store_is_down() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    keys.verify(key.key().expose()).await.unwrap();
    for fault in [Fault::Fail, Fault::Hang, Fault::Panic] {
        store.set(fault);
        for _ in 0..100 {
            keys.verify(key.key().expose()).await.unwrap();
        }
    }
    assert_eq!(store.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn v2_a_store_that_fails_or_hangs_is_told_within_the_deadline() {
    for (fault, waited) in [(Fault::Fail, Duration::ZERO), (Fault::Hang, DEADLINE)] {
        let store = store();
        let keys = builder(&store).build().unwrap();
        let key = issued(&keys).await;
        store.set(fault);
        for text in [key.key().expose(), &unknown()] {
            let before = Instant::now();
            assert_eq!(keys.verify(text).await.unwrap_err(), Refusal::LookupFailed);
            let took = before.elapsed();
            assert!(took >= waited && took <= waited + Duration::from_millis(20), "{took:?}");
        }
        store.set(Fault::None);
        // The failure was not cached.
        keys.verify(key.key().expose()).await.unwrap();
    }
}

// Paused, so that a busy machine does not bring the deadline nearer.
#[tokio::test(start_paused = true)]
async fn v5_a_thousand_callers_of_a_cold_key_make_one_look_up() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    store.set(Fault::Hold);
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let (keys, text) = (keys.clone(), key.key().expose().to_owned());
            tokio::spawn(async move { keys.verify(&text).await })
        })
        .collect();
    while store.under_way() == 0 {
        tokio::task::yield_now().await;
    }
    store.set(Fault::None);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(store.lookups(), 1);
    assert_eq!(keys.usage(key.id()).await.unwrap().requests, 1000);
}

#[tokio::test]
async fn v8_a_text_of_another_form_never_reaches_the_store() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    let right = key.key().expose();
    let wrong = [
        String::new(),
        "ck_test_".into(),
        format!("{right}x"),
        right[..right.len() - 1].to_owned(),
        right.replace("ck_", "sk_"),
        right.replace("_test_", "_live_").replace("ck", "CK"),
        format!("{}é", &right[..right.len() - 2]),
    ];
    for text in wrong {
        assert_eq!(keys.verify(&text).await.unwrap_err(), Refusal::MalformedCredential);
    }
    assert_eq!(store.lookups(), 0);
}

#[tokio::test]
async fn v10_a_store_that_panics_fails_that_look_up_only() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    store.set(Fault::Panic);
    assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::LookupFailed);
    store.set(Fault::None);
    keys.verify(key.key().expose()).await.unwrap();
}

#[tokio::test]
async fn v11_a_foreign_record_opens_nothing() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    let id = KeyId::parse("key_foreign").unwrap();
    let account = AccountId::parse("acct_victim").unwrap();
    let created = key.record().created_at;
    let own = KeyHash::of(key.key().expose().as_bytes());
    let foreign = [
        KeyRecord::new(id.clone(), KeyHash::of(b"another"), Mode::Test, account.clone(), created),
        KeyRecord::new(id, own, Mode::Live, account, created),
    ];
    for record in foreign {
        store.set(Fault::Foreign(Box::new(record)));
        let keys = builder(&store).build().unwrap();
        assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::ForeignRecord);
    }
}

#[tokio::test(start_paused = true)]
async fn v14_a_store_that_hung_for_ten_seconds_works_again_within_one() {
    let store = store();
    let keys = builder(&store).max_lookups(4).build().unwrap();
    let key = issued(&keys).await;
    store.set(Fault::Hang);
    let end = Instant::now() + Duration::from_secs(10);
    let mut open = 0;
    while Instant::now() < end {
        match keys.verify(&unknown()).await.unwrap_err() {
            Refusal::LookupFailed => {}
            Refusal::CircuitOpen => {
                open += 1;
                tokio::time::advance(Duration::from_millis(50)).await;
            }
            other => panic!("a store that hangs is no reason for {other:?}"),
        }
    }
    assert!(open > 0, "the circuit never opened");
    store.set(Fault::None);
    let recovered = Instant::now();
    while keys.verify(key.key().expose()).await.is_err() {
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    assert!(recovered.elapsed() <= Duration::from_secs(1), "{:?}", recovered.elapsed());
    // Once the last look-up that still hangs is given up, all permits are back: four cold keys
    // are looked up side by side.
    tokio::time::sleep(8 * DEADLINE).await;
    assert_eq!(store.under_way(), 0);
    store.set(Fault::Hold);
    let before = store.lookups();
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let keys = keys.clone();
            tokio::spawn(async move { keys.verify(&unknown()).await })
        })
        .collect();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.lookups() - before, 4);
    store.set(Fault::None);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap_err(), Refusal::UnknownKey);
    }
}

#[tokio::test]
async fn a_keyring_without_a_runtime_says_so_and_never_panics() {
    let keys = Keyring::builder(FaultyStore::new(MemoryStore::new()), format()).build().unwrap();
    let verdict = std::thread::spawn(move || {
        keys.verify("ck_test_00000000000000000000000000000000").await_without_runtime().unwrap_err()
    });
    assert_eq!(verdict.join().unwrap(), Refusal::LookupFailed);
}

trait AwaitWithoutRuntime: Future + Sized {
    /// Polls once: nothing is there that could wake it.
    fn await_without_runtime(self) -> Self::Output {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(self).poll(&mut context) {
            std::task::Poll::Ready(output) => output,
            std::task::Poll::Pending => panic!("waits for something without a runtime"),
        }
    }
}

impl<F: Future> AwaitWithoutRuntime for F {}
