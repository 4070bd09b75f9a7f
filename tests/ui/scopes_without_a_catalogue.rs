keygate::scopes! {
    /// List and retrieve payment links.
    pub LinksRead = "links:read";
}

fn main() {}
