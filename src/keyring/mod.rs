//! The handle that verifies keys.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;

use crate::key::ParsedKey;
use crate::{KeyFormat, Principal, Refusal};

type Answer = Result<Principal, Refusal>;
type Lookup = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Verifies keys.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    formats: Vec<KeyFormat>,
    known: Mutex<HashMap<Vec<u8>, Answer>>,
    miss: Box<dyn Fn(&[u8]) -> Lookup + Send + Sync>,
}

pub(crate) enum Probe {
    Accepted(Principal),
    Refused(Refusal),
    Pending(Verification),
}

pub(crate) struct Verification(Lookup);

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verification")
    }
}

impl Keyring {
    #[cfg(test)]
    pub(crate) fn fake(
        formats: Vec<KeyFormat>,
        miss: impl Fn(&[u8]) -> Lookup + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner { formats, known: Mutex::default(), miss: Box::new(miss) }))
    }

    #[cfg(test)]
    pub(crate) fn remember(&self, text: &[u8], answer: Answer) {
        self.0.known.lock().insert(text.to_vec(), answer);
    }

    pub(crate) fn parse<'t>(&self, text: &'t [u8]) -> Option<ParsedKey<'t>> {
        self.0.formats.iter().find_map(|format| format.parse(text))
    }

    pub(crate) fn probe(&self, key: ParsedKey<'_>) -> Probe {
        match self.0.known.lock().get(key.text).cloned() {
            Some(Ok(principal)) => Probe::Accepted(principal),
            Some(Err(refusal)) => Probe::Refused(refusal),
            None => Probe::Pending(Verification((self.0.miss)(key.text))),
        }
    }
}

impl Future for Verification {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}
