//! Who is calling: plain data, made by the keyring and read by handlers.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use crate::rate_limit::{PlanName, Quota};
use crate::scope::Catalogue;
use crate::{KeyId, ScopeSet};

/// Whether a key moves real objects or simulated ones.
///
/// What the words for the two are is the key format's: `live` and `test` unless it says otherwise.
/// See [`ModeWords`](crate::ModeWords) for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::exhaustive_enums, reason = "there are two modes: users match on both")]
pub enum Mode {
    /// Real.
    Live,
    /// Simulated.
    Test,
}

/// Whether a key is a secret or may be seen by everyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyKind {
    /// For servers; whoever has it is the account.
    Secret,
    /// For pages and apps; it opens nothing unless `AuthLayer` is told to accept it.
    Publishable,
}

impl Mode {
    /// `live` or `test`, whatever the two are called in the service's keys: for logs and metrics.
    ///
    /// ```
    /// assert_eq!(keygate::Mode::Live.as_str(), "live");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl KeyKind {
    /// The word for it, in lower case.
    ///
    /// ```
    /// assert_eq!(keygate::KeyKind::Publishable.as_str(), "publishable");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Publishable => "publishable",
        }
    }
}

/// Whom a key belongs to, in the application's own words.
///
/// 1 to 128 visible ASCII characters without `"`, `\` and `,`. Cheap to clone.
///
/// ```
/// use keygate::AccountId;
///
/// assert_eq!(AccountId::parse("acct_1")?.as_str(), "acct_1");
/// assert!(AccountId::parse("acct_1,acct_2").is_err());
/// # Ok::<(), keygate::InvalidAccountId>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(Arc<str>);

/// Why a text is no id of an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an account id is 1 to 128 visible ASCII characters without quotes, backslashes and commas"
)]
#[non_exhaustive]
pub struct InvalidAccountId;

/// The caller of a request whose key was accepted.
///
/// `AuthLayer` puts one into the request's extensions; handlers take it as an extractor.
/// Cheap to clone: one shared pointer, or two where the caller acts for a connected account.
///
/// ```
/// use keygate::Mode;
/// use keygate::test_util::principal;
///
/// let caller = principal("acct_1", Mode::Test, []);
/// assert_eq!(caller.mode(), Mode::Test);
/// assert_eq!(caller.account().as_str(), "acct_1");
/// assert!(caller.on_behalf_of().is_none() && caller.plan().is_none());
/// ```
#[derive(Clone)]
pub struct Principal {
    claims: Arc<Claims>,
    /// For a platform that acts for a connected account.
    acting: Option<Arc<Acting>>,
    /// Which limits the request was charged to, one bit for each of the process's first ones. It
    /// stands here and not among the extensions so that those need not grow.
    charged: u32,
}

/// Who vouches for a principal: one keyring of this process.
///
/// A service may have several, of its customers and of its operators; what one of them accepted is
/// nobody to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Issuer(NonZeroU64);

/// Everything that a [`Principal`] says of itself.
///
/// In this order, so that a request whose key is known and not limited by a plan reads one line of
/// memory of it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Claims {
    pub(crate) uses: Uses,
    pub(crate) lineage: Lineage,
    pub(crate) quota: Option<Box<Quota>>,
    pub(crate) plan: Option<PlanName>,
    pub(crate) key_id: KeyId,
    pub(crate) scopes: ScopeSet,
    pub(crate) account: AccountId,
    /// What scopes the keyring knows: an extractor tells a refusal from a mistake by it.
    /// `None` where no keyring made the principal: then every scope counts as known.
    pub(crate) catalogue: Option<Catalogue>,
    /// `None` where no keyring vouches for the principal.
    pub(crate) issuer: Option<Issuer>,
    pub(crate) mode: Mode,
    pub(crate) kind: KeyKind,
}

/// The first key of the rotation that a key is part of, and bits that are spread evenly: what is
/// found by them on each request need not hash the text each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lineage {
    bits: u32,
    id: KeyId,
}

/// The connected account that a platform acts for, and the scopes that both have.
struct Acting {
    account: AccountId,
    scopes: ScopeSet,
}

/// How often a key was used since somebody last took the count, and when last.
///
/// Two words and one atomic step on each: all that a request pays for being counted. The highest
/// bit of the count says that its key is on the list of those to be taken.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    count: AtomicU64,
    /// Microseconds of the monotonic clock.
    last: AtomicU64,
}

/// Higher than anybody counts.
const LISTED: u64 = 1 << 63;

impl Principal {
    pub(crate) fn new(claims: Arc<Claims>) -> Self {
        Self { claims, acting: None, charged: 0 }
    }

    pub(crate) fn is_issued_by(&self, issuer: Issuer) -> bool {
        self.claims.issuer == Some(issuer)
    }

    /// The key that was used.
    #[must_use]
    pub fn key_id(&self) -> &KeyId {
        &self.claims.key_id
    }

    /// The first key of the rotation that the key is part of.
    ///
    /// It is the same before and after a rotation.
    #[must_use]
    pub fn lineage(&self) -> &KeyId {
        self.claims.lineage.id()
    }

