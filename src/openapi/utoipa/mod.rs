//! The same for documents that [utoipa](https://docs.rs/utoipa) makes.
//!
//! utoipa writes down paths, bodies and answers; who may call, and how that fails, is added here:
//!
//! 1. [`handler`] reads off the first argument of a handler who may call it, so that the scope stands
//!    in the code once. [`require_scope`] is for handlers that one cannot touch.
//! 2. [`around`] says which layers stand around the paths below a prefix.
//! 3. [`finish`] writes security requirements, errors and headers, in the service's envelope.
//! 4. [`undecided`] lists what nobody has decided about, [`unanswered`] what is documented to fail
//!    only.
//!
//! ```
//! use keygate::openapi::{Layers, utoipa as keyed};
//! use keygate::{AuthLayer, EnvelopeLayer, KeyFormat, Keyring, MemoryStore, Scoped, scopes};
//! use utoipa::OpenApi;
//! use utoipa::openapi::HttpMethod;
//!
//! scopes! {
//!     /// Everything a key can be issued with.
//!     pub catalogue SCOPES;
//!     /// List and retrieve payment links.
//!     pub LinksRead = "links:read";
//! }
//!
//! #[utoipa::path(get, path = "/api/links", responses((status = 200, body = [String])))]
//! async fn list_links(_: Scoped<LinksRead>) -> axum::Json<Vec<String>> {
//!     axum::Json(Vec::new())
//! }
//!
//! #[derive(OpenApi)]
//! #[openapi(paths(list_links))]
//! struct Links;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?)
//!     .scopes(SCOPES)
//!     .build()?;
//! let auth = AuthLayer::new(keys);
//! let envelope = EnvelopeLayer::standard();
//!
//! let mut document = Links::openapi();
//! keyed::handler(&mut document, &HttpMethod::Get, "/api/links", list_links)?;
//! keyed::around(&mut document, "/api/", &Layers::new().auth(&auth));
//! keyed::finish(&mut document, &envelope);
//!
//! assert_eq!(keyed::undecided(&document), []);
//! assert_eq!(keyed::unanswered(&document), []);
//! let document = serde_json::to_value(document)?;
//! let list = &document["paths"]["/api/links"]["get"];
//! assert_eq!(list["security"], serde_json::json!([{ "bearer": ["links:read"] }]));
//! let refused = &list["responses"]["403"]["content"]["application/json"]["examples"];
//! let error = &refused["insufficient_scope"]["value"]["error"];
//! assert_eq!(error["message"], "The API key lacks the scope `links:read`.");
//! # Ok(()) }
//! ```

mod handler;

use serde_json::Value;
use utoipa::openapi::path::{HttpMethod, Operation, PathItem};
use utoipa::openapi::{Components, OpenApi};

pub use handler::{Caller, Demand, Handler};

use super::Layers;
use super::access::Access;
use super::fault::Fault;
use super::mark::{self, Mark};
use super::pen::Pen;
use super::route::Route;
use super::unanswered::{Unanswered, is_unanswered};
use super::undecided::{self, Undecided};
use crate::{EnvelopeLayer, Requirement};

/// There is no such operation in the document: [`handler`] says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document has no {method} {path}: name a path as `#[utoipa::path]` has it")]
#[non_exhaustive]
pub struct UnknownOperation {
    /// In upper case.
    pub method: String,
    /// As it was asked for.
    pub path: String,
}

/// Says of an operation who may call it: what the first argument of its handler says.
///
/// That is a `Principal`, an `Option` of one, a `Scoped` or a [`Public`](super::Public).
///
/// # Errors
///
/// [`UnknownOperation`] if the document has no such method at this path.
pub fn handler<T, H: Handler<T>>(
    document: &mut OpenApi,
    method: &HttpMethod,
    path: &str,
    _: H,
) -> Result<(), UnknownOperation> {
    let Demand(access) = <H::Caller as Caller>::demand();
    let item = document.paths.paths.get_mut(path);
    let Some(operation) = item.and_then(|item| slot(item, method).as_mut()) else {
        let method = word(method).to_owned();
        return Err(UnknownOperation { method, path: path.to_owned() });
    };
    demand(operation, access);
    Ok(())
}

/// Says of an operation that it needs what `R` requires.
///
/// For handlers whose types do not say it, as behind a [`RequireScope`](crate::RequireScope).
///
/// ```
/// use keygate::openapi::utoipa as keyed;
/// use utoipa::openapi::OpenApi;
///
/// keygate::scopes! {
///     catalogue SCOPES;
///     /// Look after the service.
///     Admin = "admin";
/// }
///
/// fn about_health(document: &mut OpenApi) {
///     let item = document.paths.paths.get_mut("/health");
///     if let Some(operation) = item.and_then(|item| item.get.as_mut()) {
///         keyed::require_scope::<Admin>(operation);
///     }
/// }
/// # let _ = (about_health, SCOPES);
/// ```
pub fn require_scope<R: Requirement>(operation: &mut Operation) {
    demand(operation, Access::of::<R>());
}

