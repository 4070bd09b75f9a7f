use tower_layer::Layer;

use super::fixture::*;
use crate::{AuthLayer, Mode, NewKey};

#[tokio::test]
async fn l7_a_layer_mounted_twice_asks_and_counts_once() {
    let fixture = Fixture::new();
    let issued = fixture.keys.issue(NewKey::named("once").mode(Mode::Test)).await.unwrap();
    let layer = AuthLayer::new(fixture.keys.clone()).header("x-api-key");
    let service = layer.layer(layer.layer(fixture.inner()));
    let sent = request(&[("x-api-key", issued.key().expose().as_bytes())]);
    let answer = send(service, sent).await;
    assert_eq!((answer.status.as_u16(), fixture.store.lookups()), (200, 1));
    assert_eq!(answer.header("vary"), "authorization, x-api-key");
    assert_eq!(fixture.keys.usage(issued.id()).await.unwrap().requests, 1);
}

#[tokio::test]
async fn an_inner_layer_may_ask_for_more_than_an_outer_one() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let outer = AuthLayer::new(fixture.keys.clone()).allow_anonymous();

    let live_only = AuthLayer::new(fixture.keys.clone()).mode(Mode::Live);
    let service = outer.layer(live_only.layer(fixture.inner()));
    assert_eq!(send(service, with_bearer(&key)).await.status, 401);

    let no_anonymous = AuthLayer::new(fixture.keys.clone());
    let service = outer.layer(no_anonymous.layer(fixture.inner()));
    assert_eq!(send(service, request(&[])).await.status, 401);

    let reads_more = AuthLayer::new(fixture.keys.clone()).header("x-api-key");
    let service = outer.layer(reads_more.layer(fixture.inner()));
    let mut two = with_bearer(&key);
    two.headers_mut().insert("x-api-key", key.parse().unwrap());
    assert_eq!(send(service, two).await.status, 400, "two credentials are still two");
    assert_eq!(fixture.runs(), 0);
}

#[tokio::test]
async fn a_principal_of_another_keyring_opens_nothing() {
    let (customers, operators) = (Fixture::new(), Fixture::new());
    let key = customers.test_key().await;
    let inner = AuthLayer::new(operators.keys.clone()).layer(operators.inner());
    let service = AuthLayer::new(customers.keys.clone()).layer(inner);
    let answer = send(service, with_bearer(&key)).await;
    assert_eq!((answer.status.as_u16(), answer.refusal()), (401, "unknown_key"));
    assert_eq!(operators.runs(), 0);
}
