use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::access::Access;
use super::fault::Fault;
use super::layers::Outline;
use super::mark::{self, Mark};
use super::shape::shape;
use super::undecided::Reason;
use super::{ERROR, headers};
use crate::envelope::by_status;
use crate::{ApiError, EnvelopeLayer, ErrorBody, ErrorCode};

/// The name of the schema that all errors have.
const SCHEMA: &str = "ApiError";

type Object = Map<String, Value>;

/// Writes what marks say into the operations of one document, in one envelope.
pub(super) struct Pen<'l> {
    envelope: &'l EnvelopeLayer,
    /// The request's id in examples.
    id: String,
    schemes: Object,
    /// Those that are the same for several operations.
    responses: Object,
    /// The headers that are referred to.
    headers: BTreeSet<String>,
}

/// The body of an error as it is sent.
struct Text(Bytes);

/// An error as clients see it.
struct Written {
    name: String,
    message: String,
    headers: Vec<String>,
    content_type: String,
    body: Value,
    is_limited: bool,
    /// Whether it names what this operation alone needs.
    is_particular: bool,
}

impl<'l> Pen<'l> {
    pub(super) fn new(envelope: &'l EnvelopeLayer) -> Self {
        let id = envelope.example_id();
        let (schemes, responses) = (Object::new(), Object::new());
        Self { envelope, id, schemes, responses, headers: BTreeSet::new() }
    }

    /// Says of one operation who may call it, with which scopes, and how it fails.
    pub(super) fn write(&mut self, operation: &mut Object) {
        let mark = Mark::read(operation.remove(mark::KEY).as_ref());
        let layers = mark.layers.clone().unwrap_or_default();
        self.write_security(operation, &mark.access, &layers);
        if let Some(header) = &layers.on_behalf_of {
            let parameter = headers::on_behalf_of(header);
            match operation.get_mut("parameters").and_then(Value::as_array_mut) {
                Some(parameters) => parameters.push(parameter),
                None => drop(operation.insert("parameters".into(), json!([parameter]))),
            }
        }
        if let Some(sentence) = mark.access.sentence() {
            let before = operation.get("description").and_then(Value::as_str).unwrap_or_default();
            let description = format!("{before}\n\n{sentence}");
            operation.insert("description".into(), description.trim().into());
        }
        self.write_responses(operation, &mark, &layers);
    }

    /// What the operations that were written refer to, by the names of a document's components.
    pub(super) fn components(self) -> Value {
        let headers = self.headers.iter().map(|name| {
            let (spelling, header) = headers::described(name);
            (spelling, with(header, "required", true))
        });
        let headers: Object = headers.collect();
        let schema = with(self.schema(), "description", "What every error is sent as.");
        json!({
            "securitySchemes": self.schemes,
            "responses": self.responses,
            "headers": headers,
            "schemas": { SCHEMA: schema },
        })
    }

    fn write_security(&mut self, operation: &mut Object, access: &Access, layers: &Outline) {
        let by_hand = operation.get("security").and_then(Value::as_array);
        if by_hand.is_some_and(|security| !security.is_empty()) {
            return;
        }
        if let Some(auth) = &layers.auth {
            self.schemes.append(&mut headers::security_schemes(auth));
        }
        if let Some(security) = security(access, layers) {
            operation.insert("security".into(), security);
        }
        if let Some(reason) = Reason::of(access, layers) {
            operation.insert(super::undecided::KEY.into(), reason.as_str().into());
        }
    }

