//! utoipa's documents read off a handler's first argument who may call it.

use axum::extract::Path;
use keygate::openapi::utoipa::handler;
use keygate::{Principal, Scoped, scopes};
use utoipa::openapi::{HttpMethod, OpenApi};

scopes! {
    /// Everything a key can be issued with.
    catalogue SCOPES;
    /// List and retrieve payment links.
    LinksRead = "links:read";
}

async fn says_it(_: Scoped<LinksRead>, _: Path<String>) {}

async fn says_it_too_late(_: Path<String>, _: Principal) {}

fn main() {
    let mut document = OpenApi::default();
    let _ = handler(&mut document, &HttpMethod::Get, "/links/{id}", says_it);
    let _ = handler(&mut document, &HttpMethod::Get, "/links/{id}", says_it_too_late);
    let _ = SCOPES;
}
