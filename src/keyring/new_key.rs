use std::time::SystemTime;

use crate::scope::Scope;
use crate::store::{KeyRecord, KeyStatus, RecordUpdate};
use crate::{AccountId, ApiKey, KeyId, KeyKind, Mode, PlanName, Quota, ScopeName};

/// What a key is to be; the argument of [`Keyring::issue`](super::Keyring::issue).
///
/// A test key without scopes of the keyring's default account, that never expires, unless said
/// otherwise.
#[derive(Debug, Clone)]
#[must_use]
pub struct NewKey {
    pub(super) id: Option<KeyId>,
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) kind: KeyKind,
    pub(super) scopes: Vec<ScopeName>,
    pub(super) account: Option<AccountId>,
    pub(super) plan: Option<PlanName>,
    pub(super) quota: Option<Quota>,
    pub(super) not_before: Option<SystemTime>,
    pub(super) expires_at: Option<SystemTime>,
}

/// What is to change of a key, for [`Keyring::update`](super::Keyring::update).
///
/// What is not set stays as it is.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct KeyUpdate(pub(super) RecordUpdate);

/// A key just issued: its record, and for this once its text.
///
/// See [the module](super) for an example.
#[derive(Debug)]
#[must_use = "the key's text cannot be had again"]
pub struct IssuedKey {
    pub(super) key: ApiKey,
    pub(super) record: KeyRecord,
}

/// Which keys to list; the argument of [`Keyring::list`](super::Keyring::list).
#[derive(Debug, Clone)]
#[must_use]
pub struct KeyFilter {
    pub(super) status: Option<KeyStatus>,
    pub(super) mode: Option<Mode>,
    pub(super) account: Option<AccountId>,
    pub(super) search: Option<String>,
    pub(super) cursor: Option<crate::store::Cursor>,
    pub(super) limit: usize,
}

impl NewKey {
    /// A key that people call `name`: 1 to 100 characters, not unique.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            id: None,
            name: name.into(),
            mode: Mode::Test,
            kind: KeyKind::Secret,
            scopes: Vec::new(),
            account: None,
            plan: None,
            quota: None,
            not_before: None,
            expires_at: None,
        }
    }

    /// Its public id. Generated unless set.
    ///
    /// That of another system, or a fixed one, so that of several nodes that issue a key at once
    /// one succeeds and the others get [`StoreError::is_duplicate`].
    ///
    /// [`StoreError::is_duplicate`]: crate::store::StoreError::is_duplicate
    pub fn id(mut self, id: KeyId) -> Self {
        self.id = Some(id);
        self
    }

    /// Live or test. Test unless set.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Secret or publishable. Secret unless set.
    pub fn kind(mut self, kind: KeyKind) -> Self {
        self.kind = kind;
        self
    }

    /// Adds a scope.
    pub fn scope<S: Scope>(mut self, _scope: S) -> Self {
        self.scopes.push(S::NAME);
        self
    }

    /// Adds scopes by name.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = ScopeName>) -> Self {
        self.scopes.extend(scopes);
        self
    }

    /// Whom it belongs to. The keyring's default account unless set.
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = Some(account);
        self
    }

    /// The plan that sets its quota.
    pub fn plan(mut self, plan: PlanName) -> Self {
        self.plan = Some(plan);
        self
    }

    /// Its own quota, which goes before its plan's.
    pub fn quota(mut self, quota: Quota) -> Self {
        self.quota = Some(quota);
        self
    }

    /// The first moment at which it is accepted.
    pub fn not_before(mut self, from: SystemTime) -> Self {
        self.not_before = Some(from);
        self
    }

    /// The first moment at which it is refused.
    pub fn expires_at(mut self, end: SystemTime) -> Self {
        self.expires_at = Some(end);
        self
    }
}

impl KeyUpdate {
    /// Replaces the name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = Some(name.into());
        self
    }

    /// Replaces the scopes.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = ScopeName>) -> Self {
        self.0.scopes = Some(scopes.into_iter().collect());
        self
    }

    /// Replaces the plan, or takes it away.
    pub fn plan(mut self, plan: Option<PlanName>) -> Self {
        self.0.plan = Some(plan);
        self
    }

    /// Replaces the key's own quota, or takes it away.
    pub fn quota(mut self, quota: Option<Quota>) -> Self {
        self.0.quota = Some(quota);
        self
    }

    /// Replaces the expiry, or takes it away.
    pub fn expires_at(mut self, end: Option<SystemTime>) -> Self {
        self.0.expires_at = Some(end);
        self
    }
}

impl IssuedKey {
    /// The key's text, to be handed to its holder and forgotten.
    pub fn key(&self) -> &ApiKey {
        &self.key
    }

    /// The public id.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.record.id
    }

    /// What was stored.
    #[must_use]
    pub fn record(&self) -> &KeyRecord {
        &self.record
    }
}

impl Default for KeyFilter {
    fn default() -> Self {
        Self { status: None, mode: None, account: None, search: None, cursor: None, limit: 50 }
    }
}

impl KeyFilter {
    /// Only those of this status now.
    pub fn status(mut self, status: KeyStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Only those of this mode.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Only those of this account.
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = Some(account);
        self
    }

    /// Only those whose name has this text in it.
    ///
    /// Letters of ASCII match in either case; `%` and `_` stand for themselves.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use keygate::{KeyFilter, KeyFormat, Keyring, MemoryStore, NewKey};
    ///
    /// let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?).build()?;
    /// let plugin = keys.issue(NewKey::named("WooCommerce plugin")).await?;
    /// keys.issue(NewKey::named("Till app")).await?;
    /// let found = keys.list(KeyFilter::default().search("commerce")).await?;
    /// assert_eq!(found.records.len(), 1);
    /// assert_eq!(&found.records[0].id, plugin.id());
    /// # Ok(()) }
    /// ```
    pub fn search(mut self, text: impl Into<String>) -> Self {
        self.search = Some(text.into());
        self
    }

    /// Only those after this place.
    pub fn cursor(mut self, cursor: crate::store::Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// How many at the most: 1 to 200, 50 unless set.
    ///
    /// What is outside is drawn to the nearer end.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, 200);
        self
    }
}
