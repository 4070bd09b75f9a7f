use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use http::Request;
use tower::{Service, ServiceExt};
use tower_layer::Layer;

use super::fixture::*;
use crate::test_util::Fault;
use crate::{AuthLayer, KeyKind, ManualClock, Mode, NewKey, Quota, RateLimitLayer, TrustedProxies};

const SECOND: Duration = Duration::from_secs(1);
const CLIENT: &str = "192.0.2.1";
const OTHER: &str = "192.0.2.2";

/// On a clock that stands still.
fn fixture() -> (Fixture, ManualClock) {
    let clock = ManualClock::new();
    (Fixture::on(clock.clone()), clock)
}

/// Well-formed, and never issued.
fn junk(number: usize) -> Request<Body> {
    with_bearer(&format!("ck_test_{number:032}"))
}

/// Lets every task go on that can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn l5_past_the_limit_only_cached_keys_go_on_and_a_cold_one_waits_as_told() {
    let (fixture, clock) = fixture();
    let (hot, cold) = (fixture.test_key().await, fixture.test_key().await);
    let service = AuthLayer::new(fixture.keys.clone()).layer(fixture.inner());
    let ask = |request| send(service.clone(), request);
    assert_eq!(ask(from(CLIENT, with_bearer(&hot))).await.status, 200);
    for number in 0..100 {
        assert_eq!(ask(from(CLIENT, junk(number))).await.status, 401, "{number}");
    }
    let before = fixture.store.lookups();
    for refused in [junk(100), junk(0), with_bearer("junk"), with_bearer(&cold)] {
        let answer = ask(from(CLIENT, refused)).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (429, "rate_limit_exceeded"));
        assert_eq!(answer.refusal(), "too_many_failures");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("www-authenticate"), "");
    }
    let missing = ask(from(CLIENT, request(&[]))).await;
    assert_eq!((missing.status.as_u16(), missing.refusal()), (401, "missing_credential"));
    assert_eq!(ask(from(CLIENT, with_bearer(&hot))).await.status, 200);
    assert_eq!(fixture.store.lookups(), before, "nothing of this was looked up");
    assert_eq!(ask(from(OTHER, junk(100))).await.status, 401, "an address of its own");

    clock.advance(Duration::from_nanos(999_999_999));
    assert_eq!(ask(from(CLIENT, with_bearer(&cold))).await.status, 429);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(ask(from(CLIENT, with_bearer(&cold))).await.status, 200, "slept as it was told");
    assert_eq!(ask(from(CLIENT, junk(101))).await.status, 401, "a success takes nothing");
    assert_eq!(ask(from(CLIENT, junk(102))).await.status, 429);
}

#[tokio::test]
async fn l5_ten_thousand_failures_cause_no_more_look_ups_than_the_limit() {
    let (fixture, clock) = fixture();
    let service = AuthLayer::new(fixture.keys.clone()).layer(fixture.inner());
    for second in 0..100 {
        for number in 0..100 {
            send(service.clone(), from(CLIENT, junk(second * 100 + number))).await;
        }
        clock.advance(SECOND);
    }
    assert_eq!(fixture.store.lookups(), 100 + 99);
}

#[tokio::test]
async fn l5_a_thousand_at_once_cause_no_more_than_the_limit_either() {
    let (fixture, _) = fixture();
    let service = AuthLayer::new(fixture.keys.clone()).layer(fixture.inner());
    fixture.store.set(Fault::Hold);
    let sent = (0..1_000).map(|number| send(service.clone(), from(CLIENT, junk(number))));
    let waiting: Vec<_> = sent.map(tokio::spawn).collect();
    settle().await;
    assert_eq!(fixture.store.lookups(), 100);
    fixture.store.set(Fault::None);
    let mut statuses = Vec::new();
    for answer in waiting {
        statuses.push(answer.await.unwrap().status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 100);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 900);
    assert_eq!(send(service, from(CLIENT, junk(1_000))).await.status, 429, "all were counted");
}