    pub(crate) fn lineage_with_bits(&self) -> &Lineage {
        &self.claims.lineage
    }

    /// Live or test.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.claims.mode
    }

    /// Secret or publishable.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.claims.kind
    }

    /// What the caller may do.
    ///
    /// With [`Self::on_behalf_of`], what key and account both may.
    #[must_use]
    pub fn scopes(&self) -> &ScopeSet {
        self.acting.as_ref().map_or(&self.claims.scopes, |acting| &acting.scopes)
    }

    /// Whom the key belongs to.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.claims.account
    }

    /// The connected account that the caller acts for, where it does.
    #[must_use]
    pub fn on_behalf_of(&self) -> Option<&AccountId> {
        self.acting.as_ref().map(|acting| &acting.account)
    }

    /// Whose objects the request is about: [`Self::on_behalf_of`], else [`Self::account`].
    #[must_use]
    pub fn subject(&self) -> &AccountId {
        self.on_behalf_of().unwrap_or_else(|| self.account())
    }

    /// The plan that sets the key's quota, where it has one.
    #[must_use]
    pub fn plan(&self) -> Option<&PlanName> {
        self.claims.plan.as_ref()
    }

    /// The key's own quota, which goes before its plan's.
    #[must_use]
    pub fn quota(&self) -> Option<&Quota> {
        self.claims.quota.as_deref()
    }

    pub(crate) fn catalogue(&self) -> Option<Catalogue> {
        self.claims.catalogue
    }

    /// The same caller, acting for `account` with no more than `scopes`.
    pub(crate) fn acting_for(&self, account: AccountId, scopes: ScopeSet) -> Self {
        let acting = Some(Arc::new(Acting { account, scopes }));
        Self { claims: Arc::clone(&self.claims), acting, charged: self.charged }
    }

    /// Notes that the request was charged to a limit, for one of the first limits of the process;
    /// whether it is the first time.
    pub(crate) fn charge(&mut self, limit: usize) -> Option<bool> {
        let bit = 1_u32.checked_shl(u32::try_from(limit).ok()?)?;
        let first = self.charged & bit == 0;
        self.charged |= bit;
        Some(first)
    }

    /// Takes over what the request was charged to while `previous` was its caller.
    pub(crate) fn succeed(&mut self, previous: &Self) {
        self.charged |= previous.charged;
    }
}

impl Lineage {
    pub(crate) fn new(id: KeyId) -> Self {
        Self { bits: Self::bits_of(&id), id }
    }

    pub(crate) fn id(&self) -> &KeyId {
        &self.id
    }

    pub(crate) fn bits(&self) -> u32 {
        self.bits
    }

    /// The bits of the lineage that begins with this key. Nobody outside can choose them.
    #[allow(clippy::cast_possible_truncation, reason = "any bits do")]
    fn bits_of(id: &KeyId) -> u32 {
        static SPREAD: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        SPREAD.hash_one(id) as u32
    }
}

impl Issuer {
    /// One that nobody else has.
    pub(crate) fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)).unwrap_or(NonZeroU64::MAX))
    }
}

impl Uses {
    /// Counts a use, and says whether the key is not on the list yet.
    ///
    /// The caller then has it [listed](Self::list).
    pub(crate) fn count(&self, at: u64) -> bool {
        // The time first: whoever takes the count also sees when the last use of it was.
        self.last.fetch_max(at, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Release) & LISTED == 0
    }

    /// To be called under the lock of the list. Whether the caller is the one to put the key there.
    ///
    /// Whoever finds the mark without having set it knows that the key is on the list as soon as
    /// the lock is free: a use that was counted is never missed by who looks at the list
    /// afterwards.
    pub(crate) fn list(&self) -> bool {
        self.count.fetch_or(LISTED, Ordering::Relaxed) & LISTED == 0
    }

    /// What was counted since this was last called, and the time of the last use. The next use
    /// lists the key again.
    pub(crate) fn take(&self) -> (u64, u64) {
        let count = self.count.swap(0, Ordering::Acquire) & !LISTED;
        (count, self.last.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("key_id", self.key_id())
            .field("mode", &self.mode())
            .field("scopes", self.scopes())
            .field("account", self.account())
            .field("on_behalf_of", &self.on_behalf_of())
            .finish_non_exhaustive()
    }
}

impl AccountId {
    /// Takes an id known at compile time.
    ///
    /// # Panics
    ///
    /// If the id is not valid.
    #[must_use]
    #[allow(clippy::panic, reason = "for literals; ids from outside go through `parse`")]
    pub fn from_static(id: &'static str) -> Self {
        match Self::parse(id) {
            Ok(id) => id,
            Err(invalid) => panic!("{invalid}"),
        }
    }

    /// Takes an id as text.
    ///
    /// # Errors
    ///
    /// [`InvalidAccountId`] if it is empty, too long or has other characters.
    pub fn parse(id: &str) -> Result<Self, InvalidAccountId> {
        let fits = (1..=128).contains(&id.len());
        let known = id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b','));
        if fits && known { Ok(Self(id.into())) } else { Err(InvalidAccountId) }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl std::str::FromStr for AccountId {
    type Err = InvalidAccountId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::parse(id)
    }
}
