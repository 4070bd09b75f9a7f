//! How PIK writes errors: `{"error":{"code","message"},"request_id"}`.

use std::borrow::Cow;

use axum::http::StatusCode;
use keygate::error::{Envelope, Rendered, RequestContext};
use keygate::{ApiError, Refusal, ScopeName};
use serde::Serialize;

/// The page names two codes, `unauthorized` and `forbidden`; the others are the crate's.
#[derive(Debug, Clone, Copy)]
pub(super) struct PikEnvelope;

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'a str,
    message: Cow<'a, str>,
}

impl Envelope for PikEnvelope {
    fn render(&self, error: &ApiError, context: &RequestContext<'_>) -> Rendered {
        let (code, message) = match error.code() {
            "invalid_api_key" => {
                ("unauthorized", "No API key provided or the key is invalid.".into())
            }
            "insufficient_scope" | "forbidden" => ("forbidden", forbidden(error)),
            other => (own(other, error.status()), error.message().into()),
        };
        let body = Body { error: Inner { code, message }, request_id: context.request_id() };
        Rendered::json(error.status(), &body)
    }
}

/// The codes of the page stand for their status, `https_required` apart.
fn own(code: &str, status: StatusCode) -> &str {
    match status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN if code != "https_required" => "forbidden",
        _ => code,
    }
}

fn forbidden(error: &ApiError) -> Cow<'_, str> {
    const DENIED: &str = "The API key does not have permission for this action.";
    match error.refusal() {
        Some(Refusal::UnconnectedAccount) => {
            "The account is not connected to this platform.".into()
        }
        Some(Refusal::UnverifiedAccount) => "The connected account is not verified.".into(),
        Some(Refusal::InsufficientScope) => {
            let missing = error.missing_scopes().iter().map(ScopeName::as_str);
            format!("{DENIED} Missing: {}.", missing.collect::<Vec<_>>().join(", ")).into()
        }
        _ => DENIED.into(),
    }
}
