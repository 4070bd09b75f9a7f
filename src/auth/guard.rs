//! Failed authentications, limited for each client address.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Extensions, HeaderMap};

use crate::client_ip::{TrustedProxies, client_ip, is_forwarded};
use crate::rate_limit::{Attempt, Attempts};
use crate::{Clock, Quota, Refusal, telemetry};

/// How many failures an address has unless set: a hundred at once, then one a second.
const FAILURES: Quota = Quota::per_second(1).burst(100);

const NO_PEER: &str = "the peer of the connection is not known: set a `client_ip::Peer` in the \
                       acceptor, or serve with `into_make_service_with_connect_info::<SocketAddr>()`";
const UNNAMED_PROXY: &str = "a peer sends `X-Forwarded-For`, and nobody has said whether it is a \
                             proxy: call `AuthLayer::trusted_proxies`, with \
                             `TrustedProxies::none()` if there is none";

/// Asked about each credential that is not in the positive cache.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    attempts: Attempts,
    is_off: bool,
    told: Arc<Told>,
}

/// What was said already, and need not be said for each request.
#[derive(Debug, Default)]
struct Told {
    no_peer: AtomicBool,
    unnamed_proxy: AtomicBool,
}

/// What tells whose request it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'r> {
    pub(super) headers: &'r HeaderMap,
    pub(super) extensions: &'r Extensions,
    /// `None` if nobody has said who they are.
    pub(super) proxies: Option<&'r TrustedProxies>,
}

/// Whose failures are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    At(IpAddr),
    /// Nobody knows the other end of the connection.
    Unknown,
    /// The other end may be a proxy, with many clients behind it.
    Ambiguous,
}

impl Guard {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let attempts = Attempts::new("keys", FAILURES, clock);
        Self { attempts, is_off: false, told: Arc::default() }
    }

    /// The same failures under another quota.
    pub(super) fn quota(self, quota: Quota) -> Self {
        Self { attempts: self.attempts.quota(quota), is_off: false, told: self.told }
    }

    pub(super) fn switched_off(self) -> Self {
        Self { is_off: true, ..self }
    }

    #[cfg(any(feature = "openapi", feature = "utoipa"))]
    pub(super) fn is_off(&self) -> bool {
        self.is_off
    }

    /// Counts a refusal that is known at once, if it is a failed authentication. Past the limit it
    /// becomes another one.
    pub(super) fn refused(&self, refusal: Refusal, seen: Seen<'_>) -> Refusal {
        if !is_failure(&refusal) {
            return refusal;
        }
        let Some((attempts, address)) = self.limited(seen) else { return refusal };
        match attempts.fail(address) {
            Ok(()) => refusal,
            Err(wait) => Refusal::TooManyFailures { wait },
        }
    }

    /// Asked before a key is looked up. `None` is an attempt that nobody counts.
    pub(super) fn begin(&self, key: u64, seen: Seen<'_>) -> Result<Option<Box<Attempt>>, Refusal> {
        let Some((attempts, address)) = self.limited(seen) else { return Ok(None) };
        let attempt = attempts.begin(address, key);
        attempt
            .map(|attempt| Some(Box::new(attempt)))
            .map_err(|wait| Refusal::TooManyFailures { wait })
    }

    fn limited(&self, seen: Seen<'_>) -> Option<(&Attempts, IpAddr)> {
        if self.is_off {
            return None;
        }
        let (told, why) = match client(seen) {
            Client::At(address) => return Some((&self.attempts, address)),
            Client::Unknown => (&self.told.no_peer, NO_PEER),
            Client::Ambiguous => (&self.told.unnamed_proxy, UNNAMED_PROXY),
        };
        if !told.swap(true, Ordering::Relaxed) {
            telemetry::attempts_unlimited(why);
        }
        None
    }
}

