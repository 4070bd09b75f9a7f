use keygate::{AllOf, Requirement};

keygate::scopes! {
    pub catalogue SCOPES;
    /// List and retrieve payment links.
    pub LinksRead = "links:read";
}

struct LinksWrite;

fn demand<R: Requirement>() {}

fn main() {
    demand::<LinksWrite>();
    demand::<AllOf<(LinksRead, LinksWrite)>>();
    demand::<(LinksRead, LinksRead)>();
}
