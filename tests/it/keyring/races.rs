use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keygate::store::KeyStatus;
use keygate::test_util::Fault;
use keygate::{KeyFilter, KeyUpdate, KeyringError, Refusal};
use tokio::time::Instant;

use super::{builder, issued, store};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r1_nothing_that_starts_after_a_revocation_is_accepted() {
    let keys = builder(&store()).build().unwrap();
    let (mut requests, accepted_after) = (0, Arc::new(AtomicUsize::new(0)));
    for _ in 0..100 {
        let key = Arc::new(issued(&keys).await);
        let revoked = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let (keys, key, revoked) = (keys.clone(), key.clone(), revoked.clone());
                let accepted_after = accepted_after.clone();
                tokio::spawn(async move {
                    let (mut sent, mut after) = (0, 0);
                    // A few hundred before the revocation at the least, and fifty after it.
                    while after < 50 {
                        let late = revoked.load(Ordering::SeqCst);
                        let accepted = keys.verify(key.key().expose()).await.is_ok();
                        after += usize::from(late);
                        accepted_after.fetch_add(usize::from(late && accepted), Ordering::SeqCst);
                        sent += 1;
                        if sent % 64 == 0 {
                            // A flood of changes to others keeps look-ups in flight.
                            tokio::task::yield_now().await;
                        }
                    }
                    sent
                })
            })
            .collect();
        for _ in 0..5 {
            // Keeps the entry changing, so that look-ups are under way when it is revoked.
            keys.update(key.id(), KeyUpdate::default().name("x")).await.unwrap();
        }
        while keys.usage(key.id()).requests < 1000 {
            tokio::task::yield_now().await;
        }
        keys.revoke(key.id()).await.unwrap();
        revoked.store(true, Ordering::SeqCst);
        for client in clients {
            requests += client.await.unwrap();
        }
    }
    assert_eq!(accepted_after.load(Ordering::SeqCst), 0);
    assert!(requests >= 100_000, "{requests} requests");
}

#[tokio::test(start_paused = true)]
async fn r6_a_revocation_that_was_dropped_is_carried_out() {
    // Polled once, twice, … then dropped.
    for polls in 0..8 {
        let keys = builder(&store()).build().unwrap();
        let key = issued(&keys).await;
        keys.verify(key.key().expose()).await.unwrap();
        let mut revocation = Box::pin(keys.revoke_because(key.id(), "first"));
        let mut begun = false;
        for _ in 0..polls {
            let mut context = Context::from_waker(Waker::noop());
            begun = true;
            if let Poll::Ready(done) = revocation.as_mut().poll(&mut context) {
                done.unwrap();
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(revocation);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        if begun {
            assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::Revoked);
            let second = keys.revoke_because(key.id(), "second").await.unwrap();
            assert_eq!(second.revoked_reason.as_deref(), Some("first"));
        }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r7_of_a_rotation_and_a_revocation_one_wins() {
    let keys = builder(&store()).build().unwrap();
    for round in 0..10_000 {
        let key = issued(&keys).await;
        let (first, second) = (keys.clone(), keys.clone());
        let (id, same) = (key.id().clone(), key.id().clone());
        let rotation =
            tokio::spawn(async move { first.rotate(&id, Duration::from_secs(60)).await });
        let rival = tokio::spawn(async move {
            if round % 2 == 0 {
                second.revoke(&same).await.map(|_| None)
            } else {
                second.rotate(&same, Duration::from_secs(60)).await.map(Some)
            }
        });
        let (rotated, rival) = (rotation.await.unwrap(), rival.await.unwrap());
        let old = keys.find(key.id()).await.unwrap().unwrap();
        if round % 2 == 0 {
            // The revocation always succeeds; a successor is there only if the rotation came first.
            rival.unwrap();
            assert!(old.revoked_at.is_some());
            assert_eq!(old.replaced_by.is_some(), rotated.is_ok());
        } else {
            let successors = usize::from(rotated.is_ok()) + usize::from(rival.is_ok());
            assert_eq!(successors, 1);
            assert!(old.replaced_by.is_some());
        }
    }
    let revoked = keys.list(KeyFilter::default().status(KeyStatus::Revoked)).await.unwrap();
    assert!(
        revoked
            .records
            .iter()
            .all(|record| record.expires_at.is_none() || record.replaced_by.is_some())
    );
}
