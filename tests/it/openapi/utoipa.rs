//! Documents that utoipa makes, and a router that enforces what they say.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use keygate::openapi::{Layers, Public, Reason, utoipa as keyed};
use keygate::{
    AllOf, AnyOf, AuthLayer, EnvelopeLayer, KeyFormat, Keyring, MemoryStore, NewKey, Principal,
    Quota, RateLimitLayer, Scoped, scopes,
};
use serde_json::{Value, json};
use tower::ServiceBuilder;
use utoipa::OpenApi;
use utoipa::openapi::HttpMethod;

use crate::support::get as call;

scopes! {
    /// All of it.
    catalogue SCOPES;
    /// Read links.
    Read = "links:read";
    /// Write links.
    Write = "links:write";
    /// Look after the service.
    Admin = "admin";
}

type Either = AnyOf<(AllOf<(Read, Write)>, Admin)>;

#[utoipa::path(get, path = "/api/links", responses((status = 200, body = [String])))]
async fn list(_: Scoped<Read>, _: State<Arc<str>>) -> Json<Vec<String>> {
    Json(Vec::new())
}

#[utoipa::path(get, path = "/api/links/{id}", params(("id" = String, Path)), responses((status = 200, body = String)))]
async fn retrieve(_: Scoped<Either>, Path(id): Path<String>) -> Json<String> {
    Json(id)
}

#[utoipa::path(get, path = "/api/me", responses((status = 200, body = String), (status = 401, description = "Own words.")))]
async fn me(caller: Principal) -> Json<String> {
    Json(caller.account().to_string())
}

#[utoipa::path(get, path = "/prices", responses((status = 200, body = String)))]
async fn prices(_: Public) -> Json<String> {
    Json("free".into())
}

#[utoipa::path(get, path = "/api/bare/{id}", responses((status = 404, description = "None.")))]
async fn bare(_: Scoped<Read>, _: Path<u32>) {}

#[derive(OpenApi)]
#[openapi(paths(bare))]
struct Bare;

#[derive(OpenApi)]
#[openapi(paths(list, retrieve, me, prices))]
struct Links;

struct Service {
    keys: Keyring,
    auth: AuthLayer,
    limit: RateLimitLayer,
    envelope: EnvelopeLayer,
}

fn service() -> Service {
    let format = KeyFormat::base62("ck", 32).unwrap();
    let keys = Keyring::builder(MemoryStore::new(), format).scopes(SCOPES);
    let keys = keys.deadline(std::time::Duration::from_secs(20)).build().unwrap();
    Service {
        auth: AuthLayer::new(keys.clone()).header("x-api-key"),
        limit: RateLimitLayer::per_key(Quota::per_minute(300)),
        envelope: EnvelopeLayer::standard(),
        keys,
    }
}

impl Service {
    fn document(&self) -> utoipa::openapi::OpenApi {
        let mut document = Links::openapi();
        let say = |path, said: Result<(), _>| said.unwrap_or_else(|e| panic!("{path}: {e}"));
        say("list", keyed::handler(&mut document, &HttpMethod::Get, "/api/links", list));
        say("one", keyed::handler(&mut document, &HttpMethod::Get, "/api/links/{id}", retrieve));
        say("me", keyed::handler(&mut document, &HttpMethod::Get, "/api/me", me));
        say("prices", keyed::handler(&mut document, &HttpMethod::Get, "/prices", prices));
        let layers = Layers::new().auth(&self.auth).rate_limit(&self.limit);
        keyed::around(&mut document, "/api/", &layers);
        keyed::finish(&mut document, &self.envelope);
        document
    }

    fn app(self) -> Router {
        Router::new()
            .route("/api/links", get(list))
            .route("/api/links/{id}", get(retrieve))
            .route("/api/me", get(me))
            .with_state(Arc::from(""))
            .layer(ServiceBuilder::new().layer(self.auth).layer(self.limit))
            .route("/prices", get(prices))
            .layer(self.envelope)
    }
}

#[tokio::test]
async fn what_utoipas_document_says_is_what_the_router_enforces() {
    let service = service();
    let document = serde_json::to_value(service.document()).unwrap();
    let mut keys = Vec::new();
    for held in [vec![], vec!["links:read"], vec!["links:read", "links:write"], vec!["admin"]] {
        let scopes = held.iter().map(|name| name.parse().unwrap());
        let key = service.keys.issue(NewKey::named("k").scopes(scopes)).await.unwrap();
        keys.push((held, key));
    }
    let app = service.app();
    for (path, item) in document["paths"].as_object().unwrap() {
        let security = item["get"]["security"].as_array().unwrap();
        let path = path.replace("{id}", "x");
        let bare = call(&path).send(&app).await.status;
        assert_eq!(bare, if security.contains(&json!({})) { 200 } else { 401 }, "{path}");
        for (held, key) in &keys {
            let may = security.iter().any(|way| {
                let scopes = way.as_object().unwrap().values().next();
                let scopes = scopes.and_then(Value::as_array).into_iter().flatten();
                scopes.into_iter().all(|scope| held.contains(&scope.as_str().unwrap()))
            });
            let answer = call(&path).bearer(key.key().expose()).send(&app).await;
            assert_eq!(answer.status, if may { 200 } else { 403 }, "{path} with {held:?}");
            assert!(!item["get"]["responses"][answer.status.to_string()].is_null(), "{path}");
        }
    }
}

