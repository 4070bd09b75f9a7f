use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::access::Access;
use super::fault::Fault;
use super::headers;
use super::shape::shape;
use crate::{ApiError, EnvelopeLayer, ErrorBody, ErrorCode};

/// The name of the schema that all errors have.
pub(super) const SCHEMA: &str = "ApiError";

/// Has errors written as clients get them.
pub(super) struct Writer<'l> {
    envelope: &'l EnvelopeLayer,
    /// The request's id in examples.
    id: String,
}

/// An error as clients see it.
pub(super) struct Written {
    pub(super) status: StatusCode,
    name: String,
    message: String,
    /// In lower case, without those of the body.
    pub(super) headers: Vec<String>,
    content_type: String,
    body: Value,
    /// Whether the headers of a limit stand on it too.
    pub(super) is_limited: bool,
    /// Whether it names what one operation alone needs.
    pub(super) is_particular: bool,
}

/// The body of an error as it is sent.
struct Text(Bytes);

impl Written {
    /// Its name as components are named: `InvalidBody` of `invalid_body`.
    pub(super) fn camel_name(&self) -> String {
        let words = self.name.split('_').map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or_default();
            first.to_ascii_uppercase() + rest
        });
        words.collect()
    }
}

impl<'l> Writer<'l> {
    pub(super) fn new(envelope: &'l EnvelopeLayer) -> Self {
        Self { envelope, id: envelope.example_id() }
    }

    /// A way to fail, in an operation that may be called so.
    pub(super) fn fault(&self, fault: Fault, access: &Access) -> Written {
        let is_particular = fault == Fault::InsufficientScope;
        let written = self.error(fault.name(), fault.error(access));
        Written { is_limited: fault.is_limited(), is_particular, ..written }
    }

    /// An error of the application's own.
    pub(super) fn error(&self, name: String, error: ApiError) -> Written {
        let message = error.message().to_owned();
        let response: Response<Text> = self.envelope.example(error, &self.id);
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let content_type = response.headers().get(CONTENT_TYPE).map(text).unwrap_or_default();
        let headers = response.headers().keys().map(|name| name.as_str().to_owned());
        let headers = headers.filter(|name| !headers::OF_THE_BODY.contains(&&**name)).collect();
        let body = &response.body().0;
        let body = serde_json::from_slice(body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
        let (is_limited, is_particular) = (true, false);
        let status = response.status();
        Written { status, name, message, headers, content_type, body, is_limited, is_particular }
    }

    /// What the envelope makes of any error.
    pub(super) fn schema(&self) -> Value {
        use Fault::{ExpiredKey, InsufficientScope, KeysUnavailable, RateLimited};
        let codes = ErrorCode::ALL.iter().map(|code| ApiError::new(*code));
        let access = Access::Key(vec![vec!["a".into()]]);
        let detailed = [ExpiredKey, InsufficientScope, KeysUnavailable, RateLimited];
        let detailed = detailed.map(|fault| fault.error(&access));
        let field = ApiError::invalid_field("a", "must be b");
        let errors = codes.chain(detailed).chain([field]);
        let bodies: Vec<_> = errors.map(|error| self.error(String::new(), error).body).collect();
        shape(&bodies.iter().collect::<Vec<_>>())
    }
}

impl ErrorBody for Text {
    fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

/// What they say, and their bodies by content type.
pub(super) fn described(errors: &[Written]) -> Value {
    let mut messages: Vec<&str> = Vec::new();
    let mut content: Map<String, Value> = Map::new();
    for error in errors {
        if !messages.contains(&error.message.as_str()) {
            messages.push(&error.message);
        }
        let mut media = super::taken(&mut content, &error.content_type);
        let mut examples = super::taken(&mut media, "examples");
        // Of those that a client cannot tell apart one is shown.
        if !examples.values().any(|example| example["value"] == error.body) {
            examples.insert(error.name.clone(), json!({ "value": error.body }));
        }
        let schema = match error.body {
            Value::String(_) => json!({ "type": "string" }),
            _ => json!({ "$ref": format!("#/components/schemas/{SCHEMA}") }),
        };
        media.insert("schema".into(), schema);
        media.insert("examples".into(), examples.into());
        content.insert(error.content_type.clone(), media.into());
    }
    json!({ "description": messages.join(" "), "content": content })
}
