use std::time::Duration;

use keygate::{Clock, ManualClock, NewKey, Refusal};

use super::{builder, issued, store};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn v12_a_cached_key_is_refused_at_the_instant_it_expires() {
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).build().unwrap();
    let end = clock.wall() + Duration::from_secs(2);
    let key = keys.issue(NewKey::named("short").expires_at(end)).await.unwrap();
    let text = key.key().expose();
    keys.verify(text).await.unwrap();
    clock.advance(Duration::from_micros(1_999_999));
    keys.verify(text).await.unwrap();
    clock.advance(Duration::from_micros(1));
    assert_eq!(keys.verify(text).await.unwrap_err(), Refusal::Expired { at: end });
    assert_eq!(store.lookups(), 1);
    assert_eq!(keys.usage(key.id()).await.unwrap().requests, 2);
}

#[tokio::test]
async fn a_key_whose_time_has_not_come_is_refused_until_it_has() {
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).build().unwrap();
    let from = clock.wall() + Duration::from_secs(2);
    let key = keys.issue(NewKey::named("later").not_before(from)).await.unwrap();
    let refused = keys.verify(key.key().expose()).await.unwrap_err();
    assert_eq!(refused, Refusal::NotYetValid { from });
    clock.advance(Duration::from_secs(2));
    keys.verify(key.key().expose()).await.unwrap();
}

#[tokio::test]
async fn t1_expiry_follows_the_wall_clock_when_it_jumps() {
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).build().unwrap();
    let start = clock.wall();
    let key = keys.issue(NewKey::named("hour").expires_at(start + HOUR)).await.unwrap();
    let text = key.key().expose();
    keys.verify(text).await.unwrap();
    clock.jump_wall(start + HOUR);
    assert!(matches!(keys.verify(text).await.unwrap_err(), Refusal::Expired { .. }));
    clock.jump_wall(start - HOUR);
    keys.verify(text).await.unwrap();
    clock.jump_wall(std::time::UNIX_EPOCH);
    keys.verify(text).await.unwrap();
    assert_eq!(store.lookups(), 1);
}

#[tokio::test]
async fn revoked_goes_before_expired() {
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).build().unwrap();
    let end = clock.wall() + HOUR;
    let key = keys.issue(NewKey::named("hour").expires_at(end)).await.unwrap();
    keys.revoke(key.id()).await.unwrap();
    clock.advance(HOUR);
    assert_eq!(keys.verify(key.key().expose()).await.unwrap_err(), Refusal::Revoked);
}

#[tokio::test]
async fn c6_the_last_use_is_the_last_success() {
    let (store, clock) = (store(), ManualClock::new());
    let keys = builder(&store).with_clock(clock.clone()).build().unwrap();
    let key = issued(&keys).await;
    assert_eq!(keys.usage(key.id()).await.unwrap().last_used_at, None);
    clock.advance(HOUR);
    keys.verify(key.key().expose()).await.unwrap();
    let used = clock.wall();
    clock.advance(HOUR);
    keys.revoke(key.id()).await.unwrap();
    keys.verify(key.key().expose()).await.unwrap_err();
    let usage = keys.usage(key.id()).await.unwrap();
    assert_eq!((usage.requests, usage.last_used_at), (1, Some(used)));
}
