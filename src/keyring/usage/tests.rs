use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;
use crate::principal::{Lineage, Uses};
use crate::store::{KeyRecord, KeyStore, KeyUse, MemoryStore};
use crate::test_util::{Fault, FaultyStore};
use crate::{AccountId, KeyHash, KeyKind, ManualClock, Mode, ScopeSet};

const PATIENCE: Duration = Duration::from_secs(2);

type Store = FaultyStore<MemoryStore>;

fn id(name: &str) -> KeyId {
    KeyId::parse(name).unwrap()
}

/// What a cache keeps of a key; made anew, it is what a reload brings.
fn cached(name: &str) -> Arc<Claims> {
    Arc::new(Claims {
        uses: Uses::default(),
        lineage: Lineage::new(id(name)),
        quota: None,
        plan: None,
        key_id: id(name),
        scopes: ScopeSet::empty(),
        account: AccountId::from_static("acct_1"),
        catalogue: None,
        issuer: None,
        mode: Mode::Test,
        kind: KeyKind::Secret,
    })
}

async fn stored(store: &Store, name: &str) {
    let account = AccountId::from_static("acct_1");
    let hash = KeyHash::of(name.as_bytes());
    let record = KeyRecord::new(id(name), hash, Mode::Test, account, SystemTime::UNIX_EPOCH);
    KeyStore::insert(store, record).await.unwrap();
}

fn usage(store: &Store, clock: &ManualClock) -> Usage {
    let store: Arc<dyn ErasedStore> = Arc::new(store.clone());
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Usage::new(&store, &clock, PATIENCE)
}

async fn requests(usage: &Usage, name: &str) -> u64 {
    usage.total(&[id(name)]).await.unwrap()[0].requests
}

async fn bench() -> (Store, ManualClock, Usage) {
    let (store, clock) = (FaultyStore::new(MemoryStore::new()), ManualClock::new());
    stored(&store, "key_1").await;
    let usage = usage(&store, &clock);
    (store, clock, usage)
}

#[tokio::test]
async fn c6_a_use_is_told_at_once_with_its_time_and_stays_told() {
    let (_store, clock, usage) = bench().await;
    let key = cached("key_1");
    assert_eq!(usage.total(&[id("key_1")]).await.unwrap(), [KeyUsage::default()]);
    clock.advance(Duration::from_secs(7));
    usage.count(&key, clock.monotonic());
    let used = KeyUsage { last_used_at: Some(clock.wall()), requests: 1 };
    clock.advance(Duration::from_secs(7));
    assert_eq!(usage.total(&[id("key_1")]).await.unwrap(), [used]);
    usage.flush().await;
    assert_eq!(usage.total(&[id("key_1")]).await.unwrap(), [used]);
    assert_eq!(usage.pending(), 0);
}

#[tokio::test]
async fn the_last_use_never_goes_back() {
    let (_store, clock, usage) = bench().await;
    let (key, now) = (cached("key_1"), clock.monotonic());
    clock.advance(Duration::from_mins(1));
    usage.count(&key, clock.monotonic());
    usage.count(&key, now);
    let late = Some(clock.wall());
    assert_eq!(usage.total(&[id("key_1")]).await.unwrap()[0].last_used_at, late);
    usage.flush().await;
    usage.count(&cached("key_1"), now);
    usage.flush().await;
    assert_eq!(usage.total(&[id("key_1")]).await.unwrap()[0].last_used_at, late);
}

#[tokio::test]
async fn g2_ten_thousand_uses_are_one_write_and_nothing_is_none() {
    let (store, clock, usage) = bench().await;
    let key = cached("key_1");
    for _ in 0..10_000 {
        usage.count(&key, clock.monotonic());
    }
    // The entry was loaded anew meanwhile.
    usage.count(&cached("key_1"), clock.monotonic());
    assert_eq!(usage.pending(), 2, "listed twice, gathered once");
    usage.flush().await;
    usage.flush().await;
    assert_eq!((store.usage_writes(), requests(&usage, "key_1").await), (1, 10_001));
}

#[tokio::test]
async fn ten_thousand_keys_are_written_in_a_few_batches() {
    let (store, clock, usage) = bench().await;
    for number in 0..10_000 {
        let name = format!("key_{number}");
        if number != 1 {
            stored(&store, &name).await;
        }
        usage.count(&cached(&name), clock.monotonic());
    }
    usage.flush().await;
    assert_eq!((store.usage_writes(), usage.pending()), (3, 0));
    assert_eq!(requests(&usage, "key_9999").await, 1);
}

#[tokio::test(start_paused = true)]
async fn g2_a_batch_whose_answer_is_lost_counts_once() {
    let (store, clock, usage) = bench().await;
    let key = cached("key_1");
    usage.count(&key, clock.monotonic());
    store.set(Fault::Swallow);
    usage.flush().await;
    assert!(usage.writing().failing_since.is_some());
    // It is in the store and in the book, and counts once.
    usage.count(&key, clock.monotonic());
    assert_eq!(requests(&usage, "key_1").await, 2);
    store.set(Fault::None);
    usage.flush().await;
    assert_eq!((requests(&usage, "key_1").await, usage.pending()), (2, 1));
    usage.flush().await;
    assert_eq!((requests(&usage, "key_1").await, usage.pending()), (2, 0));
    assert!(usage.writing().failing_since.is_none());
}

