//! What tower asks of a middleware: call what was made ready, and give back what was not used.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use tower::limit::ConcurrencyLimit;
use tower::{Service, ServiceExt};
use tower_layer::Layer;

use super::fixture::*;
use crate::test_util::Fault;
use crate::{AuthLayer, RequireScope};

/// Panics if it is called without having been made ready. A clone is not ready.
#[derive(Debug, Default)]
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without having been made ready");
        ready(Ok(Response::new(Body::from("ran"))))
    }
}

fn is_ready<S: Service<Request<Body>>>(service: &mut S) -> bool {
    service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn the_service_that_was_made_ready_is_the_one_that_is_called() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let mut service = AuthLayer::new(fixture.keys.clone())
        .layer(RequireScope::<LinksRead>::new().layer(Strict::default()));
    for (sent, status) in [
        (with_bearer(&key), 200), // cold
        (with_bearer(&key), 200), // hot
        (with_bearer(UNKNOWN), 401),
        (request(&[]), 401),
        (with_bearer(&key), 200),
    ] {
        let response = service.ready().await.unwrap().call(sent).await.unwrap();
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn a_refusal_gives_its_permit_back_at_once() {
    let fixture = Fixture::new();
    let layer = AuthLayer::new(fixture.keys.clone());
    let mut service = layer.layer(ConcurrencyLimit::new(Strict::default(), 1));
    let mut other = service.clone();
    for sent in [request(&[]), with_bearer("junk"), request(&[("authorization", b"Basic x")])] {
        assert!(is_ready(&mut service));
        assert!(!is_ready(&mut other), "there is one permit");
        let refused = service.call(sent);
        assert!(is_ready(&mut other), "the refusal holds none, polled or not");
        assert_eq!(refused.await.unwrap().status(), 401);
        other = service.clone();
    }
}

#[tokio::test]
async fn a_look_up_gives_its_permit_back_when_it_refuses_and_when_it_is_dropped() {
    let fixture = Fixture::new();
    let layer = AuthLayer::new(fixture.keys.clone());
    let mut service = layer.layer(ConcurrencyLimit::new(Strict::default(), 1));

    service.ready().await.unwrap().call(with_bearer(UNKNOWN)).await.unwrap();
    assert!(is_ready(&mut service.clone()), "refused by the store");

    fixture.store.set(Fault::Hold);
    let key = "ck_test_abcdefghijklmnopqrstuvwxyz012345";
    let waiting = service.ready().await.unwrap().call(with_bearer(key));
    assert!(!is_ready(&mut service), "the waiting request has the permit");
    drop(waiting);
    assert!(is_ready(&mut service), "dropped before it was polled");

    let mut waiting = Box::pin(service.call(with_bearer(key)));
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert!(!is_ready(&mut service));
    drop(waiting);
    assert!(is_ready(&mut service), "dropped while it waited");
    fixture.store.set(Fault::None);
}

#[tokio::test]
async fn a_future_that_is_polled_after_its_end_stays_silent() {
    let fixture = Fixture::new();
    let mut service = AuthLayer::new(fixture.keys.clone()).layer(Strict::default());
    let mut refused = Box::pin(service.ready().await.unwrap().call(request(&[])));
    assert!(poll_once(refused.as_mut()).is_ready());
    assert!(poll_once(refused.as_mut()).is_pending());
}

#[tokio::test]
async fn a_hit_needs_no_runtime_and_is_called_before_its_future_is_polled() {
    let fixture = Fixture::new();
    let key = fixture.test_key().await;
    let service = AuthLayer::new(fixture.keys.clone()).layer(fixture.inner());
    send(service.clone(), with_bearer(&key)).await;
    let hit = std::thread::spawn(move || {
        let mut service = service;
        assert!(is_ready(&mut service));
        poll_once(service.call(with_bearer(&key)))
    });
    let Poll::Ready(Ok(response)) = hit.join().unwrap() else { panic!("a hit awaits nothing") };
    assert_eq!(response.status(), 200);
}
