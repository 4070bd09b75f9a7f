use keygate::Scope;

keygate::scopes! {
    pub catalogue SCOPES;
    /// List and retrieve payment links.
    pub LinksRead = "links:read";
    pub LinksWrite = "links:write";
}

fn main() {
    let _ = (SCOPES, LinksRead::NAME, LinksWrite::NAME);
}
