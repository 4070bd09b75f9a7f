use http::{Extensions, HeaderMap};

use super::guard::Seen;
use super::layer::Rules;
use super::transport;
use crate::keyring::{Probe, Verification};
use crate::rate_limit::Attempt;
use crate::{KeyKind, Mode, Principal, Refusal};

/// What becomes of a request. Made without waiting for anything.
pub(super) enum Decision {
    /// The key is good.
    Accepted(Principal),
    /// An outer `AuthLayer` of the same keyring has accepted the caller, and this one would too.
    Known,
    /// No credential was sent, and none is needed.
    Anonymous,
    /// The keyring has to ask its store. The attempt is counted if it fails; it is in a box, as a
    /// hit must not carry its size around.
    Pending(Verification, Option<Box<Attempt>>),
    /// Nothing further runs.
    Refused(Refusal),
}

impl Rules {
    /// Decides by the headers and what outer layers and the acceptor have said.
    pub(super) fn decide(&self, headers: &HeaderMap, extensions: &Extensions) -> Decision {
        let seen = Seen { headers, extensions, proxies: self.proxies.as_ref() };
        let refused = |refusal| Decision::Refused(self.guard.refused(refusal, seen));
        self.look(seen).unwrap_or_else(refused)
    }

    fn look(&self, seen: Seen<'_>) -> Result<Decision, Refusal> {
        let Seen { headers, extensions, proxies } = seen;
        if self.https {
            transport::require_https(headers, extensions, proxies)?;
        }
        let credential = self.sources.read(headers);
        let known = extensions.get::<Principal>();
        if let Some(principal) = known.filter(|known| self.keyring.vouches_for(known)) {
            // The layer outside may have read another header; two credentials are still two.
            if credential == Err(Refusal::AmbiguousCredentials) {
                return Err(Refusal::AmbiguousCredentials);
            }
            self.admits(principal.mode(), principal.kind())?;
            return Ok(Decision::Known);
        }
        let credential = match credential {
            Err(Refusal::MissingCredential) if self.anonymous => return Ok(Decision::Anonymous),
            found => found?,
        };
        let key = self.keyring.parse(credential.as_bytes()).ok_or(Refusal::MalformedCredential)?;
        self.admits(key.mode, key.kind)?;
        match self.keyring.probe(key) {
            Probe::Accepted(principal) => Ok(Decision::Accepted(principal)),
            Probe::Refused(refusal) => Err(refusal),
            Probe::Pending(verification) => {
                let attempt = self.guard.begin(verification.bits(), seen)?;
                Ok(Decision::Pending(verification, attempt))
            }
        }
    }

    fn admits(&self, mode: Mode, kind: KeyKind) -> Result<(), Refusal> {
        if self.mode.is_some_and(|served| served != mode) {
            return Err(Refusal::WrongMode);
        }
        match kind {
            KeyKind::Publishable if !self.publishable => Err(Refusal::WrongKind),
            _ => Ok(()),
        }
    }
}
