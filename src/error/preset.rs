use std::borrow::Cow;

use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::{ApiError, Envelope, FieldError, Rendered, RequestContext};
use crate::ScopeName;

/// The envelope unless a service has its own:
/// `{"error":{"type","code","message","requestId"}}`.
///
/// ```
/// use keygate::error::{ApiError, Envelope, RequestContext, StandardEnvelope};
///
/// let rendered = StandardEnvelope.render(&ApiError::not_found(), &RequestContext::new(Some("req_1")));
/// assert_eq!(
///     &rendered.body[..],
///     br#"{"error":{"type":"not_found","code":"not_found","message":"No such resource.","requestId":"req_1"}}"#,
/// );
/// ```
///
/// `requestId` is left out where there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardEnvelope;

/// Problem details of [RFC 9457], `application/problem+json`.
///
/// Beside the standard's members `type`, `title`, `status` and `detail` it has `code`,
/// `request_id`, and where they apply `errors` (the fields), `missing_scopes` and `retry_after`
/// (seconds).
///
/// ```
/// use keygate::error::{ApiError, Envelope, ProblemDetails, RequestContext};
///
/// let problems = ProblemDetails::new().types_at("https://docs.example.com/errors/");
/// let rendered = problems.render(&ApiError::not_found(), &RequestContext::new(None));
/// assert_eq!(rendered.content_type, "application/problem+json");
/// assert!(rendered.body.starts_with(br#"{"type":"https://docs.example.com/errors/not_found","#));
/// ```
///
/// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
#[derive(Debug, Clone, Default)]
pub struct ProblemDetails {
    types_at: Option<Cow<'static, str>>,
}

impl Envelope for StandardEnvelope {
    fn render(&self, error: &ApiError, context: &RequestContext<'_>) -> Rendered {
        let (code, message) = (escaped(error.code()), escaped(error.message()));
        let (id_follows, id) = match context.request_id() {
            Some(id) => (r#"","requestId":""#, escaped(id)),
            None => ("", Cow::default()),
        };
        // Joined, not serialised: a refusal is to cost less than what it refuses.
        let body = [
            r#"{"error":{"type":""#,
            error.error_type().as_str(),
            r#"","code":""#,
            &code,
            r#"","message":""#,
            &message,
            id_follows,
            &id,
            r#""}}"#,
        ]
        .concat();
        let content_type = HeaderValue::from_static("application/json");
        Rendered { status: error.status(), content_type, body: body.into() }
    }
}

impl ProblemDetails {
    /// Problems whose `type` is `about:blank`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Problems whose `type` is `base` followed by the code, where their documentation lives.
    #[must_use]
    pub fn types_at(mut self, base: impl Into<Cow<'static, str>>) -> Self {
        self.types_at = Some(base.into());
        self
    }
}

impl Envelope for ProblemDetails {
    fn render(&self, error: &ApiError, context: &RequestContext<'_>) -> Rendered {
        let status = error.status();
        let body = Problem {
            kind: match &self.types_at {
                Some(base) => format!("{base}{}", error.code()).into(),
                None => "about:blank".into(),
            },
            title: title(status),
            status: status.as_u16(),
            detail: error.message(),
            code: error.code(),
            request_id: context.request_id(),
            errors: error.fields().iter().map(Field::from).collect(),
            missing_scopes: error.missing_scopes().iter().map(ScopeName::as_str).collect(),
            retry_after: error.retry_after(),
        };
        let content_type = HeaderValue::from_static("application/problem+json");
        Rendered { content_type, ..Rendered::json(status, &body) }
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: Cow<'static, str>,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Field<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_scopes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a str,
    detail: &'a str,
}

impl<'a> From<&'a FieldError> for Field<'a> {
    fn from(field: &'a FieldError) -> Self {
        Self { name: &field.name, detail: &field.problem }
    }
}

/// The text as it stands between the quotes of JSON. Hardly any holds what JSON escapes.
fn escaped(text: &str) -> Cow<'_, str> {
    // No way out of the loop: so the compiler can look at many bytes at a time.
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        return text.into();
    }
    let quoted = serde_json::Value::from(text).to_string();
    let inside = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inside.unwrap_or_default().to_owned().into()
}

/// With `about:blank` the title is the phrase of the status (RFC 9457 section 4.2.1).
fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}
