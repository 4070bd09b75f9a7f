//! What a key takes that is cached and has used its limit.

use std::convert::Infallible;
use std::future::ready;

use axum::body::Body;
use axum::http::{Request, Response};
use keygate::{AuthLayer, Quota, RateLimitLayer};
use tokio::runtime::Builder;
use tower::{Service, ServiceBuilder, service_fn};

use crate::counting::live_bytes;
use crate::keys::{keyring, text};
use crate::rounds::{request, value};
use crate::table::{Target, at_most};

const KEYS: usize = 1_000_000;

/// No bucket is full again before the end.
const SLOW: Quota = Quota::per_hour(10);

/// All of it is allocated and counted on this thread.
pub fn per_key() -> Target {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let before = live_bytes();
    let inner =
        service_fn(|_: Request<Body>| ready(Ok::<_, Infallible>(Response::<Body>::default())));
    let mut service = ServiceBuilder::new()
        .layer(AuthLayer::new(keyring(KEYS)))
        .layer(RateLimitLayer::per_key(SLOW))
        .service(inner);
    runtime.block_on(async {
        for number in 0..KEYS {
            let authorization = value(&format!("Bearer {}", text(number)));
            let Ok(response) = service.call(request(authorization)).await;
            assert!(response.status().is_success());
        }
    });
    let bytes = (live_bytes() - before) as f64 / KEYS as f64;
    at_most("bytes per cached key with its limiter", bytes, 450.0, Some(160.0))
}
