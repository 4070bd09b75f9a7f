//! What the types of a handler and the layers around it say, each by itself.

use aide::axum::ApiRouter;
use aide::axum::routing::{get, get_with, post};
use aide::openapi::OpenApi;
use axum::extract::Path;
use keygate::error::ProblemDetails;
use keygate::openapi::{self, Layers, Public, Reason, undecided};
use keygate::{
    AllOf, AnyOf, ApiError, AuthLayer, EnvelopeLayer, Json, KeyFormat, Keyring, Limit, MemoryStore,
    Principal, Quota, RateLimitLayer, RequireScope, Scoped, scopes,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

scopes! {
    /// All of it.
    catalogue SCOPES;
    /// Read.
    Read = "read";
    /// Write.
    Write = "write";
    /// Look after.
    Admin = "admin";
}

type Either = AnyOf<(AllOf<(Read, Write)>, Admin)>;

#[derive(Deserialize, JsonSchema)]
struct Named {
    #[allow(dead_code, reason = "the document is what it is about")]
    id: String,
}

#[derive(Deserialize, JsonSchema)]
struct Body {
    #[allow(dead_code, reason = "the document is what it is about")]
    amount: String,
}

async fn silent() {}
async fn public(_: Public) {}
async fn anybody(_: Option<Principal>) {}
async fn any_key(_: Principal) {}
async fn one(_: Scoped<Read>) {}
async fn all(_: Scoped<AllOf<(Read, Write)>>) {}
async fn any(_: Scoped<Either>) {}
async fn twice(_: Principal, _: Scoped<Read>, _: Scoped<AnyOf<(Write, Read)>>) {}
async fn named(_: Scoped<Read>, _: Path<Named>) -> Result<Json<String>, ApiError> {
    Err(ApiError::not_found())
}
async fn body(_: Scoped<Write>, _: Json<Body>) -> Json<String> {
    Json(String::new())
}

fn keys() -> Keyring {
    let format = KeyFormat::base62("ck", 32).unwrap();
    Keyring::builder(MemoryStore::new(), format).scopes(SCOPES).build().unwrap()
}

/// The document of these routes with these layers around, as JSON and as aide has it.
fn finished(routes: ApiRouter, layers: Option<&Layers>, envelope: &EnvelopeLayer) -> OpenApi {
    let routes = match layers {
        Some(layers) => routes.with_path_items(|item| layers.describe(item)),
        None => routes,
    };
    let mut document = OpenApi::default();
    let _: axum::Router = routes.finish_api(&mut document);
    openapi::finish(&mut document, envelope);
    document
}

fn written(routes: ApiRouter, layers: &Layers) -> Value {
    let document = finished(routes, Some(layers), &EnvelopeLayer::standard());
    serde_json::to_value(document).unwrap()
}

fn security(routes: ApiRouter, layers: &Layers) -> Value {
    written(routes, layers)["paths"]["/x"]["get"]["security"].clone()
}

fn at(method: aide::axum::routing::ApiMethodRouter) -> ApiRouter {
    ApiRouter::new().api_route("/x", method)
}

#[test]
fn the_security_of_an_operation_is_what_its_types_demand() {
    let layers = Layers::new().auth(&AuthLayer::new(keys()));
    let bearer = |scopes: &[&str]| json!({ "bearer": scopes });
    for (routes, expected) in [
        (at(get(any_key)), json!([bearer(&[])])),
        (at(get(anybody)), json!([bearer(&[])])),
        (at(get(one)), json!([bearer(&["read"])])),
        (at(get(all)), json!([bearer(&["read", "write"])])),
        (at(get(any)), json!([bearer(&["read", "write"]), bearer(&["admin"])])),
        (at(get(twice)), json!([bearer(&["read"])])),
    ] {
        assert_eq!(security(routes, &layers), expected);
    }
}

#[test]
fn layers_that_let_anyone_in_and_read_other_headers_are_described_as_that() {
    let open = AuthLayer::new(keys()).allow_anonymous().header("x-api-key");
    let layers = Layers::new().auth(&open);
    let both = [json!({ "x-api-key": [] }), json!({ "bearer": [] })];
    assert_eq!(security(at(get(any_key)), &layers), json!(both));
    assert_eq!(security(at(get(anybody)), &layers), json!([both[0], both[1], {}]));
    assert_eq!(security(at(get(public)), &layers), json!([both[0], both[1], {}]));
    let document = written(at(get(anybody)), &layers);
    // Who sends a bad key is refused all the same.
    let examples =
        &document["components"]["responses"]["Unauthorized"]["content"]["application/json"];
    assert!(examples["examples"]["missing_key"].is_null());
    assert!(!examples["examples"]["invalid_key"].is_null());
}

#[test]
fn a_layer_that_asks_for_a_scope_counts_as_a_type_would() {
    let auth = AuthLayer::new(keys());
    let layers = Layers::new().auth(&auth).require_scope(&RequireScope::<Admin>::new());
    assert_eq!(security(at(get(silent)), &layers), json!([{ "bearer": ["admin"] }]));
    assert_eq!(security(at(get(one)), &layers), json!([{ "bearer": ["read", "admin"] }]));
}

#[test]
fn a_scope_in_shadow_mode_is_told_of_as_that() {
    let layers = Layers::new().auth(&AuthLayer::new(keys()).shadow_scope(Write));
    let described = |routes| written(routes, &layers)["paths"]["/x"]["get"]["description"].clone();
    let words = "Needs the scopes `read` and `write`. `write` is not enforced yet.";
    assert_eq!(described(at(get(all))), words);
    assert_eq!(described(at(get(one))), "Needs the scope `read`.");
}

#[test]
fn a_limit_shows_where_it_counts() {
    let per_key = || RateLimitLayer::per_key(Quota::per_minute(1));
    let some = Limit::per_key(Quota::per_minute(1)).on(|request| request.method == "POST");
    let auth = AuthLayer::new(keys());
    let required = |limit: &RateLimitLayer| {
        let document = written(at(get(one)), &Layers::new().auth(&auth).rate_limit(limit));
        let responses = &document["paths"]["/x"]["get"]["responses"];
        let header = &responses["403"]["headers"]["X-RateLimit-Limit"];
        let shared = &document["components"]["responses"]["TooManyRequests"]["content"];
        let is_refused = !shared["application/json"]["examples"]["rate_limited"].is_null();
        (is_refused, !header.is_null(), !header["$ref"].is_null())
    };
    // Refused, with a header, which is on each answer.
    assert_eq!(required(&per_key()), (true, true, true));
    assert_eq!(required(&per_key().and(some.clone())), (true, true, true));
    assert_eq!(required(&per_key().shadow().and(some)), (true, true, false));
    assert_eq!(required(&per_key().shadow()), (false, false, false));
}

#[test]
fn a_route_without_a_decision_fails() {
    let auth = Layers::new().auth(&AuthLayer::new(keys()));
    let limit = Layers::new().rate_limit(&RateLimitLayer::global(Quota::per_minute(1)));
    for (handler, layers, reason) in [
        (get(silent), None, Some(Reason::Silent)),
        (get(silent), Some(&limit), Some(Reason::Silent)),
        // Any key of the service opens it, and nobody has said so.
        (get(silent), Some(&auth), Some(Reason::Silent)),
        (get(one), None, Some(Reason::Unguarded)),
        (get(any_key), Some(&limit), Some(Reason::Unguarded)),
        (get(anybody), None, Some(Reason::Unguarded)),
        (get(public), Some(&auth), Some(Reason::Contradictory)),
        (get(public), None, None),
        (get(public), Some(&limit), None),
        (get(one), Some(&auth), None),
        (get(any_key), Some(&auth), None),
        (get(anybody), Some(&auth), None),
    ] {
        let document = finished(at(handler), layers, &EnvelopeLayer::standard());
        let found = undecided(&document);
        assert_eq!(found.first().map(|one| one.reason), reason, "{found:?}");
        // What was read from a file, too.
        let text = serde_json::to_string(&document).unwrap();
        assert_eq!(undecided(&serde_json::from_str(&text).unwrap()), found);
    }
}

#[test]
fn a_document_that_nobody_has_finished_has_no_decisions() {
    let mut document = OpenApi::default();
    let layers = Layers::new().auth(&AuthLayer::new(keys()));
    let routes = at(get(one)).with_path_items(|item| layers.describe(item));
    let _: axum::Router = routes.finish_api(&mut document);
    assert_eq!(undecided(&document).len(), 1);
}

#[test]
fn what_the_application_has_written_itself_stays() {
    let by_hand = get_with(silent, |operation| {
        operation.security_requirement("mtls").description("By hand.").response::<418, Json<Body>>()
    });
    let layers = Layers::new().auth(&AuthLayer::new(keys()));
    let document = finished(at(by_hand), Some(&layers), &EnvelopeLayer::standard());
    assert_eq!(undecided(&document), []);
    let operation = &serde_json::to_value(&document).unwrap()["paths"]["/x"]["get"];
    assert_eq!(operation["security"], json!([{ "mtls": [] }]));
    assert_eq!(operation["description"], "By hand.");
    let teapot = &operation["responses"]["418"];
    assert_eq!(
        teapot["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/Body"
    );
    assert_eq!(teapot["headers"]["X-Request-Id"]["$ref"], "#/components/headers/X-Request-Id");
}

#[test]
fn what_a_body_a_path_and_a_result_may_go_wrong_with_is_told() {
    let layers = Layers::new().auth(&AuthLayer::new(keys()));
    let statuses = |document: &Value, method: &str| -> Vec<String> {
        let responses = &document["paths"]["/x/{id}"][method]["responses"];
        responses.as_object().unwrap().keys().cloned().collect()
    };
    let routes = ApiRouter::new().api_route("/x/{id}", get(named).merge(post(body)));
    let document = written(routes, &layers);
    assert_eq!(statuses(&document, "get"), ["200", "400", "401", "403", "404", "429", "503"]);
    assert_eq!(
        statuses(&document, "post"),
        ["200", "400", "401", "403", "413", "415", "422", "429", "503"]
    );
}

#[test]
fn an_error_of_the_applications_own_status_stands_in_the_envelope() {
    let conflict = get_with(named, |operation| operation.response::<409, ApiError>().id("named"));
    let layers = Layers::new().auth(&AuthLayer::new(keys()));
    let routes = ApiRouter::new().api_route("/x", conflict);
    let document = written(routes, &layers);
    let response = &document["components"]["responses"]["Conflict"];
    let example = &response["content"]["application/json"]["examples"]["error"]["value"];
    assert_eq!(example["error"]["code"], "conflict");
    assert!(!document.to_string().contains("x-keygate"), "nothing of the making is left");
}

#[test]
fn other_envelopes_are_told_with_their_content_type() {
    let layers = Layers::new().auth(&AuthLayer::new(keys()));
    let envelope = EnvelopeLayer::new(ProblemDetails::new());
    let document = finished(at(get(one)), Some(&layers), &envelope);
    let document = serde_json::to_value(document).unwrap();
    let refused = &document["paths"]["/x"]["get"]["responses"]["403"]["content"];
    assert_eq!(
        refused.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["application/problem+json"]
    );
    let example = &refused["application/problem+json"]["examples"]["insufficient_scope"]["value"];
    assert_eq!(example["missing_scopes"], json!(["read"]));
    let schema = &document["components"]["schemas"]["ApiError"];
    let required = json!(["code", "detail", "request_id", "status", "title", "type"]);
    assert_eq!(schema["required"], required);
    assert_eq!(schema["properties"]["errors"]["items"]["required"], json!(["detail", "name"]));
}
