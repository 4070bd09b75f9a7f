//! The headers that a document tells of.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

/// Those that describe the body, which has a description of its own.
pub(super) const OF_THE_BODY: [&str; 2] = ["content-type", "content-length"];

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

pub(super) const REQUEST_ID: &str = "x-request-id";
pub(super) const REPLAYED: &str = "idempotent-replayed";
pub(super) const LIMIT: [&str; 3] =
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
pub(super) const IETF_LIMIT: [&str; 2] = ["ratelimit-policy", "ratelimit"];

/// A header in lower case, as a document has it: its usual spelling, and what it says.
pub(super) fn described(name: &str) -> (String, Value) {
    let whole = json!({ "type": "integer", "minimum": 0 });
    let text = json!({ "type": "string" });
    let (spelling, description, schema) = match name {
        REQUEST_ID => ("X-Request-Id", "The request's id, as in the service's log.", text),
        "www-authenticate" => (
            "WWW-Authenticate",
            "The challenge of RFC 6750: `Bearer`, with an `error` unless no key was sent. Of a \
             missing scope it says which.",
            text,
        ),
        "retry-after" => (
            "Retry-After",
            "The whole seconds after which the request may be sent again.",
            json!({ "type": "integer", "minimum": 1 }),
        ),
        "cache-control" => ("Cache-Control", "Whether the answer may be kept.", text),
        "x-ratelimit-limit" => ("X-RateLimit-Limit", "How many requests fit at once.", whole),
        "x-ratelimit-remaining" => {
            ("X-RateLimit-Remaining", "How many more would be admitted now.", whole)
        }
        "x-ratelimit-reset" => (
            "X-RateLimit-Reset",
            "The Unix second at which nothing of the limit is used up any more.",
            whole,
        ),
        "ratelimit-policy" => (
            "RateLimit-Policy",
            "The quota `q` and the seconds `w` in which an empty one fills \
             (draft-ietf-httpapi-ratelimit-headers).",
            text,
        ),
        "ratelimit" => (
            "RateLimit",
            "What is left, `r`, and the seconds until the next request is admitted, `t` \
             (draft-ietf-httpapi-ratelimit-headers).",
            text,
        ),
        REPLAYED => (
            "Idempotent-Replayed",
            "There if this is the answer that the first request with this key was given.",
            json!({ "type": "string", "const": "true" }),
        ),
        other => (other, "", text),
    };
    let header = match description {
        "" => json!({ "schema": schema }),
        _ => json!({ "schema": schema, "description": description }),
    };
    (spelling.to_owned(), header)
}

/// The parameter that names a connected account.
pub(super) fn on_behalf_of(name: &str) -> Value {
    json!({
        "in": "header",
        "name": name,
        "description": "The connected account that the request is made for; the caller's own \
                        unless sent.",
        "schema": {
            "type": "string",
            // What `AccountId::parse` takes.
            "pattern": r"^[!#-+\--\[\]-~]{1,128}$",
        },
        "style": "simple",
    })
}

#[cfg(feature = "idempotency")]
/// The parameter that makes a request one that is carried out once.
pub(super) fn idempotency_key() -> Value {
    json!({
        "in": "header",
        "name": "Idempotency-Key",
        "description": "The client's own name for this operation: 1 to 255 visible ASCII \
                        characters, bare or as a quoted string. Requests with the same name are \
                        carried out once.",
        "schema": {
            "type": "string",
            "pattern": r#"^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$"#,
        },
        "style": "simple",
    })
}

/// Adds to that parameter how long its answer is kept; leaves others as they are.
pub(super) fn tell_how_long(parameter: &mut Value, seconds: u64) {
    let is_it = parameter.get("name").is_some_and(|name| name == IDEMPOTENCY_KEY);
    let Some(Value::String(description)) = parameter.get_mut("description").filter(|_| is_it)
    else {
        return;
    };
    let (count, unit) = match (seconds / 3600, seconds % 3600) {
        (hours, 0) => (hours, "hour"),
        _ => (seconds, "second"),
    };
    let plural = if count == 1 { "" } else { "s" };
    // Writing to a `String` cannot fail.
    let _ = write!(description, " The answer is kept for {count} {unit}{plural}.");
}

/// The schemes by which keys are sent.
pub(super) fn security_schemes(auth: &super::layers::Auth) -> Map<String, Value> {
    let mut description = String::from("An API key.");
    if !auth.scopes.is_empty() {
        description.push_str(" A key holds some of these scopes:\n");
        for (name, grants) in &auth.scopes {
            // Writing to a `String` cannot fail.
            let _ = write!(description, "\n- `{name}`: {grants}");
        }
    }
    let bearer = json!({ "type": "http", "scheme": "bearer", "description": description });
    let own = auth.headers.iter().map(|header| {
        let scheme =
            json!({ "type": "apiKey", "in": "header", "name": header, "description": description });
        (super::layers::component(header), scheme)
    });
    own.chain([("bearer".to_owned(), bearer)]).collect()
}
