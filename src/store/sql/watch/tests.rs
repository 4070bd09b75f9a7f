use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const FULL: usize = 4096;

/// A database of which the test is every part.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    feeds: Vec<mpsc::Sender<Told>>,
    subscriptions: usize,
    refuses: bool,
    /// Proofs vanish, as behind a pooler that swallows them.
    swallows: bool,
    panics: bool,
}

impl Fake {
    fn tell(&self, told: &Told) {
        self.0.lock().feeds.retain(|feed| feed.try_send(told.clone()).is_ok());
    }

    fn item(&self, item: &str) {
        self.tell(&Told::Item(item.into()));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock());
    }
}

impl Topics for Fake {
    async fn subscribe_to(&self, topic: &str) -> Result<mpsc::Receiver<Told>, StoreError> {
        assert_eq!(topic, "accounts");
        let mut state = self.0.lock();
        state.subscriptions += 1;
        assert!(!std::mem::take(&mut state.panics), "a store may have a mistake");
        if state.refuses {
            return Err(StoreError::transient("down"));
        }
        let (sender, feed) = mpsc::channel(FULL);
        state.feeds.push(sender);
        Ok(feed)
    }

    async fn send_proof(&self, token: u64) -> Result<(), StoreError> {
        if !self.0.lock().swallows {
            self.tell(&Told::Proof(token));
        }
        Ok(())
    }
}

fn watched() -> (Fake, Watch) {
    let fake = Fake::default();
    (fake.clone(), Watch::of(fake, "accounts"))
}

/// What is told within a time, each with the quarter of a second at which it came.
async fn told_within(watch: &mut Watch, limit: Duration) -> Vec<(u128, Changed)> {
    let began = Instant::now();
    let mut told = Vec::new();
    while let Some(left) = limit.checked_sub(began.elapsed())
        && let Ok(changed) = timeout(left, watch.changed()).await
    {
        told.push((began.elapsed().as_millis() / 250, changed));
    }
    told
}

#[tokio::test(start_paused = true)]
async fn all_is_loaded_once_then_items_come() {
    let (fake, mut watch) = watched();
    assert_eq!(watch.changed().await, Changed::Anything);
    fake.item("a");
    fake.item("b");
    assert_eq!(watch.changed().await, Changed::Item("a".into()));
    assert_eq!(watch.changed().await, Changed::Item("b".into()));
    assert_eq!(told_within(&mut watch, 60 * SECOND).await, [], "a feed that proves is trusted");
    fake.tell(&Told::Anything);
    assert_eq!(watch.changed().await, Changed::Anything);
}

#[tokio::test(start_paused = true)]
async fn a_feed_without_proofs_is_polled_beside_and_given_up() {
    let (fake, mut watch) = watched();
    assert_eq!(watch.changed().await, Changed::Anything);
    sleep(20 * SECOND).await;
    fake.change(|state| state.swallows = true);
    let told = told_within(&mut watch, 30 * SECOND).await;
    let at: Vec<_> = told.iter().map(|(quarter, _)| *quarter).collect();
    assert!(told.iter().all(|(_, changed)| *changed == Changed::Anything));
    // The last proof came at most a round before: all is asked for again within the bound.
    assert!(at[0] <= 40, "{at:?}");
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] <= 10), "every quarter of it: {at:?}");
    assert!(fake.0.lock().subscriptions > 1, "another feed may be better");
}

#[tokio::test(start_paused = true)]
async fn a_shorter_bound_asks_more_often() {
    let (fake, watch) = watched();
    fake.change(|state| state.refuses = true);
    let mut watch = watch.max_staleness(SECOND);
    let told = told_within(&mut watch, 10 * SECOND).await;
    assert!((39..=41).contains(&told.len()), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_between_two_feeds_is_made_up_for() {
    let (fake, mut watch) = watched();
    assert_eq!(watch.changed().await, Changed::Anything);
    fake.change(|state| state.feeds.clear());
    // Once as it ends, once as the next one stands; and nothing more.
    let told = told_within(&mut watch, 60 * SECOND).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].0 <= 4, "back-off is at most a second: {told:?}");
    fake.item("a");
    assert_eq!(watch.changed().await, Changed::Item("a".into()));
}

#[tokio::test(start_paused = true)]
async fn while_there_is_no_feed_all_is_asked_for_again_and_again() {
    let (fake, mut watch) = watched();
    fake.change(|state| state.refuses = true);
    let told = told_within(&mut watch, 11 * SECOND).await;
    let expected = [10, 20, 30, 40].map(|quarter| (quarter, Changed::Anything));
    assert_eq!(told, expected);
    fake.change(|state| state.refuses = false);
    let told = told_within(&mut watch, 60 * SECOND).await;
    assert_eq!(told.len(), 1, "the one of the new feed: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn back_off_neither_hammers_nor_sleeps() {
    let (fake, mut watch) = watched();
    fake.change(|state| state.refuses = true);
    told_within(&mut watch, 60 * SECOND).await;
    let asked = fake.0.lock().subscriptions;
    assert!((55..=130).contains(&asked), "{asked} times in a minute");
}

#[tokio::test(start_paused = true)]
async fn what_piles_up_turns_into_one_reload() {
    let (fake, mut watch) = watched();
    assert_eq!(watch.changed().await, Changed::Anything);
    for number in 0..3_000 {
        fake.item(&number.to_string());
    }
    // The watch takes them all, but nobody takes them from it.
    sleep(SECOND).await;
    let told = told_within(&mut watch, SECOND).await;
    assert_eq!(told, [(0, Changed::Anything)]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_is_asked_again() {
    let (fake, mut watch) = watched();
    fake.change(|state| state.panics = true);
    assert_eq!(watch.changed().await, Changed::Anything);
    fake.item("a");
    assert_eq!(watch.changed().await, Changed::Item("a".into()));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_loses_nothing() {
    let (fake, mut watch) = watched();
    assert_eq!(watch.changed().await, Changed::Anything);
    assert!(timeout(SECOND, watch.changed()).await.is_err());
    fake.item("a");
    assert_eq!(watch.changed().await, Changed::Item("a".into()));
}

#[tokio::test(start_paused = true)]
async fn dropping_it_ends_its_work() {
    let (fake, mut watch) = watched();
    assert_eq!(watch.changed().await, Changed::Anything);
    let feed = fake.0.lock().feeds[0].clone();
    drop(watch);
    timeout(SECOND, feed.closed()).await.unwrap();
}

#[test]
fn the_topic_of_the_keys_is_told_as_their_hashes() {
    let hash = KeyHash::of(b"text");
    let cases = [
        (Told::Item(hash.to_string()), Change::Key(hash)),
        (Told::Item("garbage".into()), Change::All),
        (Told::Anything, Change::All),
        (Told::Proof(7), Change::Proof(7)),
    ];
    for (told, change) in cases {
        assert_eq!(key_change(told), change);
    }
}
