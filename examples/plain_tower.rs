//! The layers around a plain tower service: no axum, no server, three requests.
//!
//! ```sh
//! cargo run --example plain_tower
//! ```

#![allow(clippy::print_stdout, reason = "it shows what is answered")]

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use keygate::{
    AuthLayer, EnvelopeLayer, KeyFormat, Keyring, MemoryStore, NewKey, Principal, Quota,
    RateLimitLayer,
};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

type Body = Full<Bytes>;

/// The service itself: it finds the caller among the request's extensions.
async fn greet(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let caller = request.extensions().get::<Principal>();
    let account = caller.map_or("nobody", |caller| caller.account().as_str());
    Ok(Response::new(format!("hello, {account}").into()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?).build()?;
    let mut service = ServiceBuilder::new()
        .layer(EnvelopeLayer::standard())
        .layer(AuthLayer::new(keys.clone()))
        .layer(RateLimitLayer::per_key(Quota::per_minute(60).burst(1)))
        .service(service_fn(greet));

    let issued = keys.issue(NewKey::named("example")).await?;
    let bearer = format!("Bearer {}", issued.key().expose());

    show("without a key", &mut service, Request::new(Body::default())).await?;
    for attempt in ["the first request", "the second within a second"] {
        let request = Request::get("/").header("authorization", &bearer).body(Body::default())?;
        show(attempt, &mut service, request).await?;
    }
    keys.shutdown().await;
    Ok(())
}

async fn show<S>(what: &str, service: &mut S, request: Request<Body>) -> Result<(), Box<dyn Error>>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let response = service.ready().await?.call(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    println!("{what}: {status} {}", String::from_utf8_lossy(&body));
    Ok(())
}
