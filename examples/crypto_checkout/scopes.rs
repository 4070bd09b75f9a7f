keygate::scopes! {
    /// Everything that a key of Crypto Checkout can be issued with. Read does not imply write.
    pub(crate) catalogue SCOPES;
    /// List and retrieve payment links.
    pub(crate) LinksRead = "links:read";
    /// Create, update, and archive payment links.
    pub(crate) LinksWrite = "links:write";
    /// List and retrieve checkout sessions.
    pub(crate) SessionsRead = "sessions:read";
    /// Create checkout sessions.
    pub(crate) SessionsWrite = "sessions:write";
    /// List and retrieve webhook endpoints.
    pub(crate) WebhooksRead = "webhooks:read";
    /// Create, delete, and test webhook endpoints.
    pub(crate) WebhooksWrite = "webhooks:write";
    /// List and retrieve event objects.
    pub(crate) EventsRead = "events:read";
    /// List and retrieve customer records.
    pub(crate) CustomersRead = "customers:read";
    /// Create and update customer records.
    pub(crate) CustomersWrite = "customers:write";
}
