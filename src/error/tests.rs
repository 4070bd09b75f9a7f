//! Every code in both envelopes, as it is sent.

use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, Response};
use http_body_util::{BodyExt as _, Full};

use super::*;
use crate::ScopeName;

fn context() -> RequestContext<'static> {
    RequestContext::new(Some("req_01j9zc3vq0"))
}

/// An error for each code, as the layers make them.
fn errors() -> Vec<ApiError> {
    let scopes = ["links:read", "links:write"].map(ScopeName::from_static);
    ErrorCode::ALL
        .iter()
        .map(|code| match code {
            ErrorCode::InsufficientScope => ApiError::insufficient_scope(scopes.clone()),
            ErrorCode::InvalidField => ApiError::invalid_field("items[2].price", "is required"),
            ErrorCode::RateLimitExceeded => ApiError::rate_limited(Duration::from_millis(11_200)),
            ErrorCode::Unavailable => ApiError::unavailable(Duration::from_secs(1)),
            ErrorCode::InProgress => Refusal::IdempotencyKeyInUse.into(),
            other => ApiError::new(*other),
        })
        .collect()
}

fn rendered(envelope: &dyn Envelope) -> String {
    let line = |error: &ApiError| {
        let Rendered { status, content_type, body } = envelope.render(error, &context());
        let body = std::str::from_utf8(&body).unwrap();
        format!("{} {} {body}", status.as_u16(), content_type.to_str().unwrap())
    };
    errors().iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn c9_every_code_in_the_standard_envelope() {
    insta::assert_snapshot!(rendered(&StandardEnvelope), @r##"
    400 application/json {"error":{"type":"invalid_request","code":"invalid_body","message":"The request could not be read.","requestId":"req_01j9zc3vq0"}}
    400 application/json {"error":{"type":"invalid_request","code":"ambiguous_credentials","message":"Send exactly one API key.","requestId":"req_01j9zc3vq0"}}
    400 application/json {"error":{"type":"invalid_request","code":"invalid_header","message":"A header of the request is not valid.","requestId":"req_01j9zc3vq0"}}
    401 application/json {"error":{"type":"authentication","code":"invalid_api_key","message":"No valid API key was provided.","requestId":"req_01j9zc3vq0"}}
    403 application/json {"error":{"type":"permission","code":"insufficient_scope","message":"The API key lacks the scopes `links:read`, `links:write`.","requestId":"req_01j9zc3vq0"}}
    403 application/json {"error":{"type":"permission","code":"forbidden","message":"This is not allowed.","requestId":"req_01j9zc3vq0"}}
    403 application/json {"error":{"type":"permission","code":"https_required","message":"Requests must be made over HTTPS.","requestId":"req_01j9zc3vq0"}}
    404 application/json {"error":{"type":"not_found","code":"not_found","message":"No such resource.","requestId":"req_01j9zc3vq0"}}
    405 application/json {"error":{"type":"invalid_request","code":"method_not_allowed","message":"The method is not allowed for this resource.","requestId":"req_01j9zc3vq0"}}
    409 application/json {"error":{"type":"invalid_request","code":"conflict","message":"The resource's state does not allow this.","requestId":"req_01j9zc3vq0"}}
    409 application/json {"error":{"type":"idempotency","code":"in_progress","message":"A request with this idempotency key is still being carried out.","requestId":"req_01j9zc3vq0"}}
    409 application/json {"error":{"type":"idempotency","code":"answer_not_kept","message":"A request with this idempotency key was carried out, and its answer was not kept.","requestId":"req_01j9zc3vq0"}}
    413 application/json {"error":{"type":"invalid_request","code":"body_too_large","message":"The request's body is too large.","requestId":"req_01j9zc3vq0"}}
    415 application/json {"error":{"type":"invalid_request","code":"unsupported_media_type","message":"The request's Content-Type is not supported.","requestId":"req_01j9zc3vq0"}}
    422 application/json {"error":{"type":"invalid_request","code":"invalid_field","message":"items[2].price: is required","requestId":"req_01j9zc3vq0"}}
    422 application/json {"error":{"type":"idempotency","code":"key_reused","message":"This idempotency key was used for another request.","requestId":"req_01j9zc3vq0"}}
    429 application/json {"error":{"type":"rate_limited","code":"rate_limit_exceeded","message":"Too many requests. Slow down and retry after the indicated time.","requestId":"req_01j9zc3vq0"}}
    500 application/json {"error":{"type":"internal","code":"internal","message":"Something went wrong on our side.","requestId":"req_01j9zc3vq0"}}
    500 application/json {"error":{"type":"internal","code":"misconfigured","message":"The service is misconfigured.","requestId":"req_01j9zc3vq0"}}
    503 application/json {"error":{"type":"unavailable","code":"unavailable","message":"The service is temporarily unavailable. Retry shortly.","requestId":"req_01j9zc3vq0"}}
    "##);
}

#[test]
fn texts_that_json_escapes_reach_the_client_as_they_were() {
    for text in ["", "\"", "\\", "a\"b\\c", "\n\t\u{0}\u{1f}", "\u{7f} é \u{1F511}", "{\"a\":1}"] {
        let error = ApiError::custom(
            http::StatusCode::CONFLICT,
            ErrorType::InvalidRequest,
            text.to_owned(),
            text.to_owned(),
        );
        let rendered = StandardEnvelope.render(&error, &RequestContext::new(Some(text)));
        let said = serde_json::json!({
            "type": "invalid_request", "code": text, "message": text, "requestId": text,
        });
        let body: serde_json::Value = serde_json::from_slice(&rendered.body).unwrap();
        assert_eq!(body, serde_json::json!({ "error": said }));
    }
}

#[test]
fn every_code_as_problem_details() {
    insta::assert_snapshot!(rendered(&ProblemDetails::new()), @r##"
    400 application/problem+json {"type":"about:blank","title":"Bad Request","status":400,"detail":"The request could not be read.","code":"invalid_body","request_id":"req_01j9zc3vq0"}
    400 application/problem+json {"type":"about:blank","title":"Bad Request","status":400,"detail":"Send exactly one API key.","code":"ambiguous_credentials","request_id":"req_01j9zc3vq0"}
    400 application/problem+json {"type":"about:blank","title":"Bad Request","status":400,"detail":"A header of the request is not valid.","code":"invalid_header","request_id":"req_01j9zc3vq0"}
    401 application/problem+json {"type":"about:blank","title":"Unauthorized","status":401,"detail":"No valid API key was provided.","code":"invalid_api_key","request_id":"req_01j9zc3vq0"}
    403 application/problem+json {"type":"about:blank","title":"Forbidden","status":403,"detail":"The API key lacks the scopes `links:read`, `links:write`.","code":"insufficient_scope","request_id":"req_01j9zc3vq0","missing_scopes":["links:read","links:write"]}
    403 application/problem+json {"type":"about:blank","title":"Forbidden","status":403,"detail":"This is not allowed.","code":"forbidden","request_id":"req_01j9zc3vq0"}
    403 application/problem+json {"type":"about:blank","title":"Forbidden","status":403,"detail":"Requests must be made over HTTPS.","code":"https_required","request_id":"req_01j9zc3vq0"}
    404 application/problem+json {"type":"about:blank","title":"Not Found","status":404,"detail":"No such resource.","code":"not_found","request_id":"req_01j9zc3vq0"}
    405 application/problem+json {"type":"about:blank","title":"Method Not Allowed","status":405,"detail":"The method is not allowed for this resource.","code":"method_not_allowed","request_id":"req_01j9zc3vq0"}
    409 application/problem+json {"type":"about:blank","title":"Conflict","status":409,"detail":"The resource's state does not allow this.","code":"conflict","request_id":"req_01j9zc3vq0"}
    409 application/problem+json {"type":"about:blank","title":"Conflict","status":409,"detail":"A request with this idempotency key is still being carried out.","code":"in_progress","request_id":"req_01j9zc3vq0","retry_after":1}
    409 application/problem+json {"type":"about:blank","title":"Conflict","status":409,"detail":"A request with this idempotency key was carried out, and its answer was not kept.","code":"answer_not_kept","request_id":"req_01j9zc3vq0"}
    413 application/problem+json {"type":"about:blank","title":"Payload Too Large","status":413,"detail":"The request's body is too large.","code":"body_too_large","request_id":"req_01j9zc3vq0"}
    415 application/problem+json {"type":"about:blank","title":"Unsupported Media Type","status":415,"detail":"The request's Content-Type is not supported.","code":"unsupported_media_type","request_id":"req_01j9zc3vq0"}
    422 application/problem+json {"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"items[2].price: is required","code":"invalid_field","request_id":"req_01j9zc3vq0","errors":[{"name":"items[2].price","detail":"is required"}]}
    422 application/problem+json {"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"This idempotency key was used for another request.","code":"key_reused","request_id":"req_01j9zc3vq0"}
    429 application/problem+json {"type":"about:blank","title":"Too Many Requests","status":429,"detail":"Too many requests. Slow down and retry after the indicated time.","code":"rate_limit_exceeded","request_id":"req_01j9zc3vq0","retry_after":12}
    500 application/problem+json {"type":"about:blank","title":"Internal Server Error","status":500,"detail":"Something went wrong on our side.","code":"internal","request_id":"req_01j9zc3vq0"}
    500 application/problem+json {"type":"about:blank","title":"Internal Server Error","status":500,"detail":"The service is misconfigured.","code":"misconfigured","request_id":"req_01j9zc3vq0"}
    503 application/problem+json {"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The service is temporarily unavailable. Retry shortly.","code":"unavailable","request_id":"req_01j9zc3vq0","retry_after":1}
    "##);
}

#[test]
fn every_code_has_the_headers_of_its_status() {
    let lines = errors().into_iter().map(|error| {
        let status = error.status().as_u16();
        let response: Response<Full<Bytes>> = respond(error, &Extensions::new());
        let mut headers: Vec<_> = response
            .headers()
            .iter()
            .filter(|(name, _)| !name.as_str().starts_with("content-"))
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        format!("{status} {}", headers.join(" | ")).trim_end().to_owned()
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r##"
    400
    400
    400
    401 cache-control: no-store | www-authenticate: Bearer realm="api"
    403 cache-control: no-store | www-authenticate: Bearer error="insufficient_scope", scope="links:read links:write"
    403 cache-control: no-store
    403 cache-control: no-store
    404
    405
    409
    409 retry-after: 1
    409
    413
    415
    422
    422
    429 cache-control: no-store | retry-after: 12
    500
    500
    503 retry-after: 1
    "##);
}

#[test]
fn a_type_of_problem_has_its_documentation() {
    let envelope = ProblemDetails::new().types_at("https://docs.example.com/errors#");
    let rendered = envelope.render(&ApiError::not_found(), &RequestContext::new(None));
    let body: serde_json::Value = serde_json::from_slice(&rendered.body).unwrap();
    assert_eq!(body["type"], "https://docs.example.com/errors#not_found");
    assert!(body.get("request_id").is_none());
}

#[tokio::test]
async fn with_a_layer_outside_the_error_travels_in_the_extensions() {
    let mut request = Extensions::new();
    request.insert(crate::envelope::RequestId::parse("req_1").unwrap());
    let response: Response<Full<Bytes>> = respond(ApiError::not_found(), &request);
    assert_eq!(response.status(), 404);
    assert_eq!(response.extensions().get::<ApiError>().unwrap().code(), "not_found");
    assert!(response.headers().is_empty());
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[test]
fn a_wait_is_never_zero_and_never_overflows() {
    let table = [
        (Duration::ZERO, 1),
        (Duration::from_nanos(1), 1),
        (Duration::from_secs(1), 1),
        (Duration::from_nanos(1_000_000_001), 2),
        (Duration::MAX, u64::MAX),
    ];
    for (wait, seconds) in table {
        assert_eq!(ApiError::unavailable(wait).retry_after(), Some(seconds));
    }
}

#[test]
fn a_cause_is_kept_and_not_shown() {
    let error = ApiError::new(ErrorCode::Internal).with_source(std::io::Error::other("secret"));
    assert!(std::error::Error::source(&error).is_some());
    assert!(!format!("{error} {error:?}").contains("secret"));
}