#[tokio::test(start_paused = true)]
async fn g2_what_cannot_be_written_is_kept_and_read() {
    for fault in [Fault::ReadOnly, Fault::Fail, Fault::Panic, Fault::Hang] {
        let (store, clock, usage) = bench().await;
        for _ in 0..5 {
            usage.count(&cached("key_1"), clock.monotonic());
            store.set(fault.clone());
            usage.flush().await;
            store.set(Fault::None);
            assert_eq!(usage.here(&[id("key_1")])[0].requests, requests(&usage, "key_1").await);
        }
        assert_eq!(requests(&usage, "key_1").await, 5, "{fault:?}");
        // What was sealed first, then all that came since.
        usage.flush().await;
        usage.flush().await;
        assert_eq!((requests(&usage, "key_1").await, usage.pending()), (5, 0), "{fault:?}");
    }
}

#[tokio::test]
async fn c6_hours_have_what_was_used_in_them_written_or_not() {
    const HOUR: Duration = Duration::from_hours(1);
    let (store, clock, first) = bench().await;
    let second = usage(&store, &clock);
    let began = KeyUse::new(id("key_1"), 0, clock.wall()).hour();
    for (node, times) in [(&first, 2), (&second, 3), (&first, 4), (&first, 1)] {
        for _ in 0..times {
            node.count(&cached("key_1"), clock.monotonic());
        }
        second.flush().await;
        clock.advance(HOUR);
    }
    let hours = |stored: Vec<(SystemTime, u64)>| {
        let mut sums = [0; 4];
        for (hour, requests) in stored {
            let place = hour.duration_since(began).unwrap().as_secs() / 3_600;
            sums[usize::try_from(place).unwrap()] += requests;
        }
        sums
    };
    let told = async |node: &Usage| hours(node.hours(&id("key_1"), began).await.unwrap());
    // What waited in one book is put where the last of it was; what was gathered before stays.
    assert_eq!((told(&first).await, told(&second).await), ([0, 3, 0, 7], [0, 3, 0, 0]));
    first.flush().await;
    assert_eq!((told(&first).await, told(&second).await), ([0, 3, 0, 7], [0, 3, 0, 7]));
    first.count(&cached("key_1"), clock.monotonic().checked_sub(HOUR).unwrap());
    assert_eq!(told(&first).await, [0, 3, 0, 8]);
    store.set(Fault::Fail);
    first.flush().await;
    assert!(first.hours(&id("key_1"), began).await.is_err());
    store.set(Fault::None);
    assert_eq!(told(&first).await, [0, 3, 0, 8], "sealed, and counted once");
}

#[tokio::test]
async fn two_nodes_on_one_store_add_up() {
    let (store, clock, first) = bench().await;
    let second = usage(&store, &clock);
    for node in [&first, &second] {
        for _ in 0..3 {
            node.count(&cached("key_1"), clock.monotonic());
        }
    }
    assert_eq!(requests(&first, "key_1").await, 3, "its own at once");
    second.flush().await;
    assert_eq!(requests(&first, "key_1").await, 6);
    first.flush().await;
    assert_eq!((requests(&first, "key_1").await, requests(&second, "key_1").await), (6, 6));
}

#[tokio::test]
async fn g2_what_finds_no_room_is_dropped_and_counted() {
    let (_store, clock, mut usage) = bench().await;
    usage.book = Mutex::new(Book::new(1, Bounds { keys: 2, batch: 1 }));
    for name in ["key_1", "key_2", "key_3", "key_3"] {
        usage.count(&cached(name), clock.monotonic());
    }
    usage.count(&cached("key_1"), clock.monotonic());
    assert_eq!((requests(&usage, "key_1").await, usage.dropped()), (2, 2));
    usage.flush().await;
    usage.count(&cached("key_3"), clock.monotonic());
    assert_eq!((usage.pending(), usage.dropped()), (1, 2), "there is room again");
}

/// Requests, flushes and readers on threads of their own: nothing is lost, and what a reader is
/// told grows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_between_threads() {
    const EACH: u64 = 50_000;
    let (_store, clock, usage) = bench().await;
    let (key, over) = (cached("key_1"), AtomicBool::new(false));
    let runtime = tokio::runtime::Handle::current();
    thread::scope(|scope| {
        let count = || count_often(&usage, &key, &clock, EACH);
        let counting = [scope.spawn(count), scope.spawn(count)];
        scope.spawn(|| until(&over, || runtime.block_on(usage.flush())));
        scope.spawn(|| {
            let mut told = 0;
            until(&over, || grown(&mut told, runtime.block_on(requests(&usage, "key_1"))));
        });
        for thread in counting {
            thread.join().unwrap();
        }
        over.store(true, Ordering::SeqCst);
    });
    assert_eq!(requests(&usage, "key_1").await, 2 * EACH);
}

fn count_often(usage: &Usage, key: &Arc<Claims>, clock: &ManualClock, times: u64) {
    for number in 0..times {
        usage.count(key, clock.monotonic());
        if number % 1024 == 0 {
            thread::yield_now();
        }
    }
}

fn grown(told: &mut u64, now: u64) {
    assert!(now >= *told, "{now} after {told}");
    *told = now;
}

fn until(over: &AtomicBool, mut step: impl FnMut()) {
    while !over.load(Ordering::SeqCst) {
        step();
    }
}
