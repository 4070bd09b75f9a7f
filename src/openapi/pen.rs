use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::access::Access;
use super::fault::Fault;
use super::layers::Outline;
use super::mark::{self, Mark};
use super::route::Route;
use super::undecided::{self, Reason};
use super::written::{self, SCHEMA, Writer, Written};
use super::{ERROR, headers, taken, taken_list};
use crate::envelope::by_status;
use crate::{ApiError, EnvelopeLayer};

type Object = Map<String, Value>;

/// Writes what marks say into the operations of one document, in one envelope.
pub(super) struct Pen<'l> {
    writer: Writer<'l>,
    schemes: Object,
    /// Those that are the same for several operations.
    responses: Object,
    /// The headers that are referred to.
    headers: BTreeSet<String>,
}

impl<'l> Pen<'l> {
    pub(super) fn new(envelope: &'l EnvelopeLayer) -> Self {
        let (schemes, responses) = (Object::new(), Object::new());
        Self { writer: Writer::new(envelope), schemes, responses, headers: BTreeSet::new() }
    }

    /// Says of one operation who may call it, with which scopes, and how it fails.
    pub(super) fn write(&mut self, route: &Route<'_>, operation: &mut Object) {
        let mark = Mark::read(operation.remove(mark::KEY).as_ref());
        let layers = mark.layers.clone().unwrap_or_default();
        self.write_security(operation, &mark.access, &layers);
        route.complete(operation);
        if let Some(header) = &layers.on_behalf_of {
            let mut parameters = taken_list(operation, "parameters");
            parameters.push(headers::on_behalf_of(header));
            operation.insert("parameters".into(), parameters.into());
        }
        if let Some(seconds) = layers.keeps_answers_for {
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                headers::tell_how_long(parameter, seconds);
            }
        }
        if let Some(mut sentence) = mark.access.sentence() {
            let shadow = layers.auth.as_ref().map_or(&[][..], |auth| &auth.shadow);
            for scope in mark.access.names(shadow) {
                // Writing to a `String` cannot fail.
                let _ = write!(sentence, " `{scope}` is not enforced yet.");
            }
            let before = operation.get("description").and_then(Value::as_str).unwrap_or_default();
            let description = format!("{before}\n\n{sentence}");
            operation.insert("description".into(), description.trim().into());
        }
        let faults = faults(route, &mark, &layers);
        self.write_responses(operation, faults, &mark, &layers);
    }

    /// What the operations that were written refer to, by the names of a document's components.
    pub(super) fn components(self) -> Value {
        let headers = self.headers.iter().map(|name| {
            let (spelling, header) = headers::described(name);
            (spelling, with(header, "required", true))
        });
        let headers: Object = headers.collect();
        let schema = with(self.writer.schema(), "description", "What every error is sent as.");
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
            operation.insert(undecided::KEY.into(), reason.flag().into());
        }
    }

    fn write_responses(
        &mut self,
        operation: &mut Object,
        faults: Vec<Fault>,
        mark: &Mark,
        layers: &Outline,
    ) {
        let mut by_status: BTreeMap<String, Vec<Written>> = BTreeMap::new();
        for fault in faults {
            let written = self.writer.fault(fault, &mark.access);
            by_status.entry(written.status.as_str().to_owned()).or_default().push(written);
        }
        let mut responses = taken(operation, "responses");
        // What the application documents to be an `ApiError`, as it says with which status.
        let placeholders = responses.iter().filter(|(_, response)| response.get(ERROR).is_some());
        let placeholders: Vec<_> = placeholders.map(|(status, _)| status.clone()).collect();
        for status in placeholders {
            responses.remove(&status);
            let written = self.writer.error("error".into(), error_of(&status));
            by_status.entry(status).or_default().push(written);
        }
        // The application's own words stay.
        for (status, response) in &mut responses {
            let is_errors = by_status.remove(status).is_some();
            let (mut always, mut sometimes) = (vec![headers::REQUEST_ID], Vec::new());
            let limit = if is_errors { Vec::new() } else { limit_headers(layers) };
            if is_always_limited(layers) { &mut always } else { &mut sometimes }.extend(limit);
            if mark.replays && status.starts_with('2') {
                sometimes.push(headers::REPLAYED);
            }
            self.refer(response, &always, &sometimes);
        }
        for (status, errors) in by_status {
            let response = self.response(&errors, layers);
            let is_particular = errors.iter().any(|error| error.is_particular);
            let response =
                if is_particular { response } else { self.shared(&status, &errors, response) };
            responses.insert(status, response);
        }
        operation.insert("responses".into(), responses.into());
    }

    /// What all these errors, which have one status, look like.
    fn response(&mut self, errors: &[Written], layers: &Outline) -> Value {
        let (mut always, mut sometimes) = (vec![headers::REQUEST_ID], Vec::new());
        let sent: BTreeSet<_> = errors.iter().flat_map(|error| &error.headers).collect();
        for name in sent {
            let by_all = errors.iter().all(|error| error.headers.contains(name));
            if by_all { always.push(name) } else { sometimes.push(name.as_str()) }
        }
        let limit = limit_headers(layers);
        if is_always_limited(layers) && errors.iter().all(|error| error.is_limited) {
            always.extend(limit);
        } else if errors.iter().any(|error| error.is_limited) {
            sometimes.extend(limit);
        }
        let mut response = written::described(errors);
        self.refer(&mut response, &always, &sometimes);
        response
    }

    /// A reference to a response that stands in the document once, by the phrase of its status. One
    /// that differs from the first is named by what comes last on a request's way, too: that is what
    /// routes differ in.
    fn shared(&mut self, status: &str, errors: &[Written], response: Value) -> Value {
        let phrase = status.parse().ok().and_then(|status: StatusCode| status.canonical_reason());
        let phrase: String = phrase.unwrap_or("Error").split(' ').collect();
        let last = errors.last().map(Written::camel_name).unwrap_or_default();
        let particular = format!("{phrase}With{last}");
        let numbered = (2..).map(|number| format!("{particular}{number}"));
        for name in [phrase, particular.clone()].into_iter().chain(numbered) {
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

/// All ways in which an operation may fail.
fn faults(route: &Route<'_>, mark: &Mark, layers: &Outline) -> Vec<Fault> {
    let mut faults = layers.faults(matches!(mark.access, Access::Key(_)));
    faults.extend(&mark.faults);
    if route.has_parameters() {
        faults.extend(mark.fails.then_some(Fault::NotFound));
        faults.push(Fault::InvalidPath);
    }
    let shadow = layers.auth.as_ref().map_or(&[][..], |auth| &auth.shadow);
    if mark.access.is_of(shadow) {
        faults.retain(|fault| *fault != Fault::InsufficientScope);
    }
    faults
}

fn limit_headers(layers: &Outline) -> Vec<&'static str> {
    let Some(limit) = &layers.limit else { return Vec::new() };
    let ietf = headers::IETF_LIMIT.iter().filter(|_| limit.ietf);
    headers::LIMIT.iter().chain(ietf).copied().collect()
}

/// Whether the headers of a limit stand on all that comes from inside of it.
fn is_always_limited(layers: &Outline) -> bool {
    layers.limit.is_some_and(|limit| limit.always)
}

fn error_of(status: &str) -> ApiError {
    let status = status.parse().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    by_status(status)
}

/// The same object with one member more.
fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value.into());
    }
    object
}
