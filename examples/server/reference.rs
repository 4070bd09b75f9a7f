//! `/openapi.json` and `/docs`: the service's document, and the page that shows it to people.

use std::sync::{Arc, OnceLock};

use aide::OperationOutput;
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::generate::GenContext;
use aide::openapi::{Info, MediaType, OpenApi, Operation, Response};
use aide::redoc::Redoc;
use aide::transform::TransformOperation;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use keygate::EnvelopeLayer;
use keygate::openapi::{self, Public};
use sha2::{Digest, Sha256};

const DOCUMENT: &str = "/openapi.json";

/// What the page's program would fetch from elsewhere, and what it shows instead.
const REMOTE_LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const NO_LOGO: &str = "data:,";

/// What both answers say: anybody may keep them, until a new version of the service is known of.
const SHARED: [(HeaderName, &str); 2] =
    [(X_CONTENT_TYPE_OPTIONS, "nosniff"), (CACHE_CONTROL, "public, max-age=300")];

/// What both routes answer with, which is known when all routes are.
#[derive(Default)]
struct Reference {
    title: String,
    document: OnceLock<Bytes>,
    page: OnceLock<Page>,
}

/// A page, and what its program may do.
#[derive(Clone)]
struct Page {
    html: Bytes,
    policy: String,
}

/// The document as it is sent.
struct Document(Bytes);

/// The service's routes together with those of its document.
pub(crate) fn with_reference(routes: ApiRouter, info: Info, envelope: &EnvelopeLayer) -> Router {
    let reference = Arc::new(Reference { title: info.title.clone(), ..Reference::default() });
    let own = ApiRouter::new()
        .api_route(DOCUMENT, get_with(document, about("getOpenApi", "Retrieve this document")))
        .api_route("/docs", get_with(page, about("getReference", "Read this document as a page")))
        .with_path_items(|item| item.tag("Reference"))
        .with_state(Arc::clone(&reference));
    let mut document = OpenApi { info, ..OpenApi::default() };
    let routes = routes.merge(own).finish_api(&mut document);
    openapi::finish(&mut document, envelope);
    // Texts and numbers only: nothing that JSON does not have.
    let document = serde_json::to_vec(&document).unwrap_or_default();
    let _ = reference.document.set(document.into());
    routes
}

/// The name of an operation for programs, and what it does for people.
pub(crate) fn about(
    id: &str,
    summary: &str,
) -> impl FnOnce(TransformOperation<'_>) -> TransformOperation<'_> {
    move |operation| operation.id(id).summary(summary)
}

async fn document(_: Public, State(reference): State<Arc<Reference>>) -> Document {
    Document(reference.document.get().cloned().unwrap_or_default())
}

async fn page(_: Public, State(reference): State<Arc<Reference>>) -> Page {
    reference.page.get_or_init(|| Page::new(&reference.title)).clone()
}

impl Page {
    fn new(title: &str) -> Self {
        let html = Redoc::new(DOCUMENT).with_title(title).html().replace(REMOTE_LOGO, NO_LOGO);
        let script = html.split_once("<script>").map_or("", |(_, rest)| rest);
        let script = script.rsplit_once("</script>").map_or("", |(script, _)| script);
        let hash = BASE64_STANDARD.encode(Sha256::digest(script));
        // One program, by its hash; everything else comes from here or from the program itself.
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; \
             img-src data:; connect-src 'self'; worker-src blob:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'"
        );
        Self { html: html.into(), policy }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> axum::response::Response {
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (CONTENT_SECURITY_POLICY, self.policy),
        ];
        (SHARED, headers, self.html).into_response()
    }
}

impl IntoResponse for Document {
    fn into_response(self) -> axum::response::Response {
        (SHARED, [(CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

impl OperationOutput for Page {
    type Inner = ();

    fn inferred_responses(_: &mut GenContext, _: &mut Operation) -> Vec<(Option<u16>, Response)> {
        vec![(Some(200), answer("The page.", "text/html; charset=utf-8"))]
    }
}

impl OperationOutput for Document {
    type Inner = ();

    fn inferred_responses(_: &mut GenContext, _: &mut Operation) -> Vec<(Option<u16>, Response)> {
        vec![(Some(200), answer("The document.", "application/json"))]
    }
}

fn answer(description: &str, content_type: &str) -> Response {
    let content = [(content_type.to_owned(), MediaType::default())].into_iter().collect();
    Response { description: description.to_owned(), content, ..Response::default() }
}
