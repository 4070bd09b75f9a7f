//! C3, C4, P3: what is documented is what is enforced, for every operation and every scope.

use http::Method;
use keygate::openapi::{unanswered, undecided};
use regex::Regex;

use super::document::{Document, Operation};
use super::{Service, services};
use crate::support::request;

#[tokio::test]
async fn each_operation_opens_to_the_scopes_that_it_documents_and_to_no_fewer() {
    for service in services() {
        let document = service.document().await;
        for operation in document.operations() {
            if operation.open {
                is_open(&service, &document, &operation).await;
            } else {
                is_closed(&service, &document, &operation).await;
            }
        }
    }
}

async fn is_open(service: &Service, document: &Document, operation: &Operation) {
    let answer = service.send(operation.call()).await.expect(200);
    document.check(operation, &answer);
}

async fn is_closed(service: &Service, document: &Document, operation: &Operation) {
    let answer = service.send(operation.call()).await.expect(401);
    document.check(operation, &answer);

    let everything = service.key(service.scopes.clone()).await;
    let answer = service.send(operation.call().bearer(&everything)).await;
    assert!(![401, 403].contains(&answer.status), "{operation}: {}", answer.shown());
    document.check(operation, &answer);

    for scope in &service.scopes {
        let key = service.key_without(scope).await;
        let held: Vec<_> = service.scopes.iter().map(keygate::ScopeName::as_str).collect();
        let held: Vec<_> = held.into_iter().filter(|held| *held != scope.as_str()).collect();
        let answer = service.send(operation.call().bearer(&key)).await;
        document.check(operation, &answer);
        if operation.is_opened_by(&held) {
            assert!(![401, 403].contains(&answer.status), "{operation} without {scope}");
        } else {
            assert_eq!(answer.status, 403, "{operation} without {scope}");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains(scope.as_str()), "{operation}: {challenge}");
        }
    }
    let named: Vec<_> = operation.scopes().iter().map(|name| name.parse().unwrap()).collect();
    let key = service.key(named.clone()).await;
    let answer = service.send(operation.call().bearer(&key)).await;
    assert!(![401, 403].contains(&answer.status), "{operation} with {named:?} alone");
}

/// The walk would be none if it met nothing.
#[tokio::test]
async fn every_endpoint_of_the_three_services_is_documented_and_has_a_scope_where_there_are_any() {
    for (service, endpoints) in services().iter().zip([20, 4, 3]) {
        let operations = service.document().await.operations();
        let keyed: Vec<_> = operations.iter().filter(|operation| !operation.open).collect();
        assert_eq!(keyed.len(), endpoints, "{}", service.name);
        for operation in keyed {
            assert!(operation.path.starts_with(service.prefix), "{operation}");
            assert_eq!(operation.scopes().is_empty(), service.scopes.is_empty(), "{operation}");
        }
        let open: Vec<_> = operations.iter().filter(|operation| operation.open).collect();
        let open: Vec<_> = open.iter().map(ToString::to_string).collect();
        assert_eq!(open, ["GET /docs", "GET /openapi.json"], "{}", service.name);
    }
}

#[tokio::test]
async fn every_scope_of_a_service_opens_something() {
    for service in services() {
        let operations = service.document().await.operations();
        for scope in &service.scopes {
            let opens =
                |operation: &Operation| operation.scopes().iter().any(|s| s == scope.as_str());
            assert!(operations.iter().any(opens), "{scope} of {}", service.name);
        }
    }
}

#[tokio::test]
async fn no_route_of_the_three_is_without_a_decision_or_an_answer() {
    for service in services() {
        let text = service.document().await.0.to_string();
        let document = serde_json::from_str(&text).unwrap();
        assert_eq!(undecided(&document), [], "{}", service.name);
        assert_eq!(unanswered(&document), [], "{}", service.name);
    }
}

/// What no document has nobody can look at: each path of a router, as its `Debug` tells them, and
/// each method that a path allows. The management API asks for an operator, not for a key.
#[tokio::test]
async fn no_route_of_the_three_is_left_out_of_its_document() {
    let is_managed = |path: &&str| path.starts_with("/dashboard");
    let listed = Regex::new(r#"RouteId\(\d+\): "([^"]+)""#).unwrap();
    for service in services() {
        let operations = service.document().await.operations();
        let shown = format!("{:?}", service.server.app);
        let shown = shown.split("fallback_router").next().unwrap();
        let routes = listed.captures_iter(shown).map(|route| route.get(1).unwrap().as_str());
        let (managed, routes): (Vec<_>, Vec<_>) = routes.partition(is_managed);
        assert!(!managed.is_empty(), "axum tells of routes in another way: {shown}");
        let key = service.key(service.scopes.clone()).await;
        for path in routes {
            let documented = operations.iter().filter(|operation| operation.path == path);
            let mut documented: Vec<_> = documented.map(|one| one.method.as_str()).collect();
            if documented.contains(&"GET") {
                documented.push("HEAD");
            }
            let call = request(Method::TRACE, &path.replace("{id}", "nowhere")).bearer(&key);
            let answer = service.send(call).await.expect(405);
            let mut allowed: Vec<_> = answer.header("allow").split(',').collect();
            allowed.sort_unstable();
            documented.sort_unstable();
            assert_eq!(documented, allowed, "{path} of {}", service.name);
        }
    }
}
