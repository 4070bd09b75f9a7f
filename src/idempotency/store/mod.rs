//! Where idempotency keys live: the port and its words.

mod erased;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use super::{Fingerprint, OperationId};
use crate::store::StoreError;
use crate::{ApiError, Refusal};
pub(crate) use erased::ErasedIdempotencyStore;

/// Where idempotency keys live: leases while operations run, their answers afterwards.
///
/// A store knows nothing of requests and answers: an operation is 32 bytes, so is what tells its
/// requests from others', and an answer is a string of bytes.
///
/// 1. **One lease at a time.** However many ask at once, one is told [`Begun::Leased`], until it
///    frees the key or its time is over. What has been decided is decided for every process on the
///    same store.
/// 2. **Another fingerprint is [`Begun::Reused`]** for as long as anything is known of the
///    operation: while it runs, after its lease has ended, while its answer is kept.
/// 3. **A lease is fenced by its token.** Once another one has taken over, [`renew`](Self::renew)
///    and [`finish`](Self::finish) of the old one are `false` and change nothing, and nor does its
///    [`release`](Self::release). One that has ended and that nobody took over may still finish.
/// 4. **A first answer stays.** A second [`finish`](Self::finish) under the same token is `true`
///    and changes nothing, and a [`release`](Self::release) after it neither.
/// 5. **An answer comes back byte for byte**, for the time it is kept, from its
///    [`finish`](Self::finish) on. Then it is as if the operation had never been.
/// 6. **It has one clock**, for all of its processes: a lease is not shorter on one of them than on
///    another.
/// 7. **A failure is a [`StoreError`]**, and the operation does not run. A store that is full
///    fails: it lets go of nothing before its time.
///
/// [`Begin::decide`] is what they come to. The suite `idempotency_conformance!` (feature
/// `test-util`) tests them on any store. [`SqliteStore`](crate::store::SqliteStore) and
/// [`PostgresStore`](crate::store::PostgresStore) are such stores,
/// [`MemoryIdempotencyStore`](super::MemoryIdempotencyStore) is one without a database.
pub trait IdempotencyStore: Send + Sync + 'static {
    /// Takes the lease of an operation, or says why there is none to be had. In one step.
    fn begin(&self, begin: Begin) -> impl Future<Output = Result<Begun, StoreError>> + Send;

    /// Makes the lease last until `lease_for` from now, and says whether it was still held.
    ///
    /// `false` too once the operation has an answer.
    fn renew(
        &self,
        lease: Lease,
        lease_for: Duration,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Keeps the answer of an operation and ends its lease. `false`: it was another's by now.
    fn finish(&self, finish: Finish) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Frees the key, as if the operation had never begun: unless the lease is another's, or there
    /// is an answer.
    fn release(&self, lease: Lease) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Whose lease it is; see [`IdempotencyStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// The operation that it is of.
    pub operation: OperationId,
    /// What tells it from the leases before and after it.
    pub token: Token,
}

/// What tells one lease of an operation from another: random, and no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; 16]);

/// What [`IdempotencyStore::begin`] is asked.
///
/// ```
/// use keygate::idempotency::{Begin, Begun, Fingerprint, Lease, OperationId, Token};
/// use std::time::Duration;
///
/// let lease = Lease::new(OperationId::from_bytes([1; 32]), Token::from_bytes([2; 16]));
/// let begin = Begin::new(lease, Fingerprint::from_bytes([3; 32]), Duration::from_secs(30));
/// assert_eq!(begin.decide(None), Begun::Leased);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Begin {
    /// The lease that is wanted.
    pub lease: Lease,
    /// What must be the same in every request of the operation.
    pub fingerprint: Fingerprint,
    /// How long the lease lasts unless it is renewed.
    pub lease_for: Duration,
    /// How long the operation is known if it is never finished: longer than the lease lasts.
    pub keep_for: Duration,
}

/// What a store knows of an operation whose time is not over, for [`Begin::decide`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known {
    /// The fingerprint of its requests.
    pub fingerprint: Fingerprint,
    /// Its answer, if it has one.
    pub answer: Option<Bytes>,
    /// Whether the time of its lease is over.
    pub lease_ended: bool,
}

/// How a request under an idempotency key is to go on; see [`Begin`] for an example.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Begun {
    /// It is carried out.
    Leased,
    /// Another request of the same operation is being carried out.
    Running,
    /// It was carried out; this is its answer.
    Kept(Bytes),
    /// The key belongs to another request.
    Reused,
}

/// What [`IdempotencyStore::finish`] is told.
///
/// ```
/// use keygate::idempotency::{Finish, Lease, OperationId, Token};
/// use std::time::Duration;
///
/// let lease = Lease::new(OperationId::from_bytes([1; 32]), Token::from_bytes([2; 16]));
/// let finish = Finish::new(lease, "an answer", Duration::from_hours(24));
/// assert_eq!(&finish.answer[..], b"an answer");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finish {
    /// The lease that it was carried out under.
    pub lease: Lease,
    /// What is to come back.
    pub answer: Bytes,
    /// For how long from now on.
    pub keep_for: Duration,
}

