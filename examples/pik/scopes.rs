keygate::scopes! {
    /// Everything that a key, or a connected account, can be allowed.
    pub(crate) catalogue SCOPES;
    /// List and retrieve payment links.
    pub(crate) LinksRead = "payment_links:read";
    /// Create payment links.
    pub(crate) LinksWrite = "payment_links:write";
    /// Retrieve the wallet's balance.
    pub(crate) WalletRead = "wallet:read";
}
