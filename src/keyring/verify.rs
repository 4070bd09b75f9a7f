use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use super::{Inner, Keyring};
use crate::cache::{Answer, CacheKey, Got, Late, LoadError, LoadFailed, Slots};
use crate::key::ParsedKey;
use crate::principal::{Claims, Lineage, Uses};
use crate::store::{KeyRecord, StoreError};
use crate::{KeyHash, KeyKind, Mode, Principal, Refusal, telemetry};

/// What is known of a key without waiting.
pub(crate) enum Probe {
    /// Let it in.
    Accepted(Principal),
    /// Refuse it.
    Refused(Refusal),
    /// The store has to be asked.
    Pending(Verification),
}

/// A look-up, which begins when it is first polled. Dropping it ends nothing but the wait.
pub(crate) struct Verification {
    /// What is looked up, told apart from others.
    bits: u64,
    future: Pin<Box<dyn Future<Output = Verified> + Send>>,
}

/// What came of a look-up.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) answer: Result<Principal, Refusal>,
    /// The look-up, if it goes on without who asked for it.
    pub(crate) late: Option<LateVerdict>,
}

/// A look-up that was too late for who asked for it.
#[derive(Debug)]
pub(crate) struct LateVerdict(Late<Verdict>);

/// What the cache keeps of a key.
#[derive(Debug, Clone)]
pub(super) enum Verdict {
    /// It may be accepted, if its time has come and is not over.
    Known(Grant),
    /// It will not be, until something changes.
    Denied(Refusal),
}

/// A key that may be accepted. It lies in the cache's entry itself: each pointer less on the way is
/// a line of memory less to wait for.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    claims: Arc<Claims>,
    /// Few keys have one.
    window: Option<Box<Window>>,
}

/// When a key may be used, where that is not always.
#[derive(Debug, Clone, Copy)]
struct Window {
    not_before: Option<SystemTime>,
    expires_at: Option<SystemTime>,
}

impl CacheKey for KeyHash {
    fn bits(&self) -> u64 {
        // Any eight bytes of a SHA-256 are spread evenly.
        let first = self.as_bytes().first_chunk().copied();
        u64::from_le_bytes(first.unwrap_or_default())
    }
}

impl Keyring {
    /// Verifies a key's text, for callers without HTTP.
    ///
    /// A success is counted as a use of the key.
    ///
    /// # Errors
    ///
    /// The [`Refusal`]: [`LookupFailed`](Refusal::LookupFailed) and
    /// [`CircuitOpen`](Refusal::CircuitOpen) say that the store could not answer, every other one
    /// that the key is not accepted. Do not tell your clients which.
    pub async fn verify(&self, text: &str) -> Result<Principal, Refusal> {
        let answer = match self.parse(text.as_bytes()).map(|key| self.probe(key)) {
            Some(Probe::Accepted(principal)) => Ok(principal),
            Some(Probe::Refused(refusal)) => Err(refusal),
            Some(Probe::Pending(verification)) => verification.await.answer,
            None => Err(Refusal::MalformedCredential),
        };
        // Those that are accepted are told as uses are.
        answer.inspect_err(|refusal| telemetry::decided("auth", refusal.as_str(), 1))
    }

    /// The text as a key of one of the accepted formats. No hash, no look-up.
    pub(crate) fn parse<'t>(&self, text: &'t [u8]) -> Option<ParsedKey<'t>> {
        self.0.formats.iter().find_map(|format| format.parse(text))
    }

    /// What is known of the key now. Nothing is awaited; a success is counted.
    pub(crate) fn probe(&self, key: ParsedKey<'_>) -> Probe {
        let plain = KeyHash::of(key.text);
        match self.0.cache.get_with(&plain, |verdict, now| self.0.settle(verdict, now)) {
            Got::Fresh(settled) => Probe::cached(settled),
            Got::Refresh(settled) => {
                let query = Query::new(&self.0, plain, key);
                self.0.cache.refresh(plain, query.slots(), move || query.ask());
                Probe::cached(settled)
            }
            Got::Miss => {
                telemetry::cache_answered("miss", 1);
                Probe::Pending(self.look_up(plain, key))
            }
        }
    }

    /// Whether this keyring has accepted the caller: a second layer need not ask again.
    pub(crate) fn vouches_for(&self, principal: &Principal) -> bool {
        principal.is_issued_by(self.0.issuer)
    }

    fn look_up(&self, plain: KeyHash, key: ParsedKey<'_>) -> Verification {
        self.start_tasks();
        let query = Query::new(&self.0, plain, key);
        let loading = self.0.cache.load(plain, query.slots(), move || query.ask());
        let keyring = Arc::clone(&self.0);
        // The one boxed future: only a key that is not cached pays for it.
        let future = Box::pin(async move {
            let failed = match loading.await {
                Ok(verdict) => {
                    return keyring.settle_late(&verdict, keyring.clock.monotonic()).into();
                }
                Err(failed) => failed,
            };
            let settle = |verdict: &Verdict, now| keyring.settle_late(verdict, now);
            if let Some(settled) = keyring.cache.get_stale(&plain, settle) {
                telemetry::cache_answered("stale", 1);
                return settled.into();
            }
            let refusal = match failed.why {
                LoadError::CircuitOpen => Refusal::CircuitOpen,
                _ => Refusal::LookupFailed,
            };
            Verified { answer: Err(refusal), late: failed.late.map(LateVerdict) }
        });
        Verification { bits: plain.bits(), future }
    }
}

