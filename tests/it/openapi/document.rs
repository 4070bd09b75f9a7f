//! A document as its readers see it: references followed.

use axum::Router;
use serde_json::{Value, json};

use crate::support::{Answer, Call, get, request};

pub(super) struct Document(pub(super) Value);

/// One operation of it.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    /// Each way to call it: the name of a scheme, and scopes.
    pub(super) ways: Vec<(String, Vec<String>)>,
    /// Whether it may be called without a key.
    pub(super) open: bool,
    pub(super) value: Value,
}

impl Document {
    pub(super) async fn of(app: &Router) -> Self {
        Self(get("/openapi.json").send(app).await.expect(200).json())
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let all = paths.flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| (path, method, operation))
        });
        all.map(|(path, method, operation)| Operation::read(path, method, operation)).collect()
    }

    pub(super) fn operation(&self, id: &str) -> Operation {
        let is_it = |operation: &Operation| operation.value["operationId"] == id;
        self.operations().into_iter().find(is_it).unwrap()
    }

    /// What stands at a reference, or the value itself.
    pub(super) fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        match value["$ref"].as_str() {
            Some(reference) => self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
            None => value,
        }
    }

    /// What an operation answers with a status.
    #[track_caller]
    pub(super) fn response(&self, operation: &Operation, status: u16) -> &Value {
        let response = &operation.value["responses"][status.to_string()];
        assert!(!response.is_null(), "{operation} is not documented to answer {status}");
        // Of the same document, which lives longer than the operation read from it.
        let path = self.0.pointer(&operation.pointer()).unwrap();
        self.resolve(&path["responses"][status.to_string()])
    }

    /// That an answer is one of those which the operation is documented to give.
    #[track_caller]
    pub(super) fn check(&self, operation: &Operation, answer: &Answer) {
        let response = self.response(operation, answer.status);
        let content_type = answer.header("content-type");
        let content = &response["content"][content_type];
        assert!(!content.is_null(), "{operation}: {content_type} of {}", answer.status);
        for (name, header) in response["headers"].as_object().unwrap() {
            let required = self.resolve(header)["required"] == json!(true);
            assert!(!required || answer.has(name), "{operation}: {name} of {}", answer.status);
        }
    }
}

impl Operation {
    fn read(path: &str, method: &str, value: &Value) -> Self {
        let security = value["security"].as_array().cloned().unwrap_or_default();
        let ways = security.iter().filter_map(|way| way.as_object().unwrap().iter().next());
        let names = |scopes: &Value| serde_json::from_value(scopes.clone()).unwrap();
        Self {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            ways: ways.map(|(scheme, scopes)| (scheme.clone(), names(scopes))).collect(),
            open: security.contains(&json!({})),
            value: value.clone(),
        }
    }

    /// A request of it: with a path that leads nowhere, and a body that says nothing.
    pub(super) fn call(&self) -> Call {
        let call = request(self.method.parse().unwrap(), &self.path.replace("{id}", "nowhere"));
        if self.value["requestBody"].is_null() { call } else { call.json(json!({})) }
    }

    /// Whether these scopes are documented to be enough.
    pub(super) fn is_opened_by(&self, held: &[&str]) -> bool {
        self.ways.iter().any(|(_, way)| way.iter().all(|scope| held.contains(&scope.as_str())))
    }

    /// Every scope that it names, once.
    pub(super) fn scopes(&self) -> Vec<String> {
        let mut scopes: Vec<_> = self.ways.iter().flat_map(|(_, way)| way.clone()).collect();
        scopes.sort();
        scopes.dedup();
        scopes
    }

    fn pointer(&self) -> String {
        let path = self.path.replace('~', "~0").replace('/', "~1");
        format!("/paths/{path}/{}", self.method.to_ascii_lowercase())
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
