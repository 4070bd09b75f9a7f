use std::time::SystemTime;

use super::Outcome;
use crate::{AccountId, KeyHash, KeyId, KeyKind, Mode, PlanName, Quota, ScopeSet};

/// What is stored of a key: everything but its text.
///
/// See [`Self::new`] for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRecord {
    /// The public id.
    pub id: KeyId,
    /// What people call it: 1 to 100 characters, not unique.
    pub name: String,
    /// The first characters of the text, to recognise it by.
    pub hint: String,
    /// SHA-256 of the text, or with a pepper its HMAC.
    pub hash: KeyHash,
    /// Secret or publishable.
    pub kind: KeyKind,
    /// Live or test.
    pub mode: Mode,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Whom it belongs to.
    pub account: AccountId,
    /// The plan that sets its quota.
    pub plan: Option<PlanName>,
    /// Its own quota, which goes before its plan's.
    pub quota: Option<Quota>,
    /// The first key of its rotation: its own id where there was none.
    pub lineage: KeyId,
    /// The key in whose place it came.
    pub replaces: Option<KeyId>,
    /// The key that came in its place.
    pub replaced_by: Option<KeyId>,
    /// When it was issued.
    pub created_at: SystemTime,
    /// The first moment at which it is accepted, where that is later than its issue.
    pub not_before: Option<SystemTime>,
    /// The first moment at which it is refused.
    pub expires_at: Option<SystemTime>,
    /// When it was revoked.
    pub revoked_at: Option<SystemTime>,
    /// Why, in the operator's words.
    pub revoked_reason: Option<String>,
}

/// Whether a key can be used, at some moment.
///
/// See [`KeyRecord::status`] for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyStatus {
    /// It can, or will be once its time has come.
    Active,
    /// It was revoked, whatever its expiry.
    Revoked,
    /// Its time is over.
    Expired,
}

/// A change to a record; what is `None` stays as it is.
///
/// See [`Self::decide`] for an example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordUpdate {
    /// The new name.
    pub name: Option<String>,
    /// The new scopes.
    pub scopes: Option<ScopeSet>,
    /// The new plan, or none.
    pub plan: Option<Option<PlanName>>,
    /// The new quota, or none.
    pub quota: Option<Option<Quota>>,
    /// The new expiry, or none.
    pub expires_at: Option<Option<SystemTime>>,
}

impl KeyRecord {
    /// A record of a secret key with nothing set but these.
    ///
    /// Stores fill in the rest, field by field:
    ///
    /// ```
    /// use keygate::store::KeyRecord;
    /// use keygate::{AccountId, KeyHash, KeyId, Mode};
    /// use std::time::UNIX_EPOCH;
    ///
    /// let (id, hash) = (KeyId::parse("key_1")?, KeyHash::of(b"text"));
    /// let mut record = KeyRecord::new(id, hash, Mode::Test, AccountId::parse("acct_1")?, UNIX_EPOCH);
    /// record.name = "WooCommerce plugin".into();
    /// assert!(record.scopes.is_empty() && record.lineage == record.id);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(
        id: KeyId,
        hash: KeyHash,
        mode: Mode,
        account: AccountId,
        created_at: SystemTime,
    ) -> Self {
        Self {
            lineage: id.clone(),
            id,
            hash,
            mode,
            account,
            created_at,
            name: String::new(),
            hint: String::new(),
            kind: KeyKind::Secret,
            scopes: ScopeSet::empty(),
            plan: None,
            quota: None,
            replaces: None,
            replaced_by: None,
            not_before: None,
            expires_at: None,
            revoked_at: None,
            revoked_reason: None,
        }
    }

    /// Whether everything that a rotation hands down is the same.
    pub(super) fn inherits(&self, predecessor: &Self) -> bool {
        let expected = Self {
            id: self.id.clone(),
            hash: self.hash,
            hint: self.hint.clone(),
            created_at: self.created_at,
            replaces: self.replaces.clone(),
            replaced_by: self.replaced_by.clone(),
            ..predecessor.clone()
        };
        *self == expected
    }

    /// Whether the key can be used at `now`. Revoked goes before expired.
    ///
    /// ```
    /// use keygate::store::{KeyRecord, KeyStatus};
    /// use keygate::{AccountId, KeyHash, KeyId, Mode};
    /// use std::time::UNIX_EPOCH;
    ///
    /// let (id, hash) = (KeyId::parse("key_1")?, KeyHash::of(b"text"));
    /// let account = AccountId::parse("acct_1")?;
    /// let mut record = KeyRecord::new(id, hash, Mode::Test, account, UNIX_EPOCH);
    /// assert_eq!(record.status(UNIX_EPOCH), KeyStatus::Active);
    ///
    /// record.expires_at = Some(UNIX_EPOCH);
    /// assert_eq!(record.status(UNIX_EPOCH), KeyStatus::Expired);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn status(&self, now: SystemTime) -> KeyStatus {
        if self.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        }
    }

    /// What the record becomes when it is revoked: the first time and reason stay. The rule for
    /// every store.
    ///
    /// ```
    /// use keygate::store::{KeyRecord, Outcome};
    /// use keygate::{AccountId, KeyHash, KeyId, Mode};
    /// use std::time::UNIX_EPOCH;
    ///
    /// let (id, hash) = (KeyId::parse("key_1")?, KeyHash::of(b"text"));
    /// let record = KeyRecord::new(id, hash, Mode::Test, AccountId::parse("acct_1")?, UNIX_EPOCH);
    /// let Outcome::Done(revoked) = record.revoked(UNIX_EPOCH, None) else { panic!("it is not") };
    /// assert_eq!(revoked.revoked(UNIX_EPOCH, Some("again".into())), Outcome::Revoked(revoked));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn revoked(&self, at: SystemTime, reason: Option<String>) -> Outcome {
        let mut after = Box::new(self.clone());
        if self.revoked_at.is_some() {
            return Outcome::Revoked(after);
        }
        (after.revoked_at, after.revoked_reason) = (Some(at), reason);
        Outcome::Done(after)
    }
}

impl KeyStatus {
    /// The word for it, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl RecordUpdate {
    /// What the stored record becomes: one that is revoked stays as it is. The rule for every store.
    ///
    /// ```
    /// use keygate::store::{KeyRecord, Outcome, RecordUpdate};
    /// use keygate::{AccountId, KeyHash, KeyId, Mode};
    /// use std::time::UNIX_EPOCH;
    ///
    /// let (id, hash) = (KeyId::parse("key_1")?, KeyHash::of(b"text"));
    /// let account = AccountId::parse("acct_1")?;
    /// let record = KeyRecord::new(id, hash, Mode::Test, account, UNIX_EPOCH);
    /// let mut update = RecordUpdate::default();
    /// update.name = Some("new".into());
    /// let Outcome::Done(after) = update.decide(&record) else { panic!("it is not revoked") };
    /// assert_eq!(after.name, "new");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn decide(&self, stored: &KeyRecord) -> Outcome {
        let mut after = Box::new(stored.clone());
        if stored.revoked_at.is_some() {
            return Outcome::Revoked(after);
        }
        if let Some(name) = &self.name {
            after.name.clone_from(name);
        }
        if let Some(scopes) = &self.scopes {
            after.scopes.clone_from(scopes);
        }
        if let Some(plan) = &self.plan {
            after.plan.clone_from(plan);
        }
        if let Some(quota) = self.quota {
            after.quota = quota;
        }
        if let Some(expires_at) = self.expires_at {
            after.expires_at = expires_at;
        }
        Outcome::Done(after)
    }
}