impl Verification {
    /// Tells the key that is looked up from others.
    pub(crate) fn bits(&self) -> u64 {
        self.bits
    }
}

impl LateVerdict {
    /// Waits until the look-up ends, and says why the key would have been refused, if it would.
    pub(crate) async fn refusal(self) -> Option<Refusal> {
        match self.0.ended().await? {
            Verdict::Denied(refusal) => Some(refusal),
            Verdict::Known(_) => None,
        }
    }
}

impl From<Result<Principal, Refusal>> for Verified {
    fn from(answer: Result<Principal, Refusal>) -> Self {
        Self { answer, late: None }
    }
}

impl Inner {
    /// Turns what is known of a key into an answer to this request, by the clock of this request.
    fn settle(&self, verdict: &Verdict, now: Duration) -> Result<Principal, Refusal> {
        let grant = match verdict {
            Verdict::Known(grant) => grant,
            Verdict::Denied(refusal) => return Err(refusal.clone()),
        };
        if let Some(window) = &grant.window {
            window.check(self.clock.wall())?;
        }
        self.usage.count(&grant.claims, now);
        Ok(Principal::new(Arc::clone(&grant.claims)))
    }

    /// The same for a request that had to wait.
    fn settle_late(&self, verdict: &Verdict, now: Duration) -> Result<Principal, Refusal> {
        self.settle(verdict, now).inspect(|_| self.usage.looked_up())
    }
}

impl Window {
    /// `None`: always.
    fn new(not_before: Option<SystemTime>, expires_at: Option<SystemTime>) -> Option<Box<Self>> {
        let some = not_before.is_some() || expires_at.is_some();
        some.then(|| Box::new(Self { not_before, expires_at }))
    }

    fn check(&self, now: SystemTime) -> Result<(), Refusal> {
        if let Some(at) = self.expires_at.filter(|at| *at <= now) {
            return Err(Refusal::Expired { at });
        }
        match self.not_before.filter(|from| now < *from) {
            Some(from) => Err(Refusal::NotYetValid { from }),
            None => Ok(()),
        }
    }
}

/// One question to the store: which record has this key's hash?
struct Query {
    /// Owned, so that a look-up that is under way finishes even when the last keyring goes.
    keyring: Arc<Inner>,
    candidates: Vec<KeyHash>,
    mode: Mode,
    kind: KeyKind,
}

impl Query {
    fn new(keyring: &Arc<Inner>, plain: KeyHash, key: ParsedKey<'_>) -> Self {
        let candidates = keyring.hashing.candidates(&plain).collect();
        Self { keyring: Arc::clone(keyring), candidates, mode: key.mode, kind: key.kind }
    }

    /// The answer depends on every hash that the key may be stored under.
    fn slots(&self) -> Slots {
        Slots::each(self.candidates.iter().map(CacheKey::bits))
    }

    async fn ask(self) -> Result<Answer<Verdict>, LoadFailed> {
        for hash in &self.candidates {
            match self.keyring.store.find_by_hash(*hash).await {
                Ok(Some(record)) => return Ok(self.judge(record, *hash)),
                Ok(None) => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
        Ok(Answer::Negative(Verdict::Denied(Refusal::UnknownKey)))
    }

    fn failed(&self, error: &StoreError) -> LoadFailed {
        let failures = self.keyring.failing.happened(self.keyring.clock.monotonic());
        telemetry::lookup_failed(error, failures);
        LoadFailed
    }

    fn judge(&self, record: KeyRecord, asked: KeyHash) -> Answer<Verdict> {
        let asked_for =
            record.hash == asked && record.mode == self.mode && record.kind == self.kind;
        if !asked_for {
            telemetry::foreign_record(&record.id);
            return Answer::Negative(Verdict::Denied(Refusal::ForeignRecord));
        }
        if record.revoked_at.is_some() {
            return Answer::Negative(Verdict::Denied(Refusal::Revoked));
        }
        let window = Window::new(record.not_before, record.expires_at);
        let claims = Arc::new(self.claims(record));
        Answer::Positive(Verdict::Known(Grant { claims, window }))
    }

    fn claims(&self, record: KeyRecord) -> Claims {
        let catalogue = self.keyring.policy.catalogue;
        // A scope that is no longer declared grants nothing.
        let granted = record.scopes.iter().filter(|scope| catalogue.contains(scope)).cloned();
        let scopes = self.keyring.scope_sets.share(granted.collect());
        // A store reads two texts; what is cached for long shares one.
        let lineage = if record.lineage == record.id { record.id.clone() } else { record.lineage };
        Claims {
            uses: Uses::default(),
            lineage: Lineage::new(lineage),
            quota: record.quota.map(Box::new),
            plan: record.plan,
            key_id: record.id,
            scopes,
            account: record.account,
            catalogue: Some(catalogue),
            issuer: Some(self.keyring.issuer),
            mode: record.mode,
            kind: record.kind,
        }
    }
}

impl Probe {
    /// What the cache said.
    fn cached(settled: Result<Principal, Refusal>) -> Self {
        match settled {
            Ok(principal) => Self::Accepted(principal),
            Err(refusal) => {
                telemetry::cache_answered("refused", 1);
                Self::Refused(refusal)
            }
        }
    }
}

impl Future for Verification {
    type Output = Verified;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for Verification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verification")
    }
}