    fn write_responses(&mut self, operation: &mut Object, mark: &Mark, layers: &Outline) {
        let mut by_status: BTreeMap<String, Vec<Written>> = BTreeMap::new();
        let mut faults = layers.faults(matches!(mark.access, Access::Key(_)));
        faults.extend(&mark.faults);
        if has_path_parameters(operation) {
            faults.push(Fault::InvalidPath);
        }
        for fault in faults {
            let error = fault.error(&mark.access);
            let (status, mut written) = self.written(fault.name(), error, fault.is_limited());
            written.is_particular = fault == Fault::InsufficientScope;
            by_status.entry(status.as_str().to_owned()).or_default().push(written);
        }
        let mut responses = taken(operation, "responses");
        // What the application documents to be an `ApiError`, as it says with which status.
        let placeholders = responses.iter().filter(|(_, response)| response.get(ERROR).is_some());
        let placeholders: Vec<_> = placeholders.map(|(status, _)| status.clone()).collect();
        for status in placeholders {
            responses.remove(&status);
            let error = error_of(&status);
            let (_, written) = self.written("error".into(), error, true);
            by_status.entry(status).or_default().push(written);
        }
        for (status, response) in &mut responses {
            if by_status.contains_key(status) {
                continue;
            }
            let mut names = vec![headers::REQUEST_ID];
            names.extend(limit_headers(layers));
            self.refer(response, &names, &[]);
            if mark.replays && status.starts_with('2') {
                self.refer(response, &[], &[headers::REPLAYED]);
            }
        }
        for (status, errors) in by_status {
            // The application's own words stay.
            if let Some(own) = responses.get_mut(&status) {
                self.refer(own, &[headers::REQUEST_ID], &[]);
                continue;
            }
            let response = self.response(&errors, layers);
            let response = if errors.iter().any(|error| error.is_particular) {
                response
            } else {
                self.shared(&status, response)
            };
            responses.insert(status, response);
        }
        operation.insert("responses".into(), responses.into());
    }

    /// What all these errors, which have one status, look like.
    fn response(&mut self, errors: &[Written], layers: &Outline) -> Value {
        let mut messages: Vec<&str> = Vec::new();
        let mut content = Object::new();
        for error in errors {
            if !messages.contains(&error.message.as_str()) {
                messages.push(&error.message);
            }
            let schema = match error.body {
                Value::String(_) => json!({ "type": "string" }),
                _ => json!({ "$ref": format!("#/components/schemas/{SCHEMA}") }),
            };
            let mut media = taken(&mut content, &error.content_type);
            let mut examples = taken(&mut media, "examples");
            // A client that cannot tell them apart is shown one.
            if !examples.values().any(|example| example["value"] == error.body) {
                examples.insert(error.name.clone(), json!({ "value": error.body }));
            }
            media.insert("schema".into(), schema);
            media.insert("examples".into(), examples.into());
            content.insert(error.content_type.clone(), media.into());
        }
        let mut response = json!({ "description": messages.join(" "), "content": content });
        let (mut always, mut sometimes) = (vec![headers::REQUEST_ID], Vec::new());
        let sent: BTreeSet<_> = errors.iter().flat_map(|error| &error.headers).collect();
        for name in sent {
            let by_all = errors.iter().all(|error| error.headers.contains(name));
            if by_all { always.push(name) } else { sometimes.push(name.as_str()) }
        }
        let limit = limit_headers(layers);
        if errors.iter().all(|error| error.is_limited) {
            always.extend(limit);
        } else if errors.iter().any(|error| error.is_limited) {
            sometimes.extend(limit);
        }
        self.refer(&mut response, &always, &sometimes);
        response
    }

    /// A reference to a response that stands in the document once, by the phrase of its status.
    fn shared(&mut self, status: &str, response: Value) -> Value {
        let phrase = status.parse().ok().and_then(|status: StatusCode| status.canonical_reason());
        let phrase: String = phrase.unwrap_or("Error").split(' ').collect();
        let names = (2..).map(|number| format!("{phrase}{number}"));
        for name in std::iter::once(phrase.clone()).chain(names) {
            let known = self.responses.entry(&name).or_insert_with(|| response.clone());
            if *known == response {
                return json!({ "$ref": format!("#/components/responses/{name}") });
            }
        }
        response
    }

