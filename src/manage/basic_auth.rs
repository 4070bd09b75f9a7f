use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::request::Parts;
use http::{HeaderValue, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Gate;
use crate::client_ip::{self, TrustedProxies};
use crate::rate_limit::Attempts;
use crate::{ApiError, Clock, ErrorType, Quota, Refusal, SystemClock, telemetry};

/// How many wrong guesses an address has: ten at once, then six a minute.
const GUESSES: Quota = Quota::per_minute(6).burst(10);

/// Lets in whoever knows one user's password, by HTTP Basic ([RFC 7617]).
///
/// # Security
///
/// Credentials are compared in constant time, as hashes. Wrong guesses are limited for each client
/// address, IPv6 by /64: ten at once, then one each ten seconds. Past that an address gets 429,
/// also for the right password, until its time has come. Without the peer's address (no
/// `ConnectInfo` and no [`Peer`](crate::Peer)) all guesses share one limit. What is refused is in the
/// log by its [`Refusal`], and in the metrics `by` the `operator`. Basic sends the
/// password with every request: use it behind TLS or on loopback only.
///
/// [RFC 7617]: https://www.rfc-editor.org/rfc/rfc7617
#[derive(Clone)]
pub struct BasicAuth {
    /// Of `user:password`.
    expected: [u8; 32],
    attempts: Attempts,
    proxies: TrustedProxies,
}

impl BasicAuth {
    /// The user and password to ask for. A user's name has no colon.
    ///
    /// # Panics
    ///
    /// If either is empty, as an environment variable is that somebody forgot to set: the gate
    /// would stand open.
    #[must_use]
    pub fn new(user: &str, password: &str) -> Self {
        assert!(!user.is_empty(), "the operator's name must not be empty");
        assert!(!password.is_empty(), "the operator's password must not be empty");
        Self {
            expected: digest(format!("{user}:{password}").as_bytes()),
            attempts: Attempts::new("operator", GUESSES, Arc::new(SystemClock)),
            proxies: TrustedProxies::none(),
        }
    }

    /// The proxies whose `X-Forwarded-For` tells the client's address. None unless set.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Replaces the clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.attempts = self.attempts.with_clock(Arc::new(clock));
        self
    }

    fn decide(&self, request: &Parts) -> Result<(), ApiError> {
        let mut values = request.headers.get_all(header::AUTHORIZATION).iter();
        let value = match (values.next(), values.next()) {
            (Some(value), None) => value,
            (None, _) => return Err(challenge(Refusal::MissingCredential)),
            (Some(_), Some(_)) => return Err(challenge(Refusal::AmbiguousCredentials)),
        };
        let address = client_ip::client_ip(&request.headers, &request.extensions, &self.proxies);
        let address = address.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        let Some(sent) = credentials(value) else {
            let counted = self.attempts.fail(address).map_err(too_many);
            let malformed = || challenge(Refusal::MalformedCredential);
            return Err(counted.err().unwrap_or_else(malformed));
        };
        let attempt = self.attempts.begin(address, bits(&sent)).map_err(too_many)?;
        if sent.ct_eq(&self.expected).into() {
            return Ok(());
        }
        attempt.fail();
        Err(challenge(Refusal::WrongPassword))
    }
}

impl Gate for BasicAuth {
    async fn admit(&self, request: &Parts) -> Result<(), ApiError> {
        self.decide(request).inspect_err(|error| {
            if let Some(refusal) = error.refusal() {
                telemetry::decided("operator", refusal.as_str(), 1);
            }
        })
    }
}

impl std::fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BasicAuth").finish_non_exhaustive()
    }
}

fn challenge(refusal: Refusal) -> ApiError {
    ApiError::custom(
        http::StatusCode::UNAUTHORIZED,
        ErrorType::Authentication,
        "invalid_credentials",
        "The operator's credentials are needed.",
    )
    .with_refusal(refusal)
    .with_challenge(HeaderValue::from_static("Basic realm=\"keys\", charset=\"UTF-8\""))
}

fn too_many(wait: Duration) -> ApiError {
    Refusal::TooManyFailures { wait }.into()
}

/// Enough of a digest to tell it from others.
fn bits(digest: &[u8; 32]) -> u64 {
    u64::from_le_bytes(digest.first_chunk().copied().unwrap_or_default())
}

/// The digest of what was sent as `user:password`, if the header has that form.
fn credentials(value: &HeaderValue) -> Option<[u8; 32]> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim_start_matches(' ')).ok()?;
    Some(digest(&decoded))
}

/// Hashes are of one length, so that comparing them tells nothing of the password's.
fn digest(credentials: &[u8]) -> [u8; 32] {
    Sha256::digest(credentials).into()
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn nobody_is_let_in_for_knowing_nothing() {
        for (user, password, constructs) in [
            ("operator", "", false),
            ("", "open sesame", false),
            ("", "", false),
            ("operator", "open sesame", true),
        ] {
            let constructed = catch_unwind(|| BasicAuth::new(user, password));
            assert_eq!(constructed.is_ok(), constructs, "{user:?} {password:?}");
        }
    }

    #[test]
    fn the_log_is_told_why_an_operator_was_refused() {
        let gate = BasicAuth::new("operator", "open sesame");
        let basic = |credentials: &str| format!("Basic {}", BASE64_STANDARD.encode(credentials));
        let (right, wrong) = (basic("operator:open sesame"), basic("operator:closed"));
        for (sent, refusal) in [
            (&[&*right][..], None),
            (&[], Some(Refusal::MissingCredential)),
            (&["Bearer x"], Some(Refusal::MalformedCredential)),
            (&[&right, &right], Some(Refusal::AmbiguousCredentials)),
            (&[&wrong], Some(Refusal::WrongPassword)),
        ] {
            let mut request = http::Request::new(());
            for value in sent {
                request.headers_mut().append(header::AUTHORIZATION, value.parse().unwrap());
            }
            let decided = gate.decide(&request.into_parts().0);
            let error = decided.err();
            assert_eq!(error.as_ref().and_then(ApiError::refusal), refusal.as_ref(), "{sent:?}");
            assert!(error.is_none_or(|error| error.code() == "invalid_credentials"));
        }
    }
}
