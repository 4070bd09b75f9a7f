//! The documents of the three servers: that what they say is so, and that others can read them.

mod contents;
mod document;
mod pages;
mod tools;
mod types;
mod utoipa;
mod walk;

use keygate::{Mode, NewKey, ScopeName};

use crate::support::{Call, Server};
use crate::{crypto_checkout, paykore, pik};
use document::Document;

/// One of the three apps, and how it is called.
struct Service {
    name: &'static str,
    server: Server,
    /// All that its keys can hold.
    scopes: Vec<ScopeName>,
    /// Which paths need a key.
    prefix: &'static str,
}

fn services() -> [Service; 3] {
    [
        Service {
            name: "crypto_checkout",
            server: crypto_checkout::server(),
            scopes: crypto_checkout::all_scopes().collect(),
            prefix: "/api/v1/",
        },
        Service {
            name: "pik",
            server: pik::server(),
            scopes: pik::all_scopes().collect(),
            prefix: "/v1/",
        },
        Service { name: "paykore", server: paykore::server(), scopes: Vec::new(), prefix: "/v1/" },
    ]
}

impl Service {
    async fn document(&self) -> Document {
        Document::of(&self.server.app).await
    }

    /// A new key of the mode that all three serve.
    async fn key(&self, scopes: impl IntoIterator<Item = ScopeName>) -> String {
        let key = NewKey::named("walker").mode(Mode::Test).scopes(scopes);
        self.server.issue(key).await.key().expose().to_owned()
    }

    /// Every scope but this one.
    async fn key_without(&self, scope: &ScopeName) -> String {
        self.key(self.scopes.iter().filter(|other| *other != scope).cloned()).await
    }

    async fn send(&self, call: Call) -> crate::support::Answer {
        self.server.send(pik::secure(call)).await
    }
}
