//! The page of keys and the management API: a router to nest, over a keyring.
//!
//! 1. **It cannot be mounted open by accident**: [`router`] takes a [`Gate`], which every request
//!    passes first, also those to unknown paths. (axum hands a nested router all but the prefix
//!    with a bare slash: that is the outer router's 404.)
//! 2. **Changes come from its own pages or from programs**: they need
//!    `Content-Type: application/json`, and neither a `Sec-Fetch-Site` that tells of another site
//!    nor, without one, an `Origin` that is not their `Host`. A page elsewhere cannot use an
//!    operator's credentials. Browsers before 2023, and all over plain HTTP, send no
//!    `Sec-Fetch-Site`: for them a proxy in front has to keep `Host`.
//! 3. **A key's text is in one answer only**, the one that issues it. Every answer is `no-store`
//!    but the page's own files, which hold no key and never change under their address.
//! 4. **Errors are [`ApiError`]s**, written by the service's own envelope. A request that accepts
//!    `application/problem+json` gets problem details of RFC 9457 in its place.
//!
//! # The page
//!
//! [`dashboard`] is the page, at `api-keys`, with the API beside it, at `api/keys`; [`Dashboard`]
//! lets it speak a service's own words. It lists keys with their use, and an operator creates,
//! rotates and revokes them there:
//!
//! 1. **All of it comes from the crate**: one page of HTML that is rendered here, a style sheet, a
//!    script and an icon. Nothing is built, and nothing is fetched from elsewhere. It works under
//!    any prefix.
//! 2. **What it shows is text.** The templates escape, and its `Content-Security-Policy` lets
//!    nothing inline run. Nobody frames it.
//! 3. **It is read without script**: filters and pages are links and a plain form. Changes go by
//!    `fetch` to the API, under the rules above.
//! 4. **A new key's text** is in the page from the answer until its dialog is closed: in no
//!    address, no storage and no reload.
//! 5. **Figures move** while the page is in sight: it looks every 2 s and is sent the list only if
//!    that has changed. No answer is waited for longer than 10 s.
//! 6. **A key with a successor** tells its last use after the rotation, or how long there was none.
//!    It is called safe to revoke after 25 hours without: a day for who comes once in a day, and an
//!    hour for who is late. Who comes less often is not known of. While usage cannot be written, or
//!    some was lost, nothing is called safe.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, body::Body, http::{Request, header}};
//! use keygate::manage::{self, BasicAuth};
//! use keygate::{EnvelopeLayer, KeyFormat, Keyring, MemoryStore};
//! use tower::ServiceExt;
//!
//! let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?).build()?;
//! let app = Router::new()
//!     .nest("/dashboard", manage::dashboard(keys, BasicAuth::new("operator", "open sesame")))
//!     .layer(EnvelopeLayer::standard());
//!
//! let page = || Request::get("/dashboard/api-keys");
//! assert_eq!(app.clone().oneshot(page().body(Body::empty())?).await?.status(), 401);
//!
//! let signed_in = page().header(header::AUTHORIZATION, "Basic b3BlcmF0b3I6b3BlbiBzZXNhbWU=");
//! let answer = app.oneshot(signed_in.body(Body::empty())?).await?;
//! assert_eq!(answer.status(), 200);
//! assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
//! # Ok(()) }
//! ```
//!
//! # The API
//!
//! | request | body | answer |
//! | --- | --- | --- |
//! | `GET keys?status=&mode=&account=&search=&limit=&cursor=` | | 200 `{"data":[KEY…],"next_cursor"}`, newest first |
//! | `POST keys` | `{"name","mode","scopes","kind"?,"account"?,"plan"?,"quota"?,"expires_at"?}` | 201 KEY with `"key"`, this once |
//! | `GET keys/{id}` | | 200 KEY |
//! | `PATCH keys/{id}` | any of `name`, `scopes`, `plan`, `quota`, `expires_at` | 200 KEY; 409 if revoked |
//! | `POST keys/{id}/revoke` | `{"reason"?}` | 200 KEY; a second time unchanged |
//! | `POST keys/{id}/rotate` | `{"overlap_seconds"}` | 201 the successor with `"key"`; 409 if revoked, expired or rotated |
//! | `GET keys/{id}/usage` | | 200 `{"data":[{"hour","requests"}…]}`: 24 hours, the oldest first, the running one last |
//! | `GET scopes` | | 200 `{"data":[{"name","description"}]}` |
//!
//! Nested under `/dashboard/api` the first is `/dashboard/api/keys`. A KEY has every field always,
//! `null` where there is nothing:
//!
//! ```json
//! {"id": "key_…", "name": "WooCommerce plugin", "hint": "ck_test_abc123", "kind": "secret",
//!  "mode": "test", "scopes": ["links:read"], "account": "acct_1", "plan": null,
//!  "quota": {"per_minute": 300, "burst": 300}, "status": "active",
//!  "created_at": "2025-01-01T00:00:00Z", "expires_at": null, "last_used_at": null,
//!  "revoked_at": null, "revoked_reason": null, "replaces": null, "replaced_by": null,
//!  "requests": 0}
//! ```
//!
//! `status` is `active`, `revoked` or `expired`; the predecessor of a rotation is `active` until
//! its `expires_at`. `requests` and `last_used_at` count the successful authentications of all
//! nodes: those of this one at once, those of others once they have written them, each second.
//! An hour's are counted likewise, see [`Keyring::hourly_usage`], and its `hour` is its beginning.
//! `search` finds the keys with this text in their name; letters of ASCII match in either case. It
//! has at most 100 characters.
//! `limit` is 1 to 200, 50 unless set. A quota is `{"per_minute":N,"burst":N}`, the burst N unless
//! given. Times are RFC 3339 in UTC. Modes are called as the keyring's formats call them.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, body::Body, http::Request};
//! use keygate::manage::{self, BasicAuth};
//! use keygate::store::MemoryStore;
//! use keygate::{EnvelopeLayer, KeyFormat, Keyring};
//! use tower::ServiceExt;
//!
//! let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?).build()?;
//! let gate = BasicAuth::new("operator", "correct horse battery staple");
//! let app = Router::new()
//!     .nest("/dashboard/api", manage::router(keys, gate))
//!     .layer(EnvelopeLayer::standard());
//!
//! let request = Request::get("/dashboard/api/keys").body(Body::empty())?;
//! assert_eq!(app.oneshot(request).await?.status(), 401);
//! # Ok(()) }
//! ```
//!
//! [`ApiError`]: crate::ApiError

