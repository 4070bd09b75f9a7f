//! What a handler demands is a scope, not its name and not any type.

use axum::Router;
use axum::routing::get;
use keygate::Scoped;

struct LinksRead;

async fn list(_: Scoped<LinksRead>) {}

async fn names(_: Scoped<&'static str>) {}

fn main() {
    let _: Router = Router::new().route("/", get(list)).route("/names", get(names));
}
