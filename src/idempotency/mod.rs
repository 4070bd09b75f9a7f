//! Operations that are carried out once although their requests come twice.
//!
//! A client that does not know what became of its request sends it again with the same
//! `Idempotency-Key`, and gets the answer of the first. The words are those of [Stripe's API] and of
//! [draft-ietf-httpapi-idempotency-key-header-07].
//!
//! 1. **Two parts.** [`IdempotencyLayer`] stands around the router, inside `AuthLayer` and
//!    `OnBehalfOfLayer`, and keeps answers. [`Idempotent<T>`](crate::Idempotent) is the last
//!    argument of a handler, after `Scoped`: it reads the body and decides. So whoever lacks the
//!    scope is 403 before a byte of the body is read, whatever the key. A handler without the layer
//!    is 500 `misconfigured`.
//! 2. **Which requests.** POST, PUT, PATCH and DELETE with the header. All others pass as they are.
//!    The key is 1 to 255 visible ASCII characters, bare or in quotes, in one line; else 400
//!    `invalid_header`. The body is read to its end first: more than
//!    [`max_body`](IdempotencyLayer::max_body) is 413.
//! 3. **Whose keys.** A key belongs to the API key's lineage (so that a retry after a rotation is a
//!    replay) or to its account ([`per_account`](IdempotencyLayer::per_account)), to its mode, to
//!    the connected account that is acted for, to method and path. What it is stored under is a hash
//!    of all of them.
//! 4. **The first** request runs. Status, body and [some headers](IdempotencyLayer::header) of its
//!    answer are kept for 24 hours from then on, and a further request gets them byte for byte with
//!    `Idempotent-Replayed: true`. An [`ApiError`](crate::ApiError) is kept as such and written anew
//!    with the id of the request. A replay needs the scopes that the first run needed.
//! 5. **While it runs**, another one is 409 `in_progress` with `Retry-After`.
//! 6. **Another request** under the key (body, byte by byte, media type or query) is 422
//!    `key_reused`: send the very same bytes again, not the same values written anew. Bodies with
//!    something random in them, such as the boundary of a `multipart/form-data`, are never the same.
//! 7. **Not kept**, so that a further request runs: 401, 403, 429, whatever is refused before the
//!    handler, and answers whose type is `invalid_request`. Answers in the application's own words
//!    are judged by their status: 400, 405, 411, 413, 415 and 422 are such. Answers of 500 and more,
//!    and the 408 of a timeout inside, are kept [unless set otherwise](IdempotencyLayer::server_errors).
//! 8. **What streams** (a body of unknown length) or is larger than
//!    [`max_response`](IdempotencyLayer::max_response) is sent as it is, and only the fact is kept: a
//!    further request is 409 `answer_not_kept`. Trailers are not kept and not sent.
//! 9. **A client that hangs up** once its body was read does not stop the handler. It goes on in a
//!    task, and its answer is kept. A panic frees the key and goes on to the layers outside.
//! 10. **A store that fails** or does not answer in time is 503 with `Retry-After`, and nothing
//!     runs. An answer that it does not take is sent, and it is tried to keep it for ten more leases.
//!     Leases are renewed while a handler runs; one that was lost does not overwrite what its
//!     successor keeps.
//!
//! ```
//! use axum::{Router, body::{Body, to_bytes}, http::{Request, StatusCode}, routing::post};
//! use keygate::idempotency::{IdempotencyLayer, MemoryIdempotencyStore};
//! use keygate::{AuthLayer, Idempotent, Json, KeyFormat, Keyring, MemoryStore, NewKey, Scoped, scopes};
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! scopes! {
//!     /// Everything a key can be issued with.
//!     pub catalogue SCOPES;
//!     /// Create payment links.
//!     pub LinksWrite = "links:write";
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct NewLink {
//!     amount: String,
//! }
//!
//! async fn create(
//!     _: Scoped<LinksWrite>,
//!     Idempotent(Json(link)): Idempotent<Json<NewLink>>,
//! ) -> (StatusCode, Json<String>) {
//!     static COUNT: AtomicU32 = AtomicU32::new(1);
//!     let number = COUNT.fetch_add(1, Ordering::Relaxed);
//!     (StatusCode::CREATED, Json(format!("link {number} for {}", link.amount)))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?)
//!     .scopes(SCOPES)
//!     .build()?;
//! // `SqliteStore` and `PostgresStore` keep idempotency keys beside the API keys.
//! let once = IdempotencyLayer::new(MemoryIdempotencyStore::new());
//! let app: Router = Router::new()
//!     .route("/links", post(create))
//!     .layer(ServiceBuilder::new().layer(AuthLayer::new(keys.clone())).layer(once));
//!
//! let issued = keys.issue(NewKey::named("shop").scope(LinksWrite)).await?;
//! let send = async |amount: &str| {
//!     let request = Request::post("/links")
//!         .header("authorization", format!("Bearer {}", issued.key().expose()))
//!         .header("content-type", "application/json")
//!         .header("idempotency-key", "order-4711")
//!         .body(Body::from(format!(r#"{{"amount":"{amount}"}}"#)))?;
//!     Ok::<_, Box<dyn std::error::Error>>(app.clone().oneshot(request).await?)
//! };
//!
//! let (first, again) = (send("10.00").await?, send("10.00").await?);
//! assert_eq!((first.status().as_u16(), again.status().as_u16()), (201, 201));
//! assert_eq!(again.headers()["idempotent-replayed"], "true");
//! assert_eq!(to_bytes(again.into_body(), 100).await?, r#""link 1 for 10.00""#);
//! assert_eq!(send("99.00").await?.status(), 422); // the key belongs to another request
//! # Ok(()) }
//! ```
//!
//! [Stripe's API]: https://docs.stripe.com/api/idempotent_requests
//! [draft-ietf-httpapi-idempotency-key-header-07]: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07
//!
//! # What can be promised
//!
//! No layer can make an effect and its record one thing when they are in two places.
//!
//! | what happens | what a retry gets |
//! | --- | --- |
//! | the client hangs up, at any time | the answer, 409 until it is there |
//! | the process is killed before the handler has had an effect | 409 until the lease ends, then it runs |
//! | after the effect, before the answer was kept | 409 until the lease ends, **then it runs again** |
//! | after the answer was kept | the answer |
//! | the process is stopped, or cut off from its store, for longer than its lease, in the middle, and goes on | another one may have run it meanwhile: **both have had their effect**, the answer of the second is kept, and the first says so in the log |
//! | the store is down from the effect on for ten leases | as if the process had been killed |
//!
//! Where the third row must not be, write the effect so that it can be done twice (an id made from
//! the idempotency key, a payment provider's own idempotency key), or put both into one transaction.
//!
//! # In one transaction
//!
//! With the application's tables in the same Postgres, the answer can be kept by the very commit
//! that makes the effect. A handler takes a [`Run`](crate::extract::Run) before `Idempotent`, writes
//! its answer into its own transaction by
//! [`PostgresStore::finish_in`](crate::store::PostgresStore::finish_in), and commits. Then rows three
//! and five of the table are gone too: what was committed is replayed, what was not has not happened,
//! and whoever has lost its lease cannot commit. The example `exactly_once` does it.
//!
//! # Stores
//!
//! | store | for | after a crash of it |
//! | --- | --- | --- |
//! | [`SqliteStore`](crate::store::SqliteStore) | one machine | what was acknowledged is on the disk |
//! | [`PostgresStore`](crate::store::PostgresStore) | several instances | as its `synchronous_commit` has it |
//! | [`RedisIdempotencyStore`] | several instances, high rates | as its persistence has it: without one, all is forgotten |
//! | [`MemoryIdempotencyStore`] | tests, one instance that may forget | all is forgotten |
//!
//! Leases are measured by the clock of the store: SQLite's by that of the machine, Postgres's and
//! Redis' by that of the server. A clock that is set forward ends them early. Kept answers lie there in plain
//! bytes: a handler whose answer shows a secret once should not take `Idempotent`. See
//! [`IdempotencyStore`] for a store of your own.
//!
//! # Metrics
//!
//! With the feature `metrics`: the counter `keygate_idempotency_total`, `outcome` `run`, `replayed`,
//! `in_progress`, `key_reused` or `unavailable`, and the gauge `keygate_idempotency_store_up`, from
//! the first failure on.

mod answer;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod conformance;
mod exchange;
mod fingerprint;
mod flights;
mod future;
mod held;
mod keeper;
mod key;
mod layer;
mod memory;
mod mounted;
#[cfg(feature = "redis")]
mod redis;
mod rule;
mod service;
mod store;
mod tasks;
#[cfg(test)]
mod tests;
mod written;

#[cfg(feature = "redis")]
pub use self::redis::RedisIdempotencyStore;
pub(crate) use answer::{Content, Headers};
pub(crate) use exchange::{Entry, Exchange};
pub use fingerprint::{Fingerprint, OperationId};
pub use future::ResponseFuture;
pub use layer::IdempotencyLayer;
pub use memory::MemoryIdempotencyStore;
pub(crate) use mounted::Mounted;
pub use rule::ServerErrors;
pub use service::Idempotency;
pub use store::{Begin, Begun, Finish, FinishError, IdempotencyStore, Known, Lease, Token};