#[tokio::test(start_paused = true)]
async fn l5_a_look_up_that_is_too_late_for_its_caller_holds_its_place_and_counts() {
    let (fixture, _) = fixture();
    let service = AuthLayer::new(fixture.keys.clone()).layer(fixture.inner());
    fixture.store.set(Fault::Hold);
    let sent = (0..100).map(|number| send(service.clone(), from(CLIENT, junk(number))));
    let waiting: Vec<_> = sent.map(tokio::spawn).collect();
    for answer in waiting {
        assert_eq!(answer.await.unwrap().status, 503);
    }
    assert_eq!(send(service.clone(), from(CLIENT, junk(100))).await.status, 429);
    fixture.store.set(Fault::None);
    settle().await;
    assert_eq!(send(service, from(CLIENT, junk(100))).await.status, 429, "all were counted");
    assert_eq!(fixture.store.lookups(), 100);
}

#[tokio::test]
async fn v5_a_thousand_callers_of_one_cold_key_hold_one_place() {
    let (fixture, _) = fixture();
    let key = fixture.test_key().await;
    let layer = AuthLayer::new(fixture.keys.clone()).failed_attempts(Quota::per_hour(1));
    let service = layer.layer(fixture.inner());
    fixture.store.set(Fault::Hold);
    let sent = (0..1_000).map(|_| send(service.clone(), from(CLIENT, with_bearer(&key))));
    let waiting: Vec<_> = sent.map(tokio::spawn).collect();
    settle().await;
    fixture.store.set(Fault::None);
    for answer in waiting {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(fixture.store.lookups(), 1);
}

/// Whether the address may fail once more after this request, of the one failure that it has.
async fn is_counted(fixture: &Fixture, layer: AuthLayer, request: Request<Body>) -> bool {
    let layer = layer.failed_attempts(Quota::per_hour(1));
    let service = layer.layer(fixture.inner());
    send(service.clone(), from(CLIENT, request)).await;
    send(service, from(CLIENT, with_bearer("junk"))).await.status == 429
}

#[tokio::test]
async fn what_was_presented_and_refused_counts_and_nothing_else() {
    let (fixture, _) = fixture();
    let layer = || AuthLayer::new(fixture.keys.clone()).header("x-api-key");
    let good = fixture.test_key().await;
    let page = NewKey::named("page").mode(Mode::Test).kind(KeyKind::Publishable);
    let page = fixture.issue(page).await;
    let revoked = fixture.keys.issue(NewKey::named("revoked")).await.unwrap();
    fixture.keys.revoke(revoked.id()).await.unwrap();
    let bearer = format!("Bearer {good}");
    let two = [("authorization", bearer.as_bytes()), ("x-api-key", good.as_bytes())];
    for (what, layer, sent, counts) in [
        ("none", layer(), request(&[]), false),
        ("an empty one", layer(), request(&[("authorization", b"")]), false),
        ("none, and none is needed", layer().allow_anonymous(), request(&[]), false),
        ("a good one", layer(), with_bearer(&good), false),
        ("another scheme", layer(), request(&[("authorization", b"Basic eDp5")]), true),
        ("no key", layer(), with_bearer("no-key"), true),
        ("an unknown one", layer(), with_bearer(UNKNOWN), true),
        ("the same again", layer(), with_bearer(UNKNOWN), true),
        ("an unknown one, and none is needed", layer().allow_anonymous(), junk(1), true),
        ("two", layer(), request(&two), true),
        ("a revoked one", layer(), with_bearer(revoked.key().expose()), true),
        ("one of the other mode", layer().mode(Mode::Live), with_bearer(&good), true),
        ("a publishable one", layer(), with_bearer(&page), true),
        ("over HTTP", layer().require_https(), with_bearer("junk"), false),
    ] {
        let counted = if what == "over HTTP" {
            // Refused before the credential was looked at.
            let strict = layer.failed_attempts(Quota::per_hour(1));
            send(strict.layer(fixture.inner()), from(CLIENT, sent)).await;
            let mut over_tls = from(CLIENT, with_bearer("junk"));
            over_tls.extensions_mut().get_mut::<crate::Peer>().unwrap().tls = true;
            send(strict.layer(fixture.inner()), over_tls).await.status == 429
        } else {
            is_counted(&fixture, layer, sent).await
        };
        assert_eq!(counted, counts, "{what}");
    }
    fixture.fail();
    assert!(!is_counted(&fixture, layer(), junk(2)).await, "a store that fails");
}

#[tokio::test]
async fn nobodys_quota_is_touched() {
    let (fixture, _) = fixture();
    let key = fixture.test_key().await;
    let limit = RateLimitLayer::per_key(Quota::per_hour(10));
    let layer = AuthLayer::new(fixture.keys.clone());
    let service = layer.layer(limit.layer(fixture.inner()));
    for number in 0..200 {
        let answer = send(service.clone(), from(CLIENT, junk(number))).await;
        assert_eq!(answer.header("x-ratelimit-remaining"), "", "no key to count");
    }
    // From elsewhere, as it is cold.
    let answer = send(service.clone(), from(OTHER, with_bearer(&key))).await;
    assert_eq!(answer.header("x-ratelimit-remaining"), "9");
}

#[tokio::test]
async fn a_client_that_hangs_up_has_tried_all_the_same() {
    let (fixture, _) = fixture();
    let key = fixture.test_key().await;
    let layer = AuthLayer::new(fixture.keys.clone()).failed_attempts(Quota::per_hour(3));
    let mut service = layer.layer(fixture.inner());
    fixture.store.set(Fault::Hold);
    let mut hang_up = async |request| {
        let call = service.ready().await.unwrap().call(from(CLIENT, request));
        let mut call = pin!(call);
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        settle().await;
    };
    for request in [junk(1), junk(2), junk(2), with_bearer(&key)] {
        hang_up(request).await;
    }
    assert_eq!(fixture.store.lookups(), 3);
    let answer = send(service.clone(), from(CLIENT, junk(3))).await;
    assert_eq!(answer.status, 429, "three are being looked up, and might all be wrong");

    fixture.store.set(Fault::None);
    settle().await;
    // Two were. The key is good, and known by now.
    assert_eq!(send(service.clone(), from(CLIENT, with_bearer(&key))).await.status, 200);
    assert_eq!(send(service.clone(), from(CLIENT, junk(3))).await.status, 401);
    assert_eq!(send(service.clone(), from(CLIENT, junk(4))).await.status, 429);
}

#[tokio::test]
async fn a_request_that_is_dropped_before_its_look_up_holds_no_place() {
    let (fixture, _) = fixture();
    let layer = AuthLayer::new(fixture.keys.clone()).failed_attempts(Quota::per_hour(1));
    let mut service = layer.layer(fixture.inner());
    for number in 0..10 {
        drop(service.ready().await.unwrap().call(from(CLIENT, junk(number))));
    }
    assert_eq!(fixture.store.lookups(), 0);
    assert_eq!(send(service, from(CLIENT, junk(10))).await.status, 401);
}

#[tokio::test]
async fn routes_and_clones_share_what_the_constructor_made() {
    let (fixture, _) = fixture();
    let layer = AuthLayer::new(fixture.keys.clone());
    let one = layer.clone().layer(fixture.inner());
    // A setter changes the rules and forgets nobody's failures.
    let other = layer.header("x-api-key").failed_attempts(Quota::per_hour(3)).mode(Mode::Test);
    let other = other.layer(fixture.inner());
    for number in 0..100 {
        assert_eq!(send(one.clone(), from(CLIENT, junk(number))).await.status, 401);
    }
    assert_eq!(send(other, from(CLIENT, junk(100))).await.status, 429);
}

#[tokio::test]
async fn l7_a_layer_mounted_twice_counts_once() {
    let (fixture, _) = fixture();
    let layer = AuthLayer::new(fixture.keys.clone()).failed_attempts(Quota::per_hour(2));
    let service = layer.layer(layer.layer(fixture.inner()));
    for status in [401, 401, 429] {
        assert_eq!(send(service.clone(), from(CLIENT, with_bearer("junk"))).await.status, status);
    }
}

/// The statuses of three failures where one is left.
async fn three(layer: AuthLayer, fixture: &Fixture, requests: [Request<Body>; 3]) -> [u16; 3] {
    let service = layer.failed_attempts(Quota::per_hour(1)).layer(fixture.inner());
    let [one, two, three] = requests;
    [
        send(service.clone(), one).await.status.as_u16(),
        send(service.clone(), two).await.status.as_u16(),
        send(service, three).await.status.as_u16(),
    ]
}

#[tokio::test]
async fn h6_an_address_is_the_peers_or_the_one_that_a_named_proxy_vouches_for() {
    let (fixture, _) = fixture();
    let through = |peer: &str, lines: &[&str]| {
        let mut request = from(peer, with_bearer("junk"));
        for line in lines {
            request.headers_mut().append("x-forwarded-for", line.parse().unwrap());
        }
        request
    };
    let plain = || AuthLayer::new(fixture.keys.clone());
    let named = || plain().trusted_proxies("10.0.0.0/8".parse().unwrap());
    let limited = [401, 429, 429];
    let apart = [401, 401, 401];

    let forged = ["1.1.1.1", "2.2.2.2", "3.3.3.3"].map(|line| through(CLIENT, &[line]));
    assert_eq!(three(named(), &fixture, forged.clone()).await, limited, "a stranger's words");
    let none = plain().trusted_proxies(TrustedProxies::none());
    assert_eq!(three(none, &fixture, forged.clone()).await, limited, "no proxies at all");
    assert_eq!(three(plain(), &fixture, forged).await, apart, "perhaps a proxy that has no name");

    let forged = ["1.1.1.1", "2.2.2.2", "3.3.3.3"];
    let forged = forged.map(|line| through("10.0.0.1", &[line, "198.51.100.1, 10.0.0.2"]));
    assert_eq!(three(named(), &fixture, forged).await, limited, "left of the client's own");
    let clients = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
    let clients = clients.map(|line| through("10.0.0.1", &["1.1.1.1", line]));
    assert_eq!(three(named(), &fixture, clients).await, apart, "clients of one proxy");

    let network = ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1:2:3"];
    let network = network.map(|peer| through(peer, &[]));
    assert_eq!(three(plain(), &fixture, network).await, limited, "one network");
    let mapped = [CLIENT, "::ffff:192.0.2.1", CLIENT].map(|peer| through(peer, &[]));
    assert_eq!(three(plain(), &fixture, mapped).await, limited, "one address");
    let networks = ["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1"];
    let networks = networks.map(|peer| through(peer, &[]));
    assert_eq!(three(plain(), &fixture, networks).await, apart, "three networks");
}

#[tokio::test]
async fn without_the_peers_address_or_if_it_is_switched_off_nothing_is_limited() {
    let (fixture, _) = fixture();
    let unseen = [with_bearer("junk"), with_bearer("junk"), with_bearer("junk")];
    let layer = AuthLayer::new(fixture.keys.clone());
    assert_eq!(three(layer, &fixture, unseen).await, [401, 401, 401]);
    let layer = AuthLayer::new(fixture.keys.clone()).failed_attempts(Quota::per_hour(1));
    let off = layer.allow_unlimited_failed_attempts().layer(fixture.inner());
    for number in 0..1_000 {
        assert_eq!(send(off.clone(), from(CLIENT, junk(number))).await.status, 401);
    }
}

#[cfg(feature = "tracing")]
#[test]
fn why_nothing_is_limited_is_logged_once() {
    let lines = crate::telemetry::captured::lines("warn", || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new();
            let hot = fixture.test_key().await;
            let layer = AuthLayer::new(fixture.keys.clone());
            let service = layer.layer(fixture.inner());
            for _ in 0..3 {
                send(service.clone(), with_bearer("junk")).await;
                let mut forwarded = from(CLIENT, with_bearer("junk"));
                forwarded.headers_mut().insert("x-forwarded-for", "1.1.1.1".parse().unwrap());
                send(service.clone(), forwarded).await;
                send(layer.clone().layer(fixture.inner()), with_bearer(&hot)).await;
            }
        });
    });
    let said = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert_eq!(said("failed authentications are not limited"), 2, "{lines:#?}");
    assert_eq!(said("into_make_service_with_connect_info"), 1, "{lines:#?}");
    assert_eq!(said("AuthLayer::trusted_proxies"), 1, "{lines:#?}");
    assert_eq!(lines.len(), 2, "{lines:#?}");
}