/// Says which layers stand around the operations whose paths begin with `prefix`.
///
/// See [the module](self) for an example.
pub fn around(document: &mut OpenApi, prefix: &str, layers: &Layers) {
    let items = document.paths.paths.iter_mut().filter(|(path, _)| path.starts_with(prefix));
    for operation in items.flat_map(|(_, item)| operations(item)) {
        edit(operation, |mark| layers.note(mark));
    }
}

/// Writes into a document who may call each operation, with which scopes, and how it fails, in the
/// envelope of the service.
///
/// The last step. See [the module](self) for an example.
pub fn finish(document: &mut OpenApi, envelope: &EnvelopeLayer) {
    let mut pen = Pen::new(envelope);
    for (path, item) in &mut document.paths.paths {
        let route = Route::new(path, &item.parameters);
        for operation in operations(item) {
            let Ok(Value::Object(mut object)) = serde_json::to_value(&*operation) else { continue };
            pen.write(&route, &mut object);
            // One that cannot be read back stays as it was, and so undecided.
            if let Ok(written) = serde_json::from_value(object.into()) {
                *operation = written;
            }
        }
    }
    let components = document.components.get_or_insert_default();
    if let Ok(written) = serde_json::from_value::<Components>(pen.components()) {
        components.security_schemes.extend(written.security_schemes);
        components.responses.extend(written.responses);
        components.headers.extend(written.headers);
        components.schemas.extend(written.schemas);
    }
}

/// The operations of a finished document of which nobody has decided who may call them.
///
/// See [the module](self) for an example.
#[must_use]
pub fn undecided(document: &OpenApi) -> Vec<Undecided> {
    find(document, |method, path, operation| {
        let extension = |name: &str| operation.extensions.as_ref()?.get(name);
        let has_security = operation.security.as_ref().is_some_and(|ways| !ways.is_empty());
        let reason = undecided::reason(extension, has_security)?;
        Some(Undecided { method: method.to_owned(), path: path.to_owned(), reason })
    })
}

/// The operations of a document that are documented to fail only.
///
/// See [the module](self) for an example.
#[must_use]
pub fn unanswered(document: &OpenApi) -> Vec<Unanswered> {
    find(document, |method, path, operation| {
        let fails = is_unanswered(operation.responses.responses.keys());
        fails.then(|| Unanswered { method: method.to_owned(), path: path.to_owned() })
    })
}

/// What a look at each operation, with its method and path, finds.
fn find<F>(document: &OpenApi, look: impl Fn(&str, &str, &Operation) -> Option<F>) -> Vec<F> {
    let mut found = Vec::new();
    let mut paths = document.paths.paths.clone();
    for (path, item) in &mut paths {
        for method in METHODS {
            let operation = slot(item, &method).as_ref();
            found.extend(operation.and_then(|operation| look(word(&method), path, operation)));
        }
    }
    found
}

const METHODS: [HttpMethod; 8] = [
    HttpMethod::Get,
    HttpMethod::Put,
    HttpMethod::Post,
    HttpMethod::Delete,
    HttpMethod::Options,
    HttpMethod::Head,
    HttpMethod::Patch,
    HttpMethod::Trace,
];

fn demand(operation: &mut Operation, access: Access) {
    edit(operation, |mark| {
        if !access.example().is_empty() {
            mark.may_fail(&[Fault::InsufficientScope]);
        }
        mark.demand(access);
    });
}

fn edit(operation: &mut Operation, change: impl FnOnce(&mut Mark)) {
    let extensions = operation.extensions.get_or_insert_default();
    let mut mark = Mark::read(extensions.get(mark::KEY));
    change(&mut mark);
    extensions.insert(mark::KEY.to_owned(), mark.write());
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

fn slot<'i>(item: &'i mut PathItem, method: &HttpMethod) -> &'i mut Option<Operation> {
    match method {
        HttpMethod::Get => &mut item.get,
        HttpMethod::Put => &mut item.put,
        HttpMethod::Post => &mut item.post,
        HttpMethod::Delete => &mut item.delete,
        HttpMethod::Options => &mut item.options,
        HttpMethod::Head => &mut item.head,
        HttpMethod::Patch => &mut item.patch,
        HttpMethod::Trace => &mut item.trace,
    }
}

fn word(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Put => "PUT",
        HttpMethod::Post => "POST",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Options => "OPTIONS",
        HttpMethod::Head => "HEAD",
        HttpMethod::Patch => "PATCH",
        HttpMethod::Trace => "TRACE",
    }
}