    /// Adds headers to a response: some that each answer has, and some that not each has.
    fn refer(&mut self, response: &mut Value, always: &[&str], sometimes: &[&str]) {
        let Some(response) = response.as_object_mut().filter(|own| !own.contains_key("$ref"))
        else {
            return;
        };
        let mut present = taken(response, "headers");
        for name in always {
            let (spelling, _) = headers::described(name);
            let reference = format!("#/components/headers/{spelling}");
            self.headers.insert((*name).to_owned());
            present.entry(spelling).or_insert_with(|| json!({ "$ref": reference }));
        }
        for name in sometimes {
            let (spelling, header) = headers::described(name);
            present.entry(spelling).or_insert(header);
        }
        if !present.is_empty() {
            response.insert("headers".into(), present.into());
        }
    }

    fn written(&self, name: String, error: ApiError, is_limited: bool) -> (StatusCode, Written) {
        let message = error.message().to_owned();
        let response: Response<Text> = self.envelope.example(error, &self.id);
        let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let content_type = response.headers().get(http::header::CONTENT_TYPE).map(text);
        let headers = response.headers().keys().map(|name| name.as_str().to_owned());
        let headers = headers.filter(|name| !headers::OF_THE_BODY.contains(&&**name)).collect();
        let body = &response.body().0;
        let body = serde_json::from_slice(body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
        let content_type = content_type.unwrap_or_default();
        let is_particular = false;
        let written =
            Written { name, message, headers, content_type, body, is_limited, is_particular };
        (response.status(), written)
    }

    /// What the envelope makes of any error.
    fn schema(&self) -> Value {
        use Fault::{ExpiredKey, InsufficientScope, KeysUnavailable, RateLimited};
        let codes = ErrorCode::ALL.iter().map(|code| ApiError::new(*code));
        let access = Access::Key(vec![vec!["a".into()]]);
        let detailed = [ExpiredKey, InsufficientScope, KeysUnavailable, RateLimited];
        let detailed = detailed.map(|fault| fault.error(&access));
        let field = ApiError::invalid_field("a", "must be b");
        let errors = codes.chain(detailed).chain([field]);
        let bodies: Vec<_> =
            errors.map(|error| self.written(String::new(), error, false).1.body).collect();
        shape(&bodies.iter().collect::<Vec<_>>())
    }
}

impl ErrorBody for Text {
    fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

/// The ways in which an operation may be called; `None` where nobody verifies keys that it asks
/// for, or nobody says anything.
fn security(access: &Access, layers: &Outline) -> Option<Value> {
    let nothing = || json!({});
    let Some(auth) = &layers.auth else {
        return (*access == Access::Public).then(|| json!([nothing()]));
    };
    let any = vec![Vec::new()];
    let ways = if let Access::Key(ways) = access { ways } else { &any };
    let schemes = auth.schemes();
    let ways = ways.iter().flat_map(|way| schemes.iter().map(move |scheme| json!({ scheme: way })));
    let open = auth.anonymous && !matches!(access, Access::Key(_));
    Some(ways.chain(open.then(nothing)).collect())
}

fn limit_headers(layers: &Outline) -> Vec<&'static str> {
    let Some(limit) = &layers.limit else { return Vec::new() };
    let ietf = headers::IETF_LIMIT.iter().filter(|_| limit.ietf);
    headers::LIMIT.iter().chain(ietf).copied().collect()
}

fn error_of(status: &str) -> ApiError {
    let status = status.parse().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    by_status(status)
}

fn has_path_parameters(operation: &Object) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == "path"))
}

/// The same object with one member more.
fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value.into());
    }
    object
}

/// Takes an object out of another one, to be put back; an empty one if there is none.
fn taken(within: &mut Object, name: &str) -> Object {
    match within.remove(name) {
        Some(Value::Object(object)) => object,
        _ => Object::new(),
    }
}
