//! Who is calling: plain data, made by the keyring and read by handlers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::rate_limit::{PlanName, Quota};
use crate::scope::Catalogue;
use crate::{KeyId, ScopeSet};

/// Whether a key moves real objects or simulated ones.
///
/// What the words for the two are is the key format's: `live` and `test` unless it says otherwise.
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

/// Whom a key belongs to, in the application's own words.
///
/// 1 to 128 visible ASCII characters without `"`, `\` and `,`. Cheap to clone.
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
/// Cheap to clone: one shared pointer.
#[derive(Clone)]
pub struct Principal {
    claims: Arc<Claims>,
    issuer: Option<Issuer>,
}

/// Who vouches for a principal: one keyring of this process.
///
/// A service may have several, of its customers and of its operators; what one of them accepted is
/// nobody to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Issuer(u64);

/// Everything that a [`Principal`] says.
#[derive(Debug, Clone)]
pub(crate) struct Claims {
    pub(crate) key_id: KeyId,
    /// The first key of the rotation that this key is part of.
    pub(crate) lineage: KeyId,
    pub(crate) mode: Mode,
    pub(crate) kind: KeyKind,
    pub(crate) scopes: ScopeSet,
    pub(crate) account: AccountId,
    pub(crate) on_behalf_of: Option<AccountId>,
    pub(crate) plan: Option<PlanName>,
    pub(crate) quota: Option<Quota>,
    /// What scopes the keyring knows, so that an extractor can tell a refusal from a mistake.
    /// `None` where no keyring made the principal: then every scope counts as known.
    pub(crate) catalogue: Option<Catalogue>,
}

impl Principal {
    /// A principal that no keyring vouches for yet.
    pub(crate) fn new(claims: Claims) -> Self {
        Self { claims: Arc::new(claims), issuer: None }
    }

    pub(crate) fn issued_by(self, issuer: Issuer) -> Self {
        Self { issuer: Some(issuer), ..self }
    }

    pub(crate) fn is_issued_by(&self, issuer: Issuer) -> bool {
        self.issuer == Some(issuer)
    }

    /// The key that was used.
    #[must_use]
    pub fn key_id(&self) -> &KeyId {
        &self.claims.key_id
    }

    /// The first key of the rotation that the key is part of: the same before and after a rotation.
    #[must_use]
    pub fn lineage(&self) -> &KeyId {
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

    /// What the caller may do. With [`Self::on_behalf_of`], what key and account both may.
    #[must_use]
    pub fn scopes(&self) -> &ScopeSet {
        &self.claims.scopes
    }

    /// Whom the key belongs to.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.claims.account
    }

    /// The connected account that the caller acts for, where it does.
    #[must_use]
    pub fn on_behalf_of(&self) -> Option<&AccountId> {
        self.claims.on_behalf_of.as_ref()
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
        self.claims.quota.as_ref()
    }

    pub(crate) fn catalogue(&self) -> Option<Catalogue> {
        self.claims.catalogue
    }

    /// The same caller, acting for `account` with no more than `scopes`.
    pub(crate) fn acting_for(&self, account: AccountId, scopes: ScopeSet) -> Self {
        let mut claims = Claims::clone(&self.claims);
        claims.on_behalf_of = Some(account);
        claims.scopes = scopes;
        Self { claims: Arc::new(claims), issuer: self.issuer }
    }
}

impl Issuer {
    /// One that nobody else has.
    pub(crate) fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
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
