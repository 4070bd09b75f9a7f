use serde::{Deserialize, Serialize};

use super::access::Access;
use super::fault::Fault;
use super::mark::Mark;
use crate::{AuthLayer, OnBehalfOfLayer, RateLimitLayer, RequireScope, Requirement};

/// The layers around routes, for their description.
///
/// It takes the very layers that are mounted, so that a document says what they were told: which
/// headers a key is read from, whether anonymous callers are let in, which headers tell of a limit.
/// See [the module](super) for an example.
#[derive(Debug, Clone, Default)]
#[must_use = "layers are described to a router's path items"]
pub struct Layers {
    outline: Outline,
    access: Access,
}

/// What layers do that shows from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outline {
    pub(super) auth: Option<Auth>,
    pub(super) limit: Option<Limit>,
    /// The header that names the account, in lower case.
    pub(super) on_behalf_of: Option<String>,
    /// For how many seconds answers to what may come again are kept.
    pub(super) keeps_answers_for: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Auth {
    /// Beside `Authorization`, in lower case.
    pub(super) headers: Vec<String>,
    pub(super) anonymous: bool,
    pub(super) https: bool,
    pub(super) limits_failures: bool,
    /// The scopes that keys can be issued with: names and what they grant.
    pub(super) scopes: Vec<(String, String)>,
    /// Scopes that are not enforced yet.
    pub(super) shadow: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Limit {
    pub(super) ietf: bool,
    /// Whether its headers stand on every answer.
    pub(super) always: bool,
    /// Whether requests are refused while nobody can count them.
    pub(super) closes: bool,
}

impl Layers {
    /// No layers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The one that verifies keys. A scope in shadow mode is told of as one that is not enforced yet.
    pub fn auth(mut self, layer: &AuthLayer) -> Self {
        let outline = layer.outline();
        let scopes = outline.scopes.iter();
        self.outline.auth = Some(Auth {
            headers: outline.headers.iter().map(ToString::to_string).collect(),
            anonymous: outline.anonymous,
            https: outline.https,
            limits_failures: outline.limits_failures,
            scopes: scopes
                .map(|scope| (scope.name.to_string(), scope.description.into()))
                .collect(),
            shadow: outline.shadow.iter().map(ToString::to_string).collect(),
        });
        self
    }

    /// The one that limits how often callers call. In shadow mode it shows nowhere.
    pub fn rate_limit(mut self, layer: &RateLimitLayer) -> Self {
        self.outline.limit = layer.outline().map(|limit| Limit {
            ietf: limit.has_ietf_headers,
            always: limit.counts_all,
            closes: limit.may_be_unavailable,
        });
        self
    }

    /// The one that lets platforms act for others.
    pub fn on_behalf_of(mut self, layer: &OnBehalfOfLayer) -> Self {
        self.outline.on_behalf_of = Some(layer.header_name().to_string());
        self
    }

    /// The one that carries operations out once. Which ones these are, their handlers say.
    #[cfg(feature = "idempotency")]
    pub fn idempotency(mut self, layer: &crate::IdempotencyLayer) -> Self {
        self.outline.keeps_answers_for = Some(layer.keeps_for().as_secs());
        self
    }

    /// The one that asks for a scope where a handler's types do not.
    pub fn require_scope<R: Requirement>(mut self, _: &RequireScope<R>) -> Self {
        self.access = self.access.and(Access::of::<R>());
        self
    }

    /// Notes on an operation what stands around it; further layers outside may add to it.
    pub(super) fn note(&self, mark: &mut Mark) {
        if self.access != Access::Unsaid {
            mark.demand(self.access.clone());
            mark.may_fail(&[Fault::InsufficientScope]);
        }
        let inner = mark.layers.take().unwrap_or_default();
        mark.layers = Some(Outline {
            auth: self.outline.auth.clone().or(inner.auth),
            limit: self.outline.limit.or(inner.limit),
            on_behalf_of: self.outline.on_behalf_of.clone().or(inner.on_behalf_of),
            keeps_answers_for: self.outline.keeps_answers_for.or(inner.keeps_answers_for),
        });
    }
}

impl Outline {
    /// How a request may fail before its handler runs, in the order of the layers.
    pub(super) fn faults(&self, needs_key: bool) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(auth) = &self.auth {
            let if_true = |condition: bool, fault| condition.then_some(fault);
            faults.extend(if_true(auth.https, Fault::InsecureTransport));
            faults.extend(if_true(needs_key || !auth.anonymous, Fault::MissingKey));
            faults.extend([Fault::InvalidKey, Fault::ExpiredKey, Fault::AmbiguousCredentials]);
            faults.extend(if_true(auth.limits_failures, Fault::TooManyFailures));
            faults.push(Fault::KeysUnavailable);
        }
        if let Some(limit) = &self.limit {
            faults.push(Fault::RateLimited);
            faults.extend(limit.closes.then_some(Fault::LimitsUnavailable));
        }
        if self.on_behalf_of.is_some() {
            faults.extend([
                Fault::MalformedOnBehalfOf,
                Fault::UnconnectedAccount,
                Fault::UnverifiedAccount,
                Fault::AccountsUnavailable,
            ]);
        }
        faults
    }
}

impl Auth {
    /// The names of the security schemes, the service's own headers first.
    pub(super) fn schemes(&self) -> Vec<String> {
        let own = self.headers.iter().map(|header| component(header));
        own.chain(["bearer".to_owned()]).collect()
    }
}

/// A name that components of a document may have, made of a header's.
pub(super) fn component(header: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    header.replace(|c: char| !fits(c), "_")
}
