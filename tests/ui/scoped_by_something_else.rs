//! What a handler demands is a scope, not its name and not any type.

use keygate::Scoped;

struct LinksRead;

async fn list(_: Scoped<LinksRead>) {}

async fn names(_: Scoped<&'static str>) {}

fn main() {}
