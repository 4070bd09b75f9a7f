use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Extension, Path, Query};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use http::{Request, StatusCode};
use serde::Deserialize;
use tower::ServiceExt as _;

use super::Answer;
use crate::envelope::{AsIs, RequestId};
use crate::{ApiError, EnvelopeLayer, Json, Refusal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    amount: String,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its rejection matters")]
struct Page {
    page: u32,
}

#[allow(clippy::unused_async, reason = "handlers are async")]
async fn create(Json(link): Json<Link>) -> (StatusCode, Json<String>) {
    (StatusCode::CREATED, Json(link.amount))
}

fn app() -> Router {
    Router::new()
        .route("/links", post(create))
        .route("/links/{number}", get(async |Path(number): Path<u32>| number.to_string()))
        .route("/page", get(async |Query(_): Query<Page>| "page"))
        .route("/missing", get(async |Extension(_): Extension<u128>| "never"))
        .route("/panic", get(async || -> &'static str { panic!("what the handler says") }))
        .route("/own", get(async || (StatusCode::GONE, Extension(AsIs), "gone for good")))
        .route("/id", get(async |Extension(id): Extension<RequestId>| id.to_string()))
        .route("/error", get(async || ApiError::invalid_field("a", "is odd").into_response()))
        .route("/both", get(async || (StatusCode::CONFLICT, ApiError::not_found())))
        .nest("/nested", Router::new().fallback(crate::not_found))
        .layer(DefaultBodyLimit::max(100))
        .layer(EnvelopeLayer::standard())
        .with_state(())
}

async fn send(method: &str, path: &str, content_type: &str, body: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content_type)
        .body(Body::from(body.to_owned()));
    Answer::read(app().oneshot(request.unwrap()).await.unwrap()).await
}

#[tokio::test]
async fn axums_own_refusals_become_the_envelope() {
    let json = "application/json";
    let long = format!("{{\"amount\":\"{}\"}}", "1".repeat(100));
    #[rustfmt::skip]
    let table: &[(&str, &str, &str, &str, u16, &str, &str)] = &[
        ("GET", "/nowhere", "", "", 404, "not_found", "No such resource."),
        ("GET", "/nested/nowhere", "", "", 404, "not_found", "No such resource."),
        ("DELETE", "/links", "", "", 405, "method_not_allowed", "The method is not allowed for this resource."),
        ("GET", "/links/x", "", "", 400, "invalid_body", "Invalid URL: Cannot parse `x` to a `u32`"),
        ("GET", "/page?page=x", "", "", 400, "invalid_body", "Failed to deserialize query string: page: invalid digit found in string"),
        ("GET", "/missing", "", "", 500, "internal", "Something went wrong on our side."),
        ("GET", "/panic", "", "", 500, "internal", "Something went wrong on our side."),
        ("GET", "/error", "", "", 422, "invalid_field", "a: is odd"),
        ("GET", "/both", "", "", 409, "not_found", "No such resource."),
        ("POST", "/links", json, "{", 400, "invalid_body", "The body is not valid JSON at line 1, column 1."),
        ("POST", "/links", json, "", 400, "invalid_body", "The body is not valid JSON at line 1, column 0."),
        ("POST", "/links", "text/plain", "{}", 415, "unsupported_media_type", "Send the body as `Content-Type: application/json`."),
        ("POST", "/links", json, &long, 413, "body_too_large", "The request's body is too large."),
        ("POST", "/links", json, "{}", 422, "invalid_field", "amount: is required"),
        ("POST", "/links", json, r#"{"amount":1}"#, 422, "invalid_field", "amount: must be a string, not an integer"),
        ("POST", "/links", json, r#"{"amount":"1","x":2}"#, 422, "invalid_field", "x: is not a known field"),
    ];
    for (method, path, content_type, body, status, code, message) in table {
        let answer = send(method, path, content_type, body).await;
        let found = (answer.status.as_u16(), answer.code(), answer.message());
        assert_eq!(found, (*status, (*code).to_owned(), (*message).to_owned()), "{method} {path}");
        assert_eq!(answer.json()["error"]["requestId"], answer.header("x-request-id"));
        assert!(answer.header("x-request-id").starts_with("req_"));
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    }
    assert_eq!(send("DELETE", "/links", "", "").await.header("allow"), "POST");
}

#[tokio::test]
async fn what_handlers_answer_stays() {
    let created = send("POST", "/links", "application/json", r#"{"amount":"1"}"#).await;
    assert_eq!((created.status, &created.body[..]), (StatusCode::CREATED, &b"\"1\""[..]));
    let own = send("GET", "/own", "", "").await;
    assert_eq!((own.status, &own.body[..]), (StatusCode::GONE, &b"gone for good"[..]));
    let id = send("GET", "/id", "", "").await;
    assert_eq!(id.body, id.header("x-request-id"));
}

#[tokio::test]
async fn head_of_an_error_has_the_lengths_of_get() {
    for path in ["/nowhere", "/error", "/panic"] {
        let (get, head) = (send("GET", path, "", "").await, send("HEAD", path, "", "").await);
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        assert_eq!(head.header("content-type"), "application/json");
    }
}

#[test]
fn without_the_layer_a_handlers_error_is_the_standard_envelope() {
    let error =
        ApiError::new(crate::ErrorCode::InvalidApiKey).with_refusal(Refusal::MissingCredential);
    let response = error.into_response();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="api""#);
    assert_eq!(response.headers()["cache-control"], "no-store");
}
