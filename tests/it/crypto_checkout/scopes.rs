//! C3, C4: nine scopes, each for its own endpoints.

use http::Method;
use keygate::{Mode, NewKey, ScopeName};
use serde_json::{Value, json};

use super::{all_scopes, any_key, create, id, link, list, server};
use crate::support::{get, request};

/// An endpoint, a body that it takes, and the scope that it needs. `{id}` stands for an object of
/// the kind that the path names.
pub(super) struct Route {
    method: &'static str,
    pub(super) path: &'static str,
    body: &'static str,
    scope: &'static str,
    /// The answer to a caller who may and whose object exists.
    status: u16,
}

const LINK: &str = r#"{"amount":"100.00","currency":"USDT"}"#;
const HOOK: &str = r#"{"url":"https://example.com/h","events":["session.completed"]}"#;
const BUYER: &str = r#"{"email":"a@example.com"}"#;

pub(super) const ROUTES: &[Route] = &[
    route("GET", "/api/v1/checkout_sessions", "", "sessions:read", 200),
    route("GET", "/api/v1/checkout_sessions/{id}", "", "sessions:read", 200),
    route("POST", "/api/v1/checkout_sessions", LINK, "sessions:write", 201),
    route("GET", "/api/v1/payment_links", "", "links:read", 200),
    route("GET", "/api/v1/payment_links/{id}", "", "links:read", 200),
    route("POST", "/api/v1/payment_links", LINK, "links:write", 201),
    route("PATCH", "/api/v1/payment_links/{id}", LINK, "links:write", 200),
    route("POST", "/api/v1/payment_links/{id}/archive", "", "links:write", 200),
    route("DELETE", "/api/v1/payment_links/{id}", "", "links:write", 200),
    route("GET", "/api/v1/webhooks", "", "webhooks:read", 200),
    route("GET", "/api/v1/webhooks/{id}", "", "webhooks:read", 200),
    route("POST", "/api/v1/webhooks", HOOK, "webhooks:write", 201),
    route("POST", "/api/v1/webhooks/{id}/test", "", "webhooks:write", 200),
    route("DELETE", "/api/v1/webhooks/{id}", "", "webhooks:write", 200),
    route("GET", "/api/v1/events", "", "events:read", 200),
    route("GET", "/api/v1/events/{id}", "", "events:read", 200),
    route("GET", "/api/v1/customers", "", "customers:read", 200),
    route("GET", "/api/v1/customers/{id}", "", "customers:read", 200),
    route("POST", "/api/v1/customers", BUYER, "customers:write", 201),
    route("PATCH", "/api/v1/customers/{id}", BUYER, "customers:write", 200),
];

const fn route(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    scope: &'static str,
    status: u16,
) -> Route {
    Route { method, path, body, scope, status }
}

impl Route {
    pub(super) fn method(&self) -> Method {
        self.method.parse().unwrap()
    }

    pub(super) fn body(&self) -> Value {
        serde_json::from_str(self.body).unwrap_or(Value::Null)
    }

    pub(super) fn scope(&self) -> &str {
        self.scope
    }

    /// The collection's name.
    pub(super) fn what(&self) -> &str {
        self.path.trim_start_matches("/api/v1/").split('/').next().unwrap()
    }
}

/// One object of each kind, whose id takes the place of `{id}`.
pub(super) async fn an_object(server: &crate::support::Server, what: &str, key: &str) -> String {
    let body = ROUTES.iter().find(|route| route.what() == what && route.status == 201);
    if let Some(route) = body {
        return id(&create(server, what, route.body(), key).await.json()).to_owned();
    }
    create(server, "payment_links", link(), key).await.expect(201);
    id(&list(server, "events", key).await.json()["data"][0]).to_owned()
}

#[tokio::test]
async fn c3_the_nine_scopes_are_those_of_the_page() {
    let listed = server().look("scopes").await.expect(200).json();
    let names: Vec<_> =
        listed["data"].as_array().unwrap().iter().map(|scope| scope["name"].clone()).collect();
    let page = [
        "links:read",
        "links:write",
        "sessions:read",
        "sessions:write",
        "webhooks:read",
        "webhooks:write",
        "events:read",
        "customers:read",
        "customers:write",
    ];
    assert_eq!(names, page);
    for scope in listed["data"].as_array().unwrap() {
        assert!(!scope["description"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn c3_each_endpoint_opens_to_its_own_scope_and_to_no_other() {
    let server = server();
    let owner = any_key(&server, Mode::Test).await;
    let mut keys = Vec::new();
    for scope in all_scopes() {
        let key = server.issue(NewKey::named(scope.as_str()).scopes([scope.clone()])).await;
        keys.push((scope, key));
    }
    for route in ROUTES {
        for (scope, key) in &keys {
            let object = an_object(&server, route.what(), owner.key().expose()).await;
            let path = route.path.replace("{id}", &object);
            let call = request(route.method(), &path).bearer(key.key().expose());
            let call = if route.body.is_empty() { call } else { call.json(route.body()) };
            let answer = server.send(call).await;
            let may = scope.as_str() == route.scope;
            let expected = if may { route.status } else { 403 };
            assert_eq!(answer.status, expected, "{} {} with {scope}", route.method, route.path);
            if !may {
                names_the_scope(&answer, route.scope);
            }
        }
    }
}

fn names_the_scope(answer: &crate::support::Answer, scope: &str) {
    let error = &answer.json()["error"];
    assert_eq!(error["type"], "permission");
    assert!(error["message"].as_str().unwrap().contains(scope), "{error}");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{challenge}");
}

#[tokio::test]
async fn c3_a_key_without_scopes_opens_nothing_and_hides_what_exists() {
    let server = server();
    let owner = any_key(&server, Mode::Test).await;
    let bare = server.issue(NewKey::named("bare")).await;
    let object = an_object(&server, "payment_links", owner.key().expose()).await;
    for id in [&*object, "plink_unknown"] {
        let call = get(&format!("/api/v1/payment_links/{id}")).bearer(bare.key().expose());
        server.send(call).await.expect(403);
    }
}

#[tokio::test]
async fn c3_r4_a_change_of_scopes_counts_for_the_next_request() {
    let server = server();
    let key = server.issue(NewKey::named("narrow")).await;
    let text = key.key().expose();
    list(&server, "events", text).await.expect(403);
    let path = format!("keys/{}", key.id());
    server.change(&path, json!({ "scopes": ["events:read"] })).await.expect(200);
    list(&server, "events", text).await.expect(200);
    server.change(&path, json!({ "scopes": [] })).await.expect(200);
    list(&server, "events", text).await.expect(403);
}

#[tokio::test]
async fn c3_scopes_that_a_key_has_twice_count_once() {
    let server = server();
    let twice = [ScopeName::from_static("events:read"), ScopeName::from_static("events:read")];
    let key = server.issue(NewKey::named("twice").scopes(twice)).await;
    let shown = server.look(&format!("keys/{}", key.id())).await.json();
    assert_eq!(shown["scopes"], json!(["events:read"]));
}