/// Why an answer could not be kept in a transaction of the application's own.
///
/// See [`PostgresStore::finish_in`](crate::store::PostgresStore::finish_in).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FinishError {
    /// The lease has ended, and somebody else has taken the operation over.
    #[error("another request has taken the operation over")]
    Lost,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Nothing has come of the operation, or of this run of it: the client is to send it again.
impl From<FinishError> for ApiError {
    fn from(error: FinishError) -> Self {
        match error {
            FinishError::Lost => Refusal::IdempotencyKeyInUse.into(),
            FinishError::Store(error) => {
                Self::from(Refusal::IdempotencyStoreFailed).with_source(error)
            }
        }
    }
}

impl Lease {
    /// The lease of this operation under this token.
    #[must_use]
    pub const fn new(operation: OperationId, token: Token) -> Self {
        Self { operation, token }
    }
}

impl Token {
    /// Takes the 16 bytes of a stored token. See [`Begin`] for an example.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// One that no lease has had.
    pub(super) fn unique() -> Self {
        Self(rand::random())
    }
}

impl Begin {
    /// Asks for a lease of this length; what is never finished is known for a day.
    #[must_use]
    pub fn new(lease: Lease, fingerprint: Fingerprint, lease_for: Duration) -> Self {
        let keep_for = lease_for.max(Duration::from_hours(24));
        Self { lease, fingerprint, lease_for, keep_for }
    }

    /// How the request is to go on: the rule for every store. `None` is: nothing is known.
    ///
    /// Whatever is told but [`Begun::Leased`], nothing is written.
    #[must_use]
    pub fn decide(&self, known: Option<Known>) -> Begun {
        match known {
            Some(known) if known.fingerprint != self.fingerprint => Begun::Reused,
            Some(Known { answer: Some(answer), .. }) => Begun::Kept(answer),
            None | Some(Known { lease_ended: true, .. }) => Begun::Leased,
            Some(_) => Begun::Running,
        }
    }
}

impl Known {
    /// What is known of an operation. See [`Begin::decide`].
    #[must_use]
    pub fn new(fingerprint: Fingerprint, answer: Option<Bytes>, lease_ended: bool) -> Self {
        Self { fingerprint, answer, lease_ended }
    }
}

impl Finish {
    /// Keeps this answer for that long.
    #[must_use]
    pub fn new(lease: Lease, answer: impl Into<Bytes>, keep_for: Duration) -> Self {
        Self { lease, answer: answer.into(), keep_for }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:032x})", u128::from_be_bytes(self.0))
    }
}

// An answer may be anything, also what nobody but its client should see: its length is shown.

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known")
            .field("fingerprint", &self.fingerprint)
            .field("answer", &self.answer.as_ref().map(Bytes::len))
            .field("lease_ended", &self.lease_ended)
            .finish()
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leased => f.write_str("Leased"),
            Self::Running => f.write_str("Running"),
            Self::Kept(answer) => write!(f, "Kept({} bytes)", answer.len()),
            Self::Reused => f.write_str("Reused"),
        }
    }
}

impl fmt::Debug for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finish")
            .field("lease", &self.lease)
            .field("answer", &self.answer.len())
            .field("keep_for", &self.keep_for)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_request_goes_on_is_decided_by_what_is_known() {
        let lease = Lease::new(OperationId::from_bytes([1; 32]), Token::unique());
        let mine = Fingerprint::from_bytes([1; 32]);
        let begin = Begin::new(lease, mine, Duration::from_secs(30));
        let known = |fingerprint, answer: Option<&'static [u8]>, lease_ended| {
            Some(Known::new(fingerprint, answer.map(Bytes::from_static), lease_ended))
        };
        let (other, kept) = (Fingerprint::from_bytes([2; 32]), Begun::Kept("a".into()));
        for (known, expected) in [
            (None, Begun::Leased),
            (known(mine, None, false), Begun::Running),
            (known(mine, None, true), Begun::Leased),
            (known(mine, Some(b"a"), false), kept.clone()),
            (known(mine, Some(b"a"), true), kept),
            (known(other, None, false), Begun::Reused),
            (known(other, None, true), Begun::Reused),
            (known(other, Some(b"a"), true), Begun::Reused),
        ] {
            assert_eq!(begin.decide(known.clone()), expected, "{known:?}");
        }
    }

    #[test]
    fn s1_no_answer_is_shown() {
        let lease = Lease::new(OperationId::from_bytes([1; 32]), Token::unique());
        let canary = Bytes::from_static(b"canary");
        let known = Known::new(Fingerprint::from_bytes([1; 32]), Some(canary.clone()), false);
        let finish = Finish::new(lease, canary.clone(), Duration::from_secs(1));
        let shown = format!("{:?} {known:?} {finish:?}", Begun::Kept(canary));
        assert!(!shown.contains("canary") && shown.contains("Kept(6 bytes)"), "{shown}");
    }
}
