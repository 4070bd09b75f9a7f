use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use keygate::test_util::Fault;
use keygate::{IssuedKey, KeyUpdate, Keyring, KeyringError, Refusal};
use tokio::time::Instant;

use super::{builder, issued, store};

/// A client that sends until fifty requests after the revocation.
struct Client {
    keys: Keyring,
    text: String,
    revoked: Arc<AtomicBool>,
}

impl Client {
    /// How many requests it sent, and how many that began after the revocation were accepted.
    async fn run(self) -> (usize, usize) {
        let (mut sent, mut after, mut wrong) = (0, 0, 0);
        while after < 50 {
            let late = self.revoked.load(Ordering::SeqCst);
            let accepted = self.keys.verify(&self.text).await.is_ok();
            after += usize::from(late);
            wrong += usize::from(late && accepted);
            sent += 1;
            if sent % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
        (sent, wrong)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r1_nothing_that_starts_after_a_revocation_is_accepted() {
    let keys = builder(&store()).build().unwrap();
    let mut requests = 0;
    for _ in 0..100 {
        let key = issued(&keys).await;
        let revoked = Arc::new(AtomicBool::new(false));
        let client = || Client {
            keys: keys.clone(),
            text: key.key().expose().to_owned(),
            revoked: Arc::clone(&revoked),
        };
        let clients: Vec<_> = (0..4).map(|_| tokio::spawn(client().run())).collect();
        while keys.usage(key.id()).await.unwrap().requests < 1000 {
            // Keeps the entry changing, so that look-ups are under way when it is revoked.
            keys.update(key.id(), KeyUpdate::default().name("x")).await.unwrap();
        }
        keys.revoke(key.id()).await.unwrap();
        revoked.store(true, Ordering::SeqCst);
        for client in clients {
            let (sent, wrong) = client.await.unwrap();
            assert_eq!(wrong, 0, "accepted after the revocation had returned");
            requests += sent;
        }
    }
    assert!(requests >= 100_000, "{requests} requests");
}

#[tokio::test(start_paused = true)]
async fn r6_a_revocation_that_was_dropped_is_carried_out() {
    // Polled once, twice, … then dropped.
    for polls in 1..8 {
        let keys = builder(&store()).build().unwrap();
        let key = issued(&keys).await;
        keys.verify(key.key().expose()).await.unwrap();
        let mut revocation = Box::pin(keys.revoke_because(key.id(), "first"));
        let mut context = Context::from_waker(Waker::noop());
        let mut left = polls;
        while left > 0 && revocation.as_mut().poll(&mut context).is_pending() {
            tokio::task::yield_now().await;
            left -= 1;
        }
        drop(revocation);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::Revoked);
        let second = keys.revoke_because(key.id(), "second").await.unwrap();
        assert_eq!(second.revoked_reason.as_deref(), Some("first"));
    }
}

#[tokio::test(start_paused = true)]
async fn r6_a_change_that_was_made_and_never_answered_is_felt_within_one_deadline() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    let text = key.key().expose().to_owned();
    keys.verify(&text).await.unwrap();
    store.set(Fault::Swallow);
    let began = Instant::now();
    let (verdict, last_accepted) = tokio::join!(keys.revoke(key.id()), async {
        let mut last_accepted = began;
        for _ in 0..300 {
            if keys.verify(&text).await.is_ok() {
                last_accepted = Instant::now();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        last_accepted
    });
    assert!(matches!(verdict, Err(KeyringError::OutcomeUnknown)));
    let late = last_accepted - began;
    assert!(late <= Duration::from_millis(260), "{late:?}");
    store.set(Fault::None);
    keys.revoke(key.id()).await.unwrap();
}

#[tokio::test]
async fn a_change_that_failed_says_so_and_the_key_goes_on() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    store.set(Fault::Fail);
    assert!(matches!(keys.revoke(key.id()).await, Err(KeyringError::Store(_))));
    store.set(Fault::None);
    keys.verify(key.key().expose()).await.unwrap();
}

const OVERLAP: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r7_of_a_rotation_and_a_revocation_one_wins() {
    let keys = builder(&store()).build().unwrap();
    for _ in 0..5_000 {
        let key = issued(&keys).await;
        let (rotating, revoking) = (keys.clone(), keys.clone());
        let (id, same) = (key.id().clone(), key.id().clone());
        let rotation = tokio::spawn(async move { rotating.rotate(&id, OVERLAP).await });
        let revocation = tokio::spawn(async move { revoking.revoke(&same).await });
        let rotated = rotation.await.unwrap();
        // The revocation always succeeds; a successor is there only if the rotation came first.
        revocation.await.unwrap().unwrap();
        let old = keys.find(key.id()).await.unwrap().unwrap();
        assert!(old.revoked_at.is_some());
        assert_eq!(old.replaced_by.is_some(), rotated.is_ok());
        assert_eq!(old.expires_at.is_some(), rotated.is_ok(), "a revoked key was given a time");
    }
}

fn rotate(
    keys: &Keyring,
    key: &IssuedKey,
) -> impl Future<Output = Result<IssuedKey, KeyringError>> + Send + use<> {
    let (keys, id) = (keys.clone(), key.id().clone());
    async move { keys.rotate(&id, OVERLAP).await }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r7_of_two_rotations_one_wins() {
    let keys = builder(&store()).build().unwrap();
    for _ in 0..5_000 {
        let key = issued(&keys).await;
        let first = tokio::spawn(rotate(&keys, &key));
        let second = tokio::spawn(rotate(&keys, &key));
        let successors = [first.await.unwrap(), second.await.unwrap()];
        let won: Vec<_> = successors.iter().flatten().collect();
        assert_eq!(won.len(), 1);
        let old = keys.find(key.id()).await.unwrap().unwrap();
        assert_eq!(old.replaced_by.as_ref(), won.first().map(|successor| successor.id()));
    }
}
