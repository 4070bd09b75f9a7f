use http::Request;
use tower_layer::Layer;

use super::fixture::*;
use crate::AuthLayer;
use crate::client_ip::Peer;

fn from_peer(mut request: Request<Body>, peer: [u8; 4], tls: bool) -> Request<Body> {
    request.extensions_mut().insert(Peer { addr: (peer, 4711).into(), tls });
    request
}

#[tokio::test]
async fn p2_plain_http_is_the_same_403_for_every_key_and_before_any_look_up() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let trusted = "10.0.0.0/8".parse().unwrap();
    let layer = AuthLayer::new(fixture.keys.clone()).trusted_proxies(trusted).require_https();
    let service = layer.layer(fixture.inner());
    let forged = [("x-forwarded-proto", &b"https"[..])];
    for sent in [with_bearer(&key), with_bearer(UNKNOWN), request(&[]), request(&forged)] {
        let answer = send(service.clone(), from_peer(sent, [192, 0, 2, 1], false)).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (403, "https_required"));
        assert_eq!(answer.header("www-authenticate"), "");
    }
    assert_eq!((fixture.runs(), fixture.store.lookups()), (0, 0));

    let answer = send(service.clone(), from_peer(with_bearer(&key), [192, 0, 2, 1], true)).await;
    assert_eq!(answer.status, 200, "TLS that ends here");
    let mut proxied = with_bearer(&key);
    proxied.headers_mut().insert("x-forwarded-proto", "https".parse().unwrap());
    let answer = send(service, from_peer(proxied, [10, 0, 0, 1], false)).await;
    assert_eq!(answer.status, 200, "TLS that ends at a trusted proxy");
}

#[tokio::test]
async fn p2_the_scheme_in_the_uri_is_the_clients_own_word() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let layer = AuthLayer::new(fixture.keys.clone()).require_https();
    let mut sent = from_peer(with_bearer(&key), [127, 0, 0, 1], false);
    *sent.uri_mut() = "https://api.example.com/v1".parse().unwrap();
    assert_eq!(send(layer.layer(fixture.inner()), sent).await.status, 403);
}

#[tokio::test]
async fn a_rule_that_finds_no_peer_is_a_mistake_of_the_service() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let proxies = "0.0.0.0/0".parse().unwrap();
    let layer = AuthLayer::new(fixture.keys.clone()).trusted_proxies(proxies).require_https();
    let answer = send(layer.layer(fixture.inner()), with_bearer(&key)).await;
    assert_eq!((answer.status.as_u16(), &*answer.code()), (500, "misconfigured"));
    assert_eq!((fixture.runs(), fixture.store.lookups()), (0, 0));
}
