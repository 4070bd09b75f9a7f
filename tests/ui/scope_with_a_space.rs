keygate::scopes! {
    pub catalogue SCOPES;
    /// List and retrieve payment links.
    pub LinksRead = "links read";
}

fn main() {}
