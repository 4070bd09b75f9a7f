//! How PayKore writes errors: `{"error":{"code","message","http_status"},"meta":{"request_id"}}`.

use std::borrow::Cow;
use std::time::SystemTime;

use axum::http::StatusCode;
use keygate::error::{Envelope, Rendered, RequestContext};
use keygate::{ApiError, Refusal};
use serde::Serialize;

/// The messages are those of PayKore's page, word for word; the other codes are the crate's in
/// capitals.
#[derive(Debug, Clone, Copy)]
pub(super) struct PayKoreEnvelope;

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: Cow<'static, str>,
    message: Cow<'a, str>,
    http_status: u16,
}

#[derive(Serialize)]
struct Meta<'a> {
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Envelope for PayKoreEnvelope {
    fn render(&self, error: &ApiError, context: &RequestContext<'_>) -> Rendered {
        let (status, code, message) = match error.code() {
            // All errors of authentication are 401 here.
            "invalid_api_key" | "ambiguous_credentials" => {
                let (code, message) = unauthorized(error);
                (StatusCode::UNAUTHORIZED, Cow::Borrowed(code), message)
            }
            other => (error.status(), other.to_ascii_uppercase().into(), error.message().into()),
        };
        // The page has the figure on a 429; on a 503 the header alone says it.
        let retry_after = error.retry_after().filter(|_| status == StatusCode::TOO_MANY_REQUESTS);
        let body = Body {
            error: Inner { code, message, http_status: status.as_u16() },
            meta: Meta { request_id: context.request_id(), retry_after },
        };
        Rendered::json(status, &body)
    }
}

fn unauthorized(error: &ApiError) -> (&'static str, Cow<'static, str>) {
    match error.refusal() {
        Some(Refusal::MissingCredential) => {
            ("MISSING_API_KEY", "No API key was provided. Add an X-API-Key header.".into())
        }
        Some(Refusal::Expired { at }) => {
            let message = format!(
                "This API key expired on {}. Create a new key in the dashboard.",
                date(*at)
            );
            ("EXPIRED_API_KEY", message.into())
        }
        _ => ("INVALID_API_KEY", "The API key provided is invalid or has been revoked.".into()),
    }
}

/// The day in UTC, as `2025-01-01`.
fn date(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%d").to_string()
}
