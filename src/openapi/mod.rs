//! OpenAPI documents from the types of handlers and the layers around them.
//!
//! One declaration of a scope is what a handler enforces and what its document says. With
//! [aide](https://docs.rs/aide) (feature `openapi`) nothing is written beside the types:
//!
//! 1. **Types**: `Principal`, `Option<Principal>`, `Scoped`, `Json` and `Idempotent` describe
//!    themselves: who may call, with which scopes, which body, which parameters, and what can be
//!    wrong with them. [`Public`] says that everybody may call. `ApiError` as a handler's error is
//!    404 where the path has parameters; `response::<409, ApiError>()` adds others. aide takes no
//!    status from a tuple: `(StatusCode, Json<Note>)` documents no answer at all, and
//!    `post_with(create, |operation| operation.response::<201, Json<Note>>())` says which there is.
//! 2. **Layers**: [`Layers`] takes the layers around a router and describes them to its path items:
//!    which headers a key is read from, whether it may be left out, what tells of a limit, who may be
//!    acted for, and how requests fail on their way.
//! 3. **The envelope**: `finish`, the last step, has every error written by the service's own
//!    `EnvelopeLayer`: the schema and the examples of bodies, their status and `Content-Type`, and
//!    the headers that go with it are what a client gets.
//! 4. **Scopes** stand in the security requirements, as OpenAPI 3.1 has it for schemes of every kind,
//!    and as a sentence in the operation's description. Alternatives (`AnyOf`) are several
//!    requirements. The schemes list all scopes with what they grant.
//! 5. **No decision** is a finding: `undecided` lists the operations of a finished document whose
//!    types do not say who may call, those that ask for a key without an `AuthLayer` around, those
//!    that say `Public` behind one, and those whose scope the keyring can issue to nobody.
//!    `unanswered` lists those with no answer but errors. Routes that are in no document are not
//!    looked at.
//! 6. **Shadow mode**: a scope that is not enforced yet is told of as that, and as no reason for 403
//!    where nothing else is asked for; limits in shadow mode show nowhere.
//! 7. What the application writes itself stays: security requirements, answers, descriptions.
//!
//! Server errors other than 503 are not documented: there is nothing that a client could do.
//!
//! ```
//! # #[cfg(feature = "openapi")] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use aide::axum::{ApiRouter, routing::get};
//! use aide::openapi::{Info, OpenApi};
//! use keygate::openapi::{self, Layers, Public};
//! use keygate::{
//!     AuthLayer, EnvelopeLayer, Json, KeyFormat, Keyring, MemoryStore, Quota, RateLimitLayer, Scoped,
//!     scopes,
//! };
//! use tower::ServiceBuilder;
//!
//! scopes! {
//!     /// Everything a key can be issued with.
//!     pub catalogue SCOPES;
//!     /// List and retrieve payment links.
//!     pub LinksRead = "links:read";
//! }
//!
//! async fn list_links(caller: Scoped<LinksRead>) -> Json<Vec<String>> {
//!     Json(vec![format!("a link of {}", caller.account())])
//! }
//!
//! async fn prices(_: Public) -> Json<Vec<String>> {
//!     Json(vec!["free".into()])
//! }
//!
//! let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?)
//!     .scopes(SCOPES)
//!     .build()?;
//! let (auth, limit) = (AuthLayer::new(keys), RateLimitLayer::per_key(Quota::per_minute(300)));
//! let layers = Layers::new().auth(&auth).rate_limit(&limit);
//! let api = ApiRouter::new()
//!     .api_route("/links", get(list_links))
//!     .with_path_items(|item| layers.describe(item))
//!     .fallback(keygate::not_found)
//!     .layer(ServiceBuilder::new().layer(auth).layer(limit));
//!
//! let envelope = EnvelopeLayer::standard();
//! let info = Info { title: "Links".into(), version: "1.0.0".into(), ..Info::default() };
//! let mut document = OpenApi { info, ..OpenApi::default() };
//! let routes = ApiRouter::new()
//!     .nest("/api/v1", api)
//!     .api_route("/prices", get(prices))
//!     .finish_api(&mut document);
//! openapi::finish(&mut document, &envelope);
//! let app: axum::Router = routes.layer(envelope);
//!
//! assert_eq!(openapi::undecided(&document), []);
//! assert_eq!(openapi::unanswered(&document), []);
//! let document = serde_json::to_value(document)?;
//! let list = &document["paths"]["/api/v1/links"]["get"];
//! assert_eq!(list["security"], serde_json::json!([{ "bearer": ["links:read"] }]));
//! assert_eq!(list["description"], "Needs the scope `links:read`.");
//! let refused = &list["responses"]["403"]["content"]["application/json"]["examples"];
//! let error = &refused["insufficient_scope"]["value"]["error"];
//! assert_eq!(error["message"], "The API key lacks the scope `links:read`.");
//! # let _ = app;
//! # Ok(()) }
//! # #[cfg(not(feature = "openapi"))] fn main() {}
//! ```
//!
//! # What it needs
//!
//! aide asks for a `JsonSchema` of schemars 0.9 and says which of axum's own types it knows:
//! `cargo add aide@0.15 --features axum,axum-json,axum-query` and `cargo add schemars@0.9`. Where the
//! compiler says that a handler is no `OperationHandler`, a body mostly derives the `JsonSchema` of
//! another schemars, or the handler takes an argument whose feature of aide is off.
//!
//! The feature `utoipa` has the same for documents that utoipa makes.

mod access;
#[cfg(feature = "openapi")]
mod aide;
mod fault;
mod headers;
mod layers;
mod mark;
mod pen;
mod public;
mod route;
mod shape;
mod unanswered;
mod undecided;
#[cfg(feature = "utoipa")]
pub mod utoipa;
mod written;

use serde_json::{Map, Value};

#[cfg(feature = "openapi")]
pub use self::aide::{finish, unanswered, undecided};
pub use layers::Layers;
pub use public::Public;
pub use unanswered::Unanswered;
pub use undecided::{Reason, Undecided};

/// The extension of a response that stands for an error which is still to be written.
const ERROR: &str = "x-keygate-error";

/// Takes an object out of another one, to be put back; an empty one if there is none.
fn taken(within: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match within.remove(name) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// Takes a list out of an object, to be put back; an empty one if there is none.
fn taken_list(within: &mut Map<String, Value>, name: &str) -> Vec<Value> {
    match within.remove(name) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}
