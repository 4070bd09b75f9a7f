//! Hostile requests and failing insides, through the three servers or the same stack as theirs.

mod bodies;
mod bytes;
mod guesses;
mod inside;
mod order;
mod paths;
mod request_ids;

use keygate::Mode;

use crate::support::Server;
use crate::{crypto_checkout, paykore, pik};

/// A server, a path that it serves, and a key that opens it.
struct Target {
    name: &'static str,
    server: Server,
    path: &'static str,
    key: String,
}

/// The three servers. Loopback is none of PIK's proxies here: without a key it says 403 or 401.
async fn targets() -> [Target; 3] {
    let (checkout, pik, paykore) = (crypto_checkout::server(), pik::server(), paykore::server());
    let keys = [
        crypto_checkout::any_key(&checkout, Mode::Test).await,
        pik::any_key(&pik, Mode::Test).await,
        paykore::any_key(&paykore, Mode::Test).await,
    ];
    let [one, two, three] = keys.map(|key| key.key().expose().to_owned());
    [
        Target { name: "checkout", server: checkout, path: "/api/v1/payment_links", key: one },
        Target { name: "pik", server: pik, path: "/v1/payment-links", key: two },
        Target { name: "paykore", server: paykore, path: "/v1/wallets", key: three },
    ]
}
