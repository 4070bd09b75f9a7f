use http::{Extensions, HeaderMap};

use super::layer::Rules;
use super::transport;
use crate::keyring::{Probe, Verification};
use crate::{KeyKind, Mode, Principal, Refusal};

/// What becomes of a request. Made without waiting for anything.
pub(super) enum Decision {
    /// The key is good.
    Accepted(Principal),
    /// An outer `AuthLayer` has accepted the caller, and this one would too.
    Known,
    /// No credential was sent, and none is needed.
    Anonymous,
    /// The keyring has to ask its store.
    Pending(Verification),
    /// Nothing further runs.
    Refused(Refusal),
}

impl Rules {
    /// Decides by the headers and what outer layers and the acceptor have said.
    pub(super) fn decide(&self, headers: &HeaderMap, extensions: &Extensions) -> Decision {
        self.look(headers, extensions).unwrap_or_else(Decision::Refused)
    }

    fn look(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Decision, Refusal> {
        if let Some(trusted) = &self.https {
            transport::require_https(headers, extensions, trusted)?;
        }
        if let Some(principal) = extensions.get::<Principal>() {
            self.admits(principal.mode(), principal.kind())?;
            return Ok(Decision::Known);
        }
        let credential = match self.sources.read(headers) {
            Err(Refusal::MissingCredential) if self.anonymous => return Ok(Decision::Anonymous),
            found => found?,
        };
        let key = self.keyring.parse(credential.as_bytes()).ok_or(Refusal::MalformedCredential)?;
        self.admits(key.mode, key.kind)?;
        match self.keyring.probe(key) {
            Probe::Accepted(principal) => Ok(Decision::Accepted(principal)),
            Probe::Refused(refusal) => Err(refusal),
            Probe::Pending(verification) => Ok(Decision::Pending(verification)),
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
