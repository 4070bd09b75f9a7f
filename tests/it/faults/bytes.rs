//! H2, H7: bytes that no client sends, over a real connection.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use keygate::store::MemoryStore;
use keygate::{AuthLayer, EnvelopeLayer, KeyFormat, Keyring};

use super::targets;
use crate::support::Loopback;

/// What a server may say: its own refusals, and those of hyper, which have no envelope.
const REFUSALS: [u16; 4] = [400, 401, 403, 431];

fn line(name: &str, value: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b": ", value].concat()
}

#[tokio::test]
async fn h2_huge_values_and_many_copies_are_refused() {
    for target in targets().await {
        let http = Loopback::serve(&target.server.app).await;
        let get = format!("GET {}", target.path);
        for length in [257, 513, 8 * 1024, 64 * 1024, 400 * 1024] {
            let value = [b"Bearer ".as_slice(), &vec![b'a'; length]].concat();
            for header in ["authorization", "x-api-key", "x-on-behalf-of", "x-forwarded-proto"] {
                let answer = http.send(&get, &[line(header, &value)]).await;
                assert!(REFUSALS.contains(&answer.status()), "{} {length}", target.name);
                assert!(!answer.text().contains("aaaaaaaaaaaaaaaa"), "{} echoes", target.name);
            }
        }
        let bearer = line("authorization", format!("Bearer {}", target.key).as_bytes());
        let answer = http.send(&get, &vec![bearer; 90]).await;
        assert!([400, 401, 403].contains(&answer.status()), "{}", target.name);
        assert!(!answer.text().contains(&target.key));
        assert_eq!(target.server.store.lookups(), 0, "nothing oversized is hashed");
    }
}

#[tokio::test]
async fn h2_odd_bytes_are_refused() {
    for target in targets().await {
        let http = Loopback::serve(&target.server.app).await;
        let get = format!("GET {}", target.path);
        let key = target.key.as_bytes();
        for odd in (0x80..=0xff).chain([b'\t', b' ', 0x01, 0x7f]) {
            let inside = [b"Bearer ".as_slice(), &key[..20], &[odd], &key[21..]].concat();
            let alone = [b"Bearer ".as_slice(), &[odd]].concat();
            let scheme = [b"Beare".as_slice(), &[odd], b" ", key].concat();
            for value in [inside, alone, scheme] {
                // Else the address would be refused for having failed so often.
                target.server.clock.advance(Duration::from_secs(1));
                let answer = http.send(&get, &[line("authorization", &value)]).await;
                let status = answer.status();
                assert!([400, 401, 403].contains(&status), "{} {odd:#x}: {status}", target.name);
                assert!(!answer.text().contains(&target.key[21..]), "{} {odd:#x}", target.name);
            }
        }
        assert_eq!(target.server.store.lookups(), 0);
    }
}

#[tokio::test]
async fn h2_after_all_that_a_good_request_is_served() {
    let [target, ..] = targets().await;
    let http = Loopback::serve(&target.server.app).await;
    let get = format!("GET {}", target.path);
    http.send(&get, &[line("authorization", &vec![0xff; 400 * 1024])]).await;
    let bearer = line("authorization", format!("Bearer {}", target.key).as_bytes());
    assert_eq!(http.send(&get, &[bearer]).await.status(), 200);
}

#[tokio::test]
async fn h7_a_hostile_realm_is_one_well_formed_challenge() {
    for realm in
        ["a\r\nset-cookie: x=1", "quo\"te", "back\\slash", "\u{0}\u{7f}\n\u{1F511}", "a, b=\"c"]
    {
        let format = KeyFormat::base62("ck", 32).unwrap();
        let keys = Keyring::builder(MemoryStore::new(), format).build().unwrap();
        let app = Router::new()
            .route("/", get(|| async { StatusCode::OK }))
            .layer(AuthLayer::new(keys).realm(realm))
            .layer(EnvelopeLayer::standard());
        let http = Loopback::serve(&app).await;
        let answer = http.send("GET /", &[]).await;
        assert_eq!(answer.status(), 401, "{realm:?}");
        let head = answer.head();
        assert!(head.iter().all(|line| !line.to_ascii_lowercase().starts_with("set-cookie")));
        let challenges: Vec<_> =
            head.iter().filter_map(|l| l.strip_prefix("www-authenticate: ")).collect();
        let [challenge] = challenges.as_slice() else { panic!("{head:?}") };
        let quoted = challenge.strip_prefix("Bearer realm=\"").unwrap().strip_suffix('"').unwrap();
        let mut escaped = false;
        for character in quoted.chars() {
            assert!(escaped || character != '"', "{challenge}");
            escaped = !escaped && character == '\\';
        }
        assert!(!escaped, "{challenge}");
    }
}
