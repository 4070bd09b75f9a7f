//! API keys for tower and axum: issued once, stored as hashes, verified in nanoseconds, scoped,
//! split into live and test, limited, rotated without downtime, revoked at once, and refused in
//! one JSON envelope.
//!
//! ```
//! use axum::{Json, Router, body::Body, http::Request, routing::get};
//! use keygate::{
//!     AuthLayer, EnvelopeLayer, KeyFormat, Keyring, MemoryStore, Mode, NewKey, Quota,
//!     RateLimitLayer, Scoped, scopes,
//! };
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! scopes! {
//!     /// Everything a key of this service can be issued with.
//!     pub catalogue SCOPES;
//!     /// List and retrieve payment links.
//!     pub LinksRead = "links:read";
//! }
//!
//! async fn list_links(caller: Scoped<LinksRead>) -> Json<Vec<String>> {
//!     Json(vec![format!("a link of {}", caller.account())])
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?)
//!     .scopes(SCOPES)
//!     .build()?;
//! let api = Router::new()
//!     .route("/payment_links", get(list_links))
//!     .fallback(keygate::not_found)
//!     .layer(
//!         ServiceBuilder::new()
//!             .layer(AuthLayer::new(keys.clone()))
//!             .layer(RateLimitLayer::per_key(Quota::per_minute(300))),
//!     );
//! let app = Router::new().nest("/api/v1", api).layer(EnvelopeLayer::standard());
//!
//! let issued = keys.issue(NewKey::named("plugin").mode(Mode::Test).scope(LinksRead)).await?;
//! let call = |key: &str| {
//!     let request = Request::get("/api/v1/payment_links").header("authorization", format!("Bearer {key}"));
//!     app.clone().oneshot(request.body(Body::empty()).unwrap())
//! };
//! let response = call(issued.key().expose()).await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.headers()["x-ratelimit-remaining"], "299");
//!
//! keys.revoke(issued.id()).await?;
//! assert_eq!(call(issued.key().expose()).await?.status(), 401);
//! # Ok(()) }
//! ```
//!
//! # The layers and their order
//!
//! | from outside in | gives | needs outside |
//! | --- | --- | --- |
//! | your own (CORS, tracing, body limits, compression) | | |
//! | [`EnvelopeLayer`] | a request id, a log line, one form for every error, panics as 500 | |
//! | [`AuthLayer`] | the [`Principal`], or 401, 400, 403 (plain HTTP), 429 (too many failures from an address), 503 | |
//! | [`RateLimitLayer`] | headers on every response, or 429 | `AuthLayer`, unless it counts addresses |
//! | [`OnBehalfOfLayer`] | the `Principal` narrowed to a connected account, or 403 | `AuthLayer` |
//! | [`IdempotencyLayer`] | the answer of before to a request that comes again, by [`Idempotent`] in the handler | `AuthLayer` |
//! | [`Scoped`] in a handler, or [`RequireScope`] | the `Principal` as an argument, or 403 | `AuthLayer` |
//!
//! Three rules keep a router closed:
//!
//! 1. Give every *nested* router that has the layers its own `.fallback(keygate::not_found)`.
//!    Without one, axum answers unknown paths below it outside its layers, as it always does the
//!    prefix with nothing but a slash after it (`/api/v1/`). Of routers that are
//!    *merged* exactly one has a fallback, the one with the strictest layers: it takes over
//!    everyone's 404 ([`AuthLayer::allow_anonymous`] shows it).
//! 2. Mount layers that change the body type outside these. The compiler says so where it matters.
//! 3. An extractor that finds no layer answers 500 `misconfigured` and logs what is missing. A
//!    mistake in the order never opens a route.
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `axum` | yes | the extractors, [`Json`], [`not_found`], `ConnectInfo` as the peer's address |
//! | `tracing` | yes | a span and a line for each request, and lines for faults |
//! | `sqlite` | | [`store::SqliteStore`]: keys in a file |
//! | `postgres` | | [`store::PostgresStore`]: keys shared by several instances |
//! | `redis` | | [`rate_limit::RedisLimiter`]: limits that several instances share; with `idempotency` its keys in Redis |
//! | `metrics` | | counters, gauges and a histogram through the `metrics` facade, see [`keyring`](keyring#metrics), [`rate_limit`](rate_limit#metrics) and `idempotency` |
//! | `idempotency` | | [`idempotency`]: operations that are carried out once |
//! | `dashboard` | | [`manage`]: the page of keys and the management API |
//! | `openapi` | | [`openapi`]: documents from the types of handlers, through aide |
//! | `utoipa` | | [`openapi::utoipa`]: the same for documents that utoipa makes |
//! | `test-util` | | [`test_util`] and the suites for stores, `store_conformance!` and `idempotency_conformance!` |
//! | `full` | | all but `test-util` |
//!
//! Without any it is a crate for plain tower services. A feature adds names and never changes what
//! the others do.
//!
//! # Where to go on
//!
//! [`keyring`] issues, verifies and revokes · [`scope`] declares what keys may do · [`auth`] reads
//! credentials · [`rate_limit`] says what is admitted · [`idempotency`] what runs once · [`envelope`] and [`error`] say what is sent
//! · [`store`] keeps keys where you want them · [`decision`] tells your own code what was decided.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod auth;
mod backoff;
mod cache;
pub mod client_ip;
pub mod clock;
pub mod decision;
pub mod envelope;
pub mod error;
#[cfg(feature = "axum")]
pub mod extract;
#[cfg(feature = "idempotency")]
pub mod idempotency;
mod key;
pub mod keyring;
#[cfg(feature = "dashboard")]
pub mod manage;
pub mod on_behalf_of;
#[cfg(any(feature = "openapi", feature = "utoipa"))]
pub mod openapi;
mod principal;
pub mod rate_limit;
pub mod scope;
pub mod store;
mod tally;
mod telemetry;
#[cfg(any(test, feature = "test-util"))]
pub mod test_util;
mod unwind;

pub use auth::{AuthLayer, RequireScope};
pub use client_ip::{Peer, TrustedProxies};
pub use clock::{Clock, ManualClock, SystemClock};
pub use decision::Decision;
pub use envelope::EnvelopeLayer;
pub use error::{
    ApiError, Envelope, ErrorBody, ErrorCode, ErrorType, ProblemDetails, Refusal, StandardEnvelope,
};
#[cfg(feature = "idempotency")]
pub use extract::Idempotent;
#[cfg(feature = "axum")]
pub use extract::{Json, Scoped, not_found};
#[cfg(feature = "idempotency")]
pub use idempotency::IdempotencyLayer;
pub use key::{
    ApiKey, InvalidKeyFormat, InvalidKeyHash, InvalidKeyId, InvalidPepper, KeyFormat, KeyHash,
    KeyId, ModeWords, NoRandomness, Pepper,
};
pub use keyring::{
    Health, HourlyUsage, InvalidKeyring, IssuedKey, KeyFilter, KeyPage, KeyUpdate, Keyring,
    KeyringBuilder, KeyringError, NewKey,
};
pub use on_behalf_of::OnBehalfOfLayer;
pub use principal::{AccountId, InvalidAccountId, KeyKind, Mode, Principal};
pub use rate_limit::{Limit, PlanName, Plans, Quota, RateLimitLayer};
pub use scope::{
    AllOf, AnyOf, Catalogue, InvalidScope, Requirement, Scope, ScopeDefinition, ScopeName, ScopeSet,
};
pub use store::{KeyRecord, KeyStatus, KeyStore, KeyUsage, MemoryStore};

/// The README's code compiles and runs as it stands there.
#[cfg(all(doctest, feature = "axum", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;