mod basic_auth;
mod cross_site;
mod dto;
mod gate;
mod handlers;
mod page;
mod problem;

use axum::Router;
use axum::routing::{get, post};

use crate::Keyring;

pub use basic_auth::BasicAuth;
pub use gate::Gate;
pub use page::Dashboard;

/// The management API, to be nested under a prefix; see [the module](self).
pub fn router<S>(keyring: Keyring, gate: impl Gate) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    api()
        // With a fallback of its own the gate also stands before unknown paths.
        .fallback(crate::not_found)
        .layer(gate::GateLayer::new(gate))
        .with_state(keyring)
}

/// The page and the management API, to be nested under a prefix; see [the module](self).
///
/// [`Dashboard`] is the same in a service's own words.
pub fn dashboard<S>(keyring: Keyring, gate: impl Gate) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Dashboard::new(keyring).router(gate)
}

fn api() -> Router<Keyring> {
    Router::new()
        .route("/keys", get(handlers::list).post(handlers::issue))
        .route("/keys/{id}", get(handlers::find).patch(handlers::update))
        .route("/keys/{id}/usage", get(handlers::usage))
        .route("/keys/{id}/revoke", post(handlers::revoke))
        .route("/keys/{id}/rotate", post(handlers::rotate))
        .route("/scopes", get(handlers::scopes))
}
