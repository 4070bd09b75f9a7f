keygate::scopes! {
    pub catalogue SCOPES;
    /// List and retrieve payment links.
    pub LinksRead = "links:read";
    /// Create, update and archive payment links.
    pub LinksWrite = "links:read";
}

fn main() {}