#[test]
fn utoipas_document_has_schemes_errors_and_headers() {
    let document = service().document();
    assert_eq!(keyed::undecided(&document), []);
    let document = serde_json::to_value(document).unwrap();
    let list = &document["paths"]["/api/links"]["get"];
    let ways = json!([{ "x-api-key": ["links:read"] }, { "bearer": ["links:read"] }]);
    assert_eq!(list["security"], ways);
    assert_eq!(list["responses"]["429"]["$ref"], "#/components/responses/TooManyRequests");
    let components = &document["components"];
    assert_eq!(components["securitySchemes"]["x-api-key"]["in"], "header");
    assert_eq!(components["schemas"]["ApiError"]["required"], json!(["error"]));
    let limited = &components["responses"]["TooManyRequests"]["headers"]["Retry-After"]["$ref"];
    assert_eq!(*limited, "#/components/headers/Retry-After");
    assert_eq!(components["headers"]["Retry-After"]["schema"]["minimum"], 1);
    let retrieve = &document["paths"]["/api/links/{id}"]["get"];
    assert_eq!(
        retrieve["description"],
        "Needs the scopes `links:read` and `links:write`, or `admin`."
    );
    // What `#[utoipa::path]` says stays.
    let me = &document["paths"]["/api/me"]["get"]["responses"];
    assert_eq!(me["401"]["description"], "Own words.");
    assert_eq!(me["200"]["content"]["text/plain"]["schema"]["type"], "string");
    assert!(!document.to_string().contains("x-keygate"), "nothing of the making is left");
}

#[test]
fn what_utoipas_document_leaves_out_is_added_or_found() {
    let mut document = Bare::openapi();
    let unfinished = keyed::undecided(&document);
    assert_eq!(unfinished[0].reason, Reason::Unfinished);
    keyed::handler(&mut document, &HttpMethod::Get, "/api/bare/{id}", bare).unwrap();
    keyed::around(&mut document, "/api/", &Layers::new().auth(&service().auth));
    keyed::finish(&mut document, &EnvelopeLayer::standard());
    assert_eq!(keyed::undecided(&document), []);
    assert_eq!(keyed::unanswered(&service().document()), []);
    let unanswered: Vec<_> =
        keyed::unanswered(&document).into_iter().map(|one| (one.method, one.path)).collect();
    assert_eq!(unanswered, [("GET".to_owned(), "/api/bare/{id}".to_owned())]);
    let document = serde_json::to_value(document).unwrap();
    let operation = &document["paths"]["/api/bare/{id}"]["get"];
    let parameter = &operation["parameters"][0];
    assert_eq!((&parameter["in"], &parameter["name"]), (&json!("path"), &json!("id")));
    assert!(!operation["responses"]["400"].is_null());
}

#[test]
fn what_nobody_has_decided_about_is_listed_and_what_is_not_there_is_an_error() {
    let mut document = Links::openapi();
    let unknown = keyed::handler(&mut document, &HttpMethod::Post, "/api/links", list).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "the document has no POST /api/links: name a path as `#[utoipa::path]` has it"
    );
    assert!(keyed::handler(&mut document, &HttpMethod::Get, "/links", list).is_err());
    keyed::handler(&mut document, &HttpMethod::Get, "/api/links", list).unwrap();
    let operation = document.paths.paths.get_mut("/api/me").and_then(|item| item.get.as_mut());
    keyed::require_scope::<Admin>(operation.unwrap());
    keyed::around(&mut document, "/api/me", &Layers::new().auth(&service().auth));
    keyed::finish(&mut document, &EnvelopeLayer::standard());
    let found: Vec<_> =
        keyed::undecided(&document).into_iter().map(|one| (one.path, one.reason)).collect();
    let expected = [
        ("/api/links", Reason::Unguarded),
        ("/api/links/{id}", Reason::Silent),
        ("/prices", Reason::Silent),
    ];
    assert_eq!(found, expected.map(|(path, reason)| (path.to_owned(), reason)));
    let document = serde_json::to_value(document).unwrap();
    let security = &document["paths"]["/api/me"]["get"]["security"];
    assert_eq!(*security, json!([{ "x-api-key": ["admin"] }, { "bearer": ["admin"] }]));
}
