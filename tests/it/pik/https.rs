//! P2, H6: HTTPS or nothing, and whose word on it counts.

use keygate::Mode;

use super::{any_key, error, server, wallet};
use crate::support::{Server, get, post};

/// Answers from this peer, its own connection with or without TLS, with these lines.
async fn status(
    server: &Server,
    (ip, tls): (&str, bool),
    lines: &[(&str, &str)],
    key: &str,
) -> u16 {
    let call = get("/v1/wallet").bearer(key).peer(ip, tls);
    let call = lines.iter().fold(call, |call, (name, value)| call.header(name, value));
    server.send(call).await.status
}

const PROXY: (&str, bool) = ("10.1.2.3", false);
const STRANGER: (&str, bool) = ("203.0.113.9", false);

#[tokio::test]
async fn p2_plain_http_is_refused_and_valid_keys_look_like_invalid_ones() {
    let server = server();
    let issued = any_key(&server, Mode::Live).await;
    let mut answers = Vec::new();
    for key in [issued.key().expose(), "nonsense"] {
        let answer = server.send(get("/v1/wallet").bearer(key).peer("203.0.113.9", false)).await;
        answers.push(error(&answer.expect(403)));
    }
    let answer = server.send(get("/v1/wallet").peer("203.0.113.9", false)).await;
    answers.push(error(&answer.expect(403)));
    assert_eq!(answers[0].0, "https_required");
    assert!(answers.iter().all(|answer| answer == &answers[0]));
    assert_eq!(server.store.lookups(), 0, "no look-up is made for it");
    assert_eq!(server.usage(issued.id()).await.requests, 0);
    server.send(wallet(issued.key().expose())).await.expect(200);
}

#[tokio::test]
async fn p2_behind_a_trusted_proxy_its_word_counts() {
    let server = server();
    let issued = any_key(&server, Mode::Live).await;
    let key = issued.key().expose();
    for (lines, expected) in [
        (&[][..], 403),
        (&[("x-forwarded-proto", "https")], 200),
        (&[("x-forwarded-proto", "HTTPS")], 200),
        (&[("x-forwarded-proto", "http")], 403),
        (&[("forwarded", "for=192.0.2.1;proto=https")], 200),
        (&[("forwarded", "for=192.0.2.1;proto=http")], 403),
        (&[("x-forwarded-proto", "https"), ("forwarded", "proto=http")], 403),
        (&[("x-forwarded-proto", "http"), ("forwarded", "proto=https")], 403),
        (&[("x-forwarded-proto", "https"), ("forwarded", "proto=https")], 200),
    ] {
        assert_eq!(status(&server, PROXY, lines, key).await, expected, "{lines:?}");
    }
}

#[tokio::test]
async fn p2_h6_of_several_values_the_last_counts() {
    let server = server();
    let issued = any_key(&server, Mode::Live).await;
    let key = issued.key().expose();
    for (lines, expected) in [
        (&[("x-forwarded-proto", "https, http")][..], 403),
        (&[("x-forwarded-proto", "http, https")], 200),
        (&[("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")], 403),
        (&[("x-forwarded-proto", "http"), ("x-forwarded-proto", "https")], 200),
        (&[("forwarded", "proto=https, proto=http")], 403),
    ] {
        assert_eq!(status(&server, PROXY, lines, key).await, expected, "{lines:?}");
    }
}

#[tokio::test]
async fn p2_h6_nobody_elses_header_is_believed() {
    let server = server();
    let issued = any_key(&server, Mode::Live).await;
    let key = issued.key().expose();
    for lines in [
        &[("x-forwarded-proto", "https")][..],
        &[("forwarded", "proto=https")],
        &[("x-forwarded-for", "10.1.2.3"), ("x-forwarded-proto", "https")],
        &[("x-forwarded-ssl", "on"), ("front-end-https", "on")],
        &[("x-forwarded-scheme", "https"), ("x-url-scheme", "https")],
    ] {
        assert_eq!(status(&server, STRANGER, lines, key).await, 403, "{lines:?}");
    }
    for unread in [("x-forwarded-ssl", "on"), ("x-forwarded-scheme", "https")] {
        assert_eq!(status(&server, PROXY, &[unread], key).await, 403, "{unread:?}");
    }
    // A stranger's TLS stays TLS whatever he says.
    let stranger = (STRANGER.0, true);
    assert_eq!(status(&server, stranger, &[("x-forwarded-proto", "http")], key).await, 200);
}

#[tokio::test]
async fn p2_the_clients_own_words_on_the_scheme_count_for_nothing() {
    let server = server();
    let issued = any_key(&server, Mode::Live).await;
    let call = get("https://api.pik.global/v1/wallet").bearer(issued.key().expose());
    server.send(call.peer("203.0.113.9", false)).await.expect(403);
}

#[tokio::test]
async fn p2_every_path_below_v1_is_covered_and_the_dashboard_is_not() {
    let server = server();
    for path in ["/v1/payment-links", "/v1/payment-links/x", "/v1/wallet", "/v1/nothing"] {
        server.send(get(path)).await.expect(403);
        server.send(post(path)).await.expect(403);
    }
    server.look("keys").await.expect(200);
}
