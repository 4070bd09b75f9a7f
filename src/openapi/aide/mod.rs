//! What handlers' types say, through the hooks of aide.

mod input;
mod output;

use aide::openapi::{OpenApi, Operation};
use aide::transform::TransformPathItem;
use aide::util::iter_operations_mut;
use serde_json::Value;

use super::Layers;
use super::mark::{self, Mark};
use super::pen::Pen;
use super::route::Route;
use super::unanswered::{Unanswered, is_unanswered};
use super::undecided::{self, Undecided};
use crate::EnvelopeLayer;

impl Layers {
    /// Notes on each operation of a router what stands around it.
    ///
    /// To be called as `router.with_path_items(|item| layers.describe(item))`, with the layers that
    /// the same router has. [`finish`] writes it down.
    pub fn describe<'t>(&self, mut item: TransformPathItem<'t>) -> TransformPathItem<'t> {
        for (_, operation) in iter_operations_mut(item.inner_mut()) {
            edit(operation, |mark| self.note(mark));
        }
        item
    }
}

/// Writes into a document who may call each operation, with which scopes, and how it fails, in the
/// envelope of the service.
///
/// The last step, after `finish_api`. See [the module](super) for an example.
pub fn finish(document: &mut OpenApi, envelope: &EnvelopeLayer) {
    let mut pen = Pen::new(envelope);
    for (path, item) in document.paths.iter_mut().flat_map(|paths| &mut paths.paths) {
        let Some(item) = item.as_item_mut() else { continue };
        let route = Route::new(path, &item.parameters);
        for (_, operation) in iter_operations_mut(item) {
            let Ok(Value::Object(mut object)) = serde_json::to_value(&*operation) else { continue };
            pen.write(&route, &mut object);
            // One that cannot be read back stays as it was, and so undecided.
            if let Ok(written) = serde_json::from_value(object.into()) {
                *operation = written;
            }
        }
    }
    let components = document.components.get_or_insert_default();
    if let Ok(written) = serde_json::from_value::<aide::openapi::Components>(pen.components()) {
        components.security_schemes.extend(written.security_schemes);
        components.responses.extend(written.responses);
        components.headers.extend(written.headers);
        components.schemas.extend(written.schemas);
    }
}

/// The operations of a finished document of which nobody has decided who may call them.
///
/// For a test of the service's own:
///
/// ```
/// use aide::axum::{ApiRouter, routing::get};
/// use aide::openapi::OpenApi;
/// use keygate::EnvelopeLayer;
/// use keygate::openapi::{self, Public};
///
/// async fn prices(_: Public) -> &'static str {
///     "free"
/// }
///
/// async fn forgotten() -> &'static str {
///     "whoever you are"
/// }
///
/// let mut document = OpenApi::default();
/// let routes: axum::Router = ApiRouter::new()
///     .api_route("/prices", get(prices))
///     .api_route("/forgotten", get(forgotten))
///     .finish_api(&mut document);
/// openapi::finish(&mut document, &EnvelopeLayer::standard());
///
/// let undecided = openapi::undecided(&document);
/// assert_eq!(undecided.len(), 1);
/// assert_eq!(
///     undecided[0].to_string(),
///     "GET /forgotten: no argument of its handler says who may call",
/// );
/// # let _ = routes;
/// ```
#[must_use]
pub fn undecided(document: &OpenApi) -> Vec<Undecided> {
    let operations = document.operations().filter_map(|(path, method, operation)| {
        let extension = |name: &str| operation.extensions.get(name);
        let reason = undecided::reason(extension, !operation.security.is_empty())?;
        Some(Undecided { method: method.to_ascii_uppercase(), path: path.to_owned(), reason })
    });
    operations.collect()
}

/// The operations of a document that are documented to fail only.
///
/// For a test of the service's own:
///
/// ```
/// use aide::axum::{ApiRouter, routing::{post, post_with}};
/// use aide::openapi::OpenApi;
/// use axum::http::StatusCode;
/// use keygate::Json;
/// use keygate::openapi::{self, Public};
///
/// async fn create(_: Public) -> (StatusCode, Json<String>) {
///     (StatusCode::CREATED, Json("a note".into()))
/// }
///
/// let mut document = OpenApi::default();
/// let routes: axum::Router = ApiRouter::new()
///     .api_route("/silent", post(create))
///     .api_route("/notes", post_with(create, |operation| operation.response::<201, Json<String>>()))
///     .finish_api(&mut document);
///
/// let unanswered = openapi::unanswered(&document);
/// assert_eq!(unanswered.len(), 1);
/// assert_eq!(unanswered[0].path, "/silent");
/// # let _ = routes;
/// ```
#[must_use]
pub fn unanswered(document: &OpenApi) -> Vec<Unanswered> {
    let operations = document.operations().filter(|(_, _, operation)| {
        operation.responses.as_ref().is_none_or(|responses| {
            let statuses = responses.responses.keys().map(ToString::to_string);
            responses.default.is_none() && is_unanswered(statuses)
        })
    });
    let named = operations.map(|(path, method, _)| Unanswered {
        method: method.to_ascii_uppercase(),
        path: path.to_owned(),
    });
    named.collect()
}

/// Changes what is noted on an operation.
fn edit(operation: &mut Operation, change: impl FnOnce(&mut Mark)) {
    let mut mark = Mark::read(operation.extensions.get(mark::KEY));
    change(&mut mark);
    operation.extensions.insert(mark::KEY.to_owned(), mark.write());
}
