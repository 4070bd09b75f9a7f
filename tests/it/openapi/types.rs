//! What the types of a handler and the layers around it say, each by itself.

use aide::axum::ApiRouter;
use aide::axum::routing::{get, get_with, post};
use aide::openapi::OpenApi;
use axum::extract::Path;
use keygate::error::ProblemDetails;
use keygate::openapi::{self, Layers, Public, Reason, unanswered, undecided};
use keygate::rate_limit::{Fallback, RedisLimiter};
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
async fn plain(_: Scoped<Read>, _: Path<u32>) -> Result<Json<String>, ApiError> {
    Err(ApiError::not_found())
}
async fn created(_: Scoped<Write>) -> (axum::http::StatusCode, Json<String>) {
    (axum::http::StatusCode::CREATED, Json(String::new()))
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
    let refuses = |layers: &Layers, routes| {
        !written(routes, layers)["paths"]["/x"]["get"]["responses"]["403"].is_null()
    };
    assert!(refuses(&layers, at(get(all))), "`read` is enforced");
    let both = AuthLayer::new(keys()).shadow_scope(Write).shadow_scope(Read);
    let both = Layers::new().auth(&both);
    assert!(!refuses(&both, at(get(all))), "nobody is refused");
    assert_eq!(security(at(get(one)), &both), json!([{ "bearer": ["read"] }]));
    // Who has neither of the two is refused, though one of them is in shadow mode.
    assert!(refuses(&both, at(get(any))));
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

#[tokio::test]
async fn a_limit_that_closes_without_its_redis_is_told_of_and_one_that_opens_too() {
    // Nothing listens there, and a document needs nothing of it.
    let redis = RedisLimiter::connect("redis://127.0.0.1:1").await.unwrap();
    let per_ip = || RateLimitLayer::per_client_ip(Quota::per_minute(1));
    let told = |layer: &RateLimitLayer| {
        let document = written(at(get(public)), &Layers::new().rate_limit(layer));
        let shared = &document["components"]["responses"]["ServiceUnavailable"];
        let example = &shared["content"]["application/json"]["examples"]["limits_unavailable"];
        let responses = &document["paths"]["/x"]["get"]["responses"];
        let answer = responses
            .as_object()
            .unwrap()
            .iter()
            .find(|(status, _)| !status.starts_with(['4', '5']));
        let header = &answer.unwrap().1["headers"]["X-RateLimit-Limit"];
        // Such an answer was counted by nobody.
        assert!(shared["headers"]["X-RateLimit-Limit"].is_null());
        (example["value"]["error"]["code"].clone(), header["$ref"].is_string())
    };
    let by = |fallback| per_ip().limiter(redis.clone().fallback(fallback));
    assert_eq!(told(&per_ip()), (json!(null), true));
    assert_eq!(told(&by(Fallback::local(2))), (json!(null), true));
    assert_eq!(told(&by(Fallback::Closed)), (json!("unavailable"), true));
    assert_eq!(told(&by(Fallback::Open)), (json!(null), false));
    assert_eq!(told(&by(Fallback::Closed).shadow()), (json!(null), false));
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
        assert_eq!(found.first().map(|one| one.reason.clone()), reason, "{found:?}");
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
    let found = undecided(&document);
    assert_eq!(found[0].reason, Reason::Unfinished);
    // A failed assertion shows what is the matter.
    let sentence = "GET /x: the document was not finished (`openapi::finish` comes last)";
    assert_eq!((format!("{:?}", found[0]), found.len()), (sentence.to_owned(), 1));
    let by_hand = get_with(one, |operation| operation.security_requirement("mtls"));
    let _: axum::Router = at(by_hand).finish_api(&mut document);
    assert_eq!(undecided(&document)[0].reason, Reason::Unfinished);
}

#[test]
fn a_scope_that_no_key_can_hold_is_found() {
    let format = KeyFormat::base62("ck", 32).unwrap();
    let without = AuthLayer::new(Keyring::builder(MemoryStore::new(), format).build().unwrap());
    let without = Layers::new().auth(&without);
    let found = |handler| {
        let document = finished(at(handler), Some(&without), &EnvelopeLayer::standard());
        undecided(&document).first().map(ToString::to_string)
    };
    let sentence = "GET /x: it needs the scope `read`, which is not among those of the keyring \
                    (`KeyringBuilder::scopes`)";
    assert_eq!(found(get(one)).as_deref(), Some(sentence));
    assert_eq!(found(get(any)).as_deref(), Some(sentence));
    assert_eq!(found(get(any_key)), None);
}

#[test]
fn an_operation_without_an_answer_is_found() {
    let layers = Layers::new().auth(&AuthLayer::new(keys()));
    let said = get_with(created, |operation| operation.response::<201, Json<String>>().id("said"));
    let teapot = get_with(created, |operation| operation.response::<418, ApiError>().id("teapot"));
    for (handler, is_found) in [
        (get(created), true),
        (teapot, true),
        (said, false),
        (get(silent), false),
        (get(named), false),
    ] {
        let document = finished(at(handler), Some(&layers), &EnvelopeLayer::standard());
        let found = unanswered(&document);
        assert_eq!(found.len(), usize::from(is_found), "{document:?}");
        assert!(found.iter().all(|one| one.to_string().starts_with("GET /x: ")), "{found:?}");
    }
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
fn a_path_parameter_of_a_plain_type_is_told_of_as_one_of_a_struct_is() {
    let layers = Layers::new().auth(&AuthLayer::new(keys()));
    let of = |path: &str, handler| {
        let document = written(ApiRouter::new().api_route(path, handler), &layers);
        document["paths"][path]["get"].clone()
    };
    let (plain, named) = (of("/x/{id}", get(plain)), of("/x/{id}", get(named)));
    let statuses = |operation: &Value| -> Vec<String> {
        operation["responses"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(statuses(&plain), ["200", "400", "401", "403", "404", "429", "503"]);
    assert_eq!(statuses(&plain), statuses(&named));
    for operation in [&plain, &named] {
        let parameters = operation["parameters"].as_array().unwrap();
        assert_eq!(parameters.len(), 1, "{parameters:?}");
        let parameter = &parameters[0];
        assert_eq!((&parameter["in"], &parameter["name"]), (&json!("path"), &json!("id")));
        assert_eq!(parameter["required"], true);
        assert_eq!(parameter["schema"]["type"], "string");
    }
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
fn answers_that_differ_are_named_by_what_they_differ_in() {
    let layers = Layers::new().auth(&AuthLayer::new(keys()));
    let routes = ApiRouter::new()
        .api_route("/x", get(one).merge(post(body)))
        .api_route("/x/{id}", get(named));
    let document = written(routes, &layers);
    let names = document["components"]["responses"].as_object().unwrap().keys();
    let names: Vec<_> = names.filter(|name| name.starts_with("BadRequest")).collect();
    assert_eq!(names, ["BadRequest", "BadRequestWithInvalidBody", "BadRequestWithInvalidPath"]);
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