/// Whether a credential was presented and refused, for whatever reason. A store that fails is no
/// reason of the client's.
pub(super) fn is_failure(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::AmbiguousCredentials
        | Refusal::MalformedCredential
        | Refusal::WrongMode
        | Refusal::WrongKind
        | Refusal::UnknownKey
        | Refusal::Revoked
        | Refusal::Expired { .. }
        | Refusal::NotYetValid { .. }
        | Refusal::ForeignRecord => true,
        Refusal::InsecureTransport
        | Refusal::MissingCredential
        | Refusal::LookupFailed
        | Refusal::CircuitOpen
        | Refusal::InsufficientScope
        | Refusal::RateLimited
        | Refusal::LimiterFailed
        | Refusal::TooManyFailures { .. }
        | Refusal::WrongPassword
        | Refusal::MalformedOnBehalfOf
        | Refusal::UnconnectedAccount
        | Refusal::UnverifiedAccount
        | Refusal::MalformedIdempotencyKey
        | Refusal::IdempotencyKeyInUse
        | Refusal::IdempotencyKeyReused
        | Refusal::AnswerNotKept
        | Refusal::IdempotencyStoreFailed
        | Refusal::Misconfigured { .. } => false,
    }
}

/// Where nobody has said which proxies there are, a peer that sends `X-Forwarded-For` may be one:
/// a bad client behind it must not shut out all.
fn client(Seen { headers, extensions, proxies }: Seen<'_>) -> Client {
    let none = TrustedProxies::none();
    match client_ip(headers, extensions, proxies.unwrap_or(&none)) {
        None => Client::Unknown,
        Some(_) if proxies.is_none() && is_forwarded(headers) => Client::Ambiguous,
        Some(address) => Client::At(address),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::client_ip::Peer;

    #[test]
    fn a_credential_that_was_presented_and_refused_counts_and_nothing_else() {
        let at = SystemTime::UNIX_EPOCH;
        for (refusal, counts) in [
            (Refusal::MalformedCredential, true),
            (Refusal::AmbiguousCredentials, true),
            (Refusal::UnknownKey, true),
            (Refusal::Revoked, true),
            (Refusal::Expired { at }, true),
            (Refusal::NotYetValid { from: at }, true),
            (Refusal::WrongMode, true),
            (Refusal::WrongKind, true),
            (Refusal::ForeignRecord, true),
            (Refusal::MissingCredential, false),
            (Refusal::LookupFailed, false),
            (Refusal::CircuitOpen, false),
            (Refusal::InsecureTransport, false),
            (Refusal::InsufficientScope, false),
            (Refusal::RateLimited, false),
            (Refusal::LimiterFailed, false),
            (Refusal::TooManyFailures { wait: Duration::ZERO }, false),
            (Refusal::WrongPassword, false),
            (Refusal::MalformedOnBehalfOf, false),
            (Refusal::UnconnectedAccount, false),
            (Refusal::UnverifiedAccount, false),
            (Refusal::Misconfigured { what: "" }, false),
        ] {
            assert_eq!(is_failure(&refusal), counts, "{refusal:?}");
        }
    }

    #[test]
    fn h6_whose_failures_they_are() {
        let at = |address: &str| Client::At(address.parse().unwrap());
        let peer = Some("192.0.2.1");
        let proxy = Some("10.0.0.1");
        let named = Some("10.0.0.0/8");
        let none = Some("");
        for (peer, proxies, lines, expected) in [
            (None, None, &[][..], Client::Unknown),
            (None, named, &["198.51.100.1"], Client::Unknown),
            (peer, None, &[], at("192.0.2.1")),
            (peer, None, &["198.51.100.1"], Client::Ambiguous),
            (peer, None, &[""], Client::Ambiguous),
            (peer, none, &["198.51.100.1"], at("192.0.2.1")),
            (peer, named, &[], at("192.0.2.1")),
            (peer, named, &["198.51.100.1"], at("192.0.2.1")),
            (proxy, None, &["198.51.100.1"], Client::Ambiguous),
            (proxy, named, &["198.51.100.1"], at("198.51.100.1")),
            (proxy, named, &["203.0.113.9", "198.51.100.1, 10.2.2.2"], at("198.51.100.1")),
            (proxy, named, &["2001:db8::1"], at("2001:db8::1")),
            (proxy, named, &[], at("10.0.0.1")),
        ] {
            let (mut headers, mut extensions) = (HeaderMap::new(), Extensions::new());
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            if let Some(peer) = peer {
                let addr = (peer.parse::<IpAddr>().unwrap(), 4711).into();
                extensions.insert(Peer { addr, tls: false });
            }
            let proxies = proxies.map(|list| list.parse().unwrap());
            let seen =
                Seen { headers: &headers, extensions: &extensions, proxies: proxies.as_ref() };
            assert_eq!(client(seen), expected, "{peer:?} {proxies:?} {lines:?}");
        }
    }
}
