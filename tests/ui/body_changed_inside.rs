//! A layer that changes the response's body goes outside of ours.

use axum::Router;
use axum::routing::get;
use keygate::store::MemoryStore;
use keygate::{AuthLayer, KeyFormat, Keyring};
use tower::ServiceBuilder;
use tower_http::trace::TraceLayer;

fn main() {
    let format = KeyFormat::base62("ck", 32).unwrap();
    let keys = Keyring::builder(MemoryStore::new(), format).build().unwrap();
    let _: Router = Router::new().route("/", get(async || "hello")).layer(
        ServiceBuilder::new().layer(AuthLayer::new(keys)).layer(TraceLayer::new_for_http()),
    );
}
