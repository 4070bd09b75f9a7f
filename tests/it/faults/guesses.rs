//! L5: whoever tries keys is limited by its address, before any look-up, and nobody else is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keygate::{KeyKind, Mode, NewKey};
use tokio::task::JoinSet;

use super::{Target, targets};
use crate::crypto_checkout;
use crate::support::{Call, Loopback, get};

const FAILURES: usize = 10_000;
/// What an address has at once; then it is one a second.
const BURST: usize = 100;
const SECOND: Duration = Duration::from_secs(1);
const CLIENT: &str = "203.0.113.1";

/// Well-formed, and never issued.
fn made_up(target: &Target) -> String {
    let format = target.server.keys.format(KeyKind::Secret).unwrap();
    format.generate(Mode::Test).unwrap().expose().to_owned()
}

fn call(target: &Target, key: &str) -> Call {
    get(target.path).bearer(key).peer(CLIENT, true)
}

#[tokio::test]
async fn l5_h6_ten_thousand_failures_cause_no_more_look_ups_than_the_address_has() {
    for target in targets().await {
        let (server, name) = (&target.server, target.name);
        server.send(call(&target, &target.key)).await.expect(200);
        let before = server.store.lookups();
        let (mut refused, mut limited) = (0, 0);
        for number in 0..FAILURES {
            let forged = format!("198.51.{}.{}", number / 256, number % 256);
            let call = call(&target, &made_up(&target)).header("x-forwarded-for", forged);
            match server.send(call).await.status {
                401 => refused += 1,
                429 => limited += 1,
                status => panic!("{name}: {status}"),
            }
            if number % 1_000 == 999 {
                server.clock.advance(SECOND);
            }
        }
        let admitted = BURST + FAILURES / 1_000 - 1;
        assert_eq!((refused, limited), (admitted, FAILURES - admitted), "{name}");
        assert_eq!(server.store.lookups() - before, admitted, "{name}");
    }
}

#[tokio::test]
async fn l5_past_the_limit_cached_keys_go_on_and_a_cold_one_waits_as_it_is_told() {
    for target in targets().await {
        let (server, name) = (&target.server, target.name);
        let cold = server.keys.issue(NewKey::named("cold").mode(Mode::Test)).await.unwrap();
        let cold = cold.key().expose();
        let answer = server.send(call(&target, &target.key)).await.expect(200);
        let left = answer.number("x-ratelimit-remaining");
        while server.send(call(&target, &made_up(&target))).await.status != 429 {}
        let before = server.store.lookups();

        let refused = server.send(call(&target, cold)).await.expect(429);
        assert_eq!(refused.header("cache-control"), "no-store", "{name}");
        assert!(!refused.has("x-ratelimit-limit"), "{name}: it is nobody's quota");
        assert!(!refused.has("www-authenticate"), "{name}");
        assert!(refused.shown().to_ascii_lowercase().contains("rate_limit"), "{name}");
        server.send(get(target.path).peer(CLIENT, true)).await.expect(401);
        let answer = server.send(call(&target, &target.key)).await.expect(200);
        assert_eq!(answer.number("x-ratelimit-remaining"), left - 1, "{name}: its own requests");
        assert_eq!(server.store.lookups(), before, "{name}");
        let elsewhere = get(target.path).bearer(cold).peer("203.0.113.2", true);
        assert!([200, 403].contains(&server.send(elsewhere).await.status), "{name}");

        let other = server.keys.issue(NewKey::named("cold").mode(Mode::Test)).await.unwrap();
        let other = other.key().expose();
        let wait = server.send(call(&target, other)).await.expect(429).number("retry-after");
        server.clock.advance(Duration::from_secs(wait));
        let status = server.send(call(&target, other)).await.status;
        assert!([200, 403].contains(&status), "{name}: it slept as it was told, and got {status}");
    }
}

/// Fifty clients of one address at once, who look at no answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l5_over_real_http() {
    const CLIENTS: usize = 50;
    let server = crypto_checkout::server();
    let key = crypto_checkout::any_key(&server, Mode::Test).await;
    let http = Loopback::serve(&server.app).await;
    let client = reqwest::Client::new();
    let url = http.url("/api/v1/payment_links");
    let good = client.get(&url).bearer_auth(key.key().expose());
    assert_eq!(good.try_clone().unwrap().send().await.unwrap().status(), 200);

    let before = server.store.lookups();
    let statuses: Arc<[AtomicUsize; 2]> = Arc::default();
    let mut guessing = JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, url, statuses) = (client.clone(), url.clone(), Arc::clone(&statuses));
        let format = server.keys.format(KeyKind::Secret).unwrap().clone();
        guessing.spawn(async move {
            for _ in 0..FAILURES / CLIENTS {
                let guess = format.generate(Mode::Test).unwrap();
                let sent = client.get(&url).bearer_auth(guess.expose()).send();
                let answer = sent.await.unwrap();
                let at = match answer.status().as_u16() {
                    401 => 0,
                    429 => 1,
                    status => panic!("{status}"),
                };
                statuses[at].fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    // In the midst of it, as often as its own quota allows.
    for _ in 0..500 {
        let answer = good.try_clone().unwrap().send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    while let Some(ended) = guessing.join_next().await {
        ended.unwrap();
    }
    let [refused, limited] = statuses.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert_eq!((refused, limited), (BURST, FAILURES - BURST), "the clock stands still");
    assert_eq!(server.store.lookups() - before, BURST);
}
