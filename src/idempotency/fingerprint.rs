use std::fmt;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use sha2::{Digest as _, Sha256};

use super::key::IdempotencyKey;
use crate::{AccountId, KeyId, Mode};

/// What an operation is stored under: a hash of who asks, for what, under which key.
///
/// SHA-256 of the service's namespace, the key's lineage (or account), its mode, the connected
/// account that is acted for, method, path and idempotency key. Nothing of them can be read off it.
/// See [`IdempotencyStore`](super::IdempotencyStore).
///
/// ```
/// use keygate::idempotency::OperationId;
///
/// assert_eq!(OperationId::from_bytes([7; 32]).as_bytes(), &[7; 32]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId([u8; 32]);

/// What must be the same in every request of an operation: a hash of query, media type and body.
///
/// See [`IdempotencyStore`](super::IdempotencyStore).
///
/// ```
/// use keygate::idempotency::Fingerprint;
///
/// assert_eq!(Fingerprint::from_bytes([7; 32]).as_bytes(), &[7; 32]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// What tells one operation from another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation<'r> {
    pub(super) namespace: &'r str,
    pub(super) who: Who<'r>,
    pub(super) mode: Mode,
    pub(super) on_behalf_of: Option<&'r AccountId>,
    pub(super) method: &'r Method,
    /// As the client sent it: a nested router sees less.
    pub(super) path: &'r str,
    pub(super) key: &'r IdempotencyKey<'r>,
}

/// Whose operations share one set of keys.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who<'r> {
    /// A key and its successors by rotation.
    Lineage(&'r KeyId),
    /// Every key of an account.
    Account(&'r AccountId),
}

impl OperationId {
    /// Takes the 32 bytes of a stored id.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn of(operation: &Operation<'_>) -> Self {
        let (sort, who) = match operation.who {
            Who::Lineage(id) => (b"lineage".as_slice(), id.as_str()),
            Who::Account(id) => (b"account".as_slice(), id.as_str()),
        };
        let mode = match operation.mode {
            Mode::Live => b"live",
            Mode::Test => b"test",
        };
        let mut parts = Parts::of(b"keygate operation 1");
        parts.add(operation.namespace.as_bytes());
        parts.add(sort);
        parts.add(who.as_bytes());
        parts.add(mode);
        parts.add_optional(operation.on_behalf_of.map(|account| account.as_str().as_bytes()));
        parts.add(operation.method.as_str().as_bytes());
        parts.add(operation.path.as_bytes());
        parts.add(operation.key.as_str().as_bytes());
        Self(parts.hash())
    }
}

impl Fingerprint {
    /// Takes the 32 bytes of a stored fingerprint.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Of a request. Of the `Content-Type` only the media type counts: the same body with another
    /// `charset` is the same request.
    pub(super) fn of(query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Self {
        let media_type = headers.get(CONTENT_TYPE).map(|value| {
            let value = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            value.trim_ascii().to_ascii_lowercase()
        });
        let mut parts = Parts::of(b"keygate fingerprint 1");
        parts.add_optional(query.map(str::as_bytes));
        parts.add_optional(media_type.as_deref());
        parts.add(body);
        Self(parts.hash())
    }
}

/// A hash of several texts, each with its length before it: no two lists of them are one text.
struct Parts(Sha256);

impl Parts {
    /// `what` says what the list is of, so that no list of another sort has the same hash.
    fn of(what: &[u8]) -> Self {
        let mut parts = Self(Sha256::new());
        parts.add(what);
        parts
    }

    fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    /// What is left out is not the same as what is empty.
    fn add_optional(&mut self, part: Option<&[u8]>) {
        self.0.update([u8::from(part.is_some())]);
        self.add(part.unwrap_or_default());
    }

    fn hash(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl fmt::Debug for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperationId(")?;
        hex(&self.0, f)?;
        write!(f, ")")
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint(")?;
        hex(&self.0, f)?;
        write!(f, ")")
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use http::HeaderValue;

    use super::super::key::IDEMPOTENCY_KEY;
    use super::*;

    fn with_key(key: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(IDEMPOTENCY_KEY, HeaderValue::from_static(key))])
    }

    #[test]
    fn i4_an_operation_is_one_callers_on_one_route_under_one_key() {
        let (one, two) = (KeyId::parse("key_1").unwrap(), KeyId::parse("key_2").unwrap());
        let same_text = AccountId::parse("key_1").unwrap();
        let (a, b) = (AccountId::parse("acct_a").unwrap(), AccountId::parse("acct_b").unwrap());
        let (headers, others) = (with_key("k1"), with_key("k2"));
        let (key, other_key) =
            (IdempotencyKey::read(&headers).unwrap(), IdempotencyKey::read(&others).unwrap());
        let base = Operation {
            namespace: "",
            who: Who::Lineage(&one),
            mode: Mode::Test,
            on_behalf_of: None,
            method: &Method::POST,
            path: "/api/v1/links",
            key: &key,
        };
        let operations = [
            base,
            Operation { namespace: "other", ..base },
            Operation { who: Who::Lineage(&two), ..base },
            Operation { who: Who::Account(&same_text), ..base },
            Operation { mode: Mode::Live, ..base },
            Operation { on_behalf_of: Some(&a), ..base },
            Operation { on_behalf_of: Some(&b), ..base },
            Operation { method: &Method::PUT, ..base },
            Operation { path: "/api/v1/link", ..base },
            Operation { path: "/api/v1/links/", ..base },
            Operation { path: "/api/v2/links", ..base },
            Operation { key: &other_key, ..base },
        ];
        let ids: HashSet<_> = operations.iter().map(OperationId::of).collect();
        assert_eq!(ids.len(), operations.len());
        assert_eq!(OperationId::of(&base), OperationId::of(&base));
    }

    #[test]
    fn i4_a_request_is_its_query_its_media_type_and_its_body() {
        let typed = |value: &'static str| {
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))])
        };
        let (json, form) = (typed("application/json"), typed("application/x-www-form-urlencoded"));
        let requests = [
            Fingerprint::of(None, &json, b"{}"),
            Fingerprint::of(None, &json, b"{ }"),
            Fingerprint::of(None, &json, b""),
            Fingerprint::of(None, &form, b"{}"),
            Fingerprint::of(None, &HeaderMap::new(), b"{}"),
            Fingerprint::of(Some(""), &json, b"{}"),
            Fingerprint::of(Some("a=1"), &json, b"{}"),
            Fingerprint::of(Some("a=1{}"), &json, b""),
        ];
        assert_eq!(HashSet::from(requests).len(), requests.len());
        for same in ["application/json;charset=utf-8", "Application/JSON ; charset=UTF-8"] {
            assert_eq!(Fingerprint::of(None, &typed(same), b"{}"), requests[0], "{same}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let hash = |parts: &[&[u8]]| {
            let mut all = Parts::of(b"");
            for part in parts {
                all.add(part);
            }
            all.hash()
        };
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_ne!(hash(&[b"", b"a"]), hash(&[b"a", b""]));
        assert_ne!(hash(&[b"a"]), hash(&[b"a", b""]));
    }
}
