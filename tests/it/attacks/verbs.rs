//! Verbs whose callers go away, whose stores misbehave, or that race one another.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keygate::store::{KeyStore, MemoryStore, RecordUpdate};
use keygate::test_util::{Fault, FaultyStore};
use keygate::{
    KeyFilter, KeyUpdate, Keyring, KeyringError, NewKey, Refusal, Scope, ScopeName, ScopeSet,
};

use super::{DEADLINE, builder, format, issued, settle, store};

keygate::scopes! {
    catalogue SCOPES;
    /// Read.
    Read = "a:read";
    /// Write.
    Write = "a:write";
}

/// Polls a verb at these moments and then drops it; says whether it was ever polled.
async fn drop_after<F: Future>(verb: F, patience: Duration) -> bool {
    tokio::time::timeout(patience, verb).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn r6_a_verb_that_was_begun_is_carried_out_at_whatever_await_it_is_dropped() {
    let late = Duration::from_millis(40);
    // The store answers each question 40 ms late: the look-up by id, then the change.
    for dropped_after in [0, 10, 39, 41, 50, 79] {
        let dropped_after = Duration::from_millis(dropped_after);
        let store = store();
        let keys = builder(&store).scopes(SCOPES).build().unwrap();
        let (revoked, updated, rotated) =
            (issued(&keys).await, issued(&keys).await, issued(&keys).await);
        for key in [&revoked, &updated, &rotated] {
            keys.verify(key.key().expose()).await.unwrap();
        }
        store.set(Fault::Late(late));
        let update = KeyUpdate::default().scopes([Write::NAME]);
        assert!(drop_after(keys.revoke_because(revoked.id(), "first"), dropped_after).await);
        assert!(drop_after(keys.update(updated.id(), update), dropped_after).await);
        assert!(drop_after(keys.rotate(rotated.id(), Duration::ZERO), dropped_after).await);
        tokio::time::sleep(4 * late).await;
        store.set(Fault::None);
        let refused = keys.verify(revoked.key().expose()).await.unwrap_err();
        assert_eq!(refused, Refusal::Revoked, "{dropped_after:?}");
        let caller = keys.verify(updated.key().expose()).await.unwrap();
        assert!(caller.scopes().contains(&Write::NAME), "{dropped_after:?}");
        let refused = keys.verify(rotated.key().expose()).await.unwrap_err();
        assert_eq!(refused, Refusal::Revoked, "{dropped_after:?}");
        let again = keys.revoke_because(revoked.id(), "second").await.unwrap();
        assert_eq!(again.revoked_reason.as_deref(), Some("first"));
    }
}

#[tokio::test]
async fn a_store_that_panics_fails_its_verb_and_nobody_else() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    store.set(Fault::Panic);
    assert!(keys.find(key.id()).await.is_err());
    assert!(keys.list(KeyFilter::default()).await.is_err());
    assert!(keys.revoke(key.id()).await.is_err());
    assert!(keys.update(key.id(), KeyUpdate::default()).await.is_err());
    assert!(keys.rotate(key.id(), Duration::ZERO).await.is_err());
    // It may have been stored before the panic.
    let issue = keys.issue(NewKey::named("test")).await;
    assert!(matches!(issue, Err(KeyringError::OutcomeUnknown)), "{issue:?}");
    store.set(Fault::None);
    keys.verify(key.key().expose()).await.unwrap();
    keys.revoke(key.id()).await.unwrap();
    assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_told_and_no_verb_waits_for_ever() {
    let store = store();
    let keys = builder(&store).build().unwrap();
    let key = issued(&keys).await;
    store.set(Fault::Hang);
    let began = tokio::time::Instant::now();
    // Of a question, or of a change that was not begun yet, it is known that nothing was changed.
    let failed = |done: Result<(), KeyringError>| {
        assert!(matches!(&done, Err(KeyringError::Store(e)) if e.is_transient()), "{done:?}");
    };
    failed(keys.find(key.id()).await.map(drop));
    failed(keys.list(KeyFilter::default()).await.map(drop));
    failed(keys.revoke(key.id()).await.map(drop));
    failed(keys.update(key.id(), KeyUpdate::default()).await.map(drop));
    failed(keys.rotate(key.id(), Duration::ZERO).await.map(drop));
    let issue = keys.issue(NewKey::named("test")).await;
    assert!(matches!(issue, Err(KeyringError::OutcomeUnknown)), "{issue:?}");
    assert!(began.elapsed() <= 6 * 8 * DEADLINE + Duration::from_millis(100));
    settle().await;
    // Only the feed is left: no verb waits on.
    assert_eq!(super::tasks(), super::TASKS);
}

#[test]
fn verbs_without_a_runtime_say_so_and_never_panic() {
    let keys = Keyring::builder(MemoryStore::new(), format()).build().unwrap();
    let id = keygate::KeyId::parse("key_1").unwrap();
    let no_runtime = |done: Result<(), KeyringError>| {
        assert!(matches!(done, Err(KeyringError::NoRuntime)), "{done:?}");
    };
    no_runtime(poll_once(async { keys.find(&id).await.map(drop) }));
    no_runtime(poll_once(async { keys.list(KeyFilter::default()).await.map(drop) }));
    no_runtime(poll_once(async { keys.issue(NewKey::named("a")).await.map(drop) }));
    no_runtime(poll_once(async { keys.revoke(&id).await.map(drop) }));
    no_runtime(poll_once(async { keys.rotate(&id, Duration::ZERO).await.map(drop) }));
    no_runtime(poll_once(async { keys.update(&id, KeyUpdate::default()).await.map(drop) }));
    poll_once(keys.shutdown());
}

fn poll_once<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("waits for something without a runtime"),
    }
}

#[tokio::test(start_paused = true)]
async fn r7_a_successor_inherits_what_the_key_has_at_that_moment() {
    let inner = MemoryStore::new();
    let store = FaultyStore::new(inner.clone());
    let keys = builder(&store).scopes(SCOPES).build().unwrap();
    let key = keys.issue(NewKey::named("a").scope(Read).scope(Write)).await.unwrap();
    // The rotation has read the key and waits for the store; meanwhile another node takes the
    // right to write away.
    store.set(Fault::Late(Duration::from_millis(50)));
    let (rotated, ()) = tokio::join!(keys.rotate(key.id(), Duration::from_mins(1)), async {
        tokio::time::sleep(Duration::from_millis(75)).await;
        let mut update = RecordUpdate::default();
        update.scopes = Some(ScopeSet::from_iter([Read::NAME]));
        inner.update(key.id(), update).await.unwrap();
    });
    let successor = rotated.unwrap();
    let read_only: Vec<ScopeName> = vec![Read::NAME];
    let caller = keys.verify(successor.key().expose()).await.unwrap();
    assert_eq!(caller.scopes().iter().cloned().collect::<Vec<_>>(), read_only);
    assert_eq!(successor.record().scopes, ScopeSet::from_iter(read_only));
}
