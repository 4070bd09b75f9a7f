use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::rate_limit::InvalidQuota;
use crate::store::{KeyRecord, KeyStatus, KeyUsage};
use crate::{
    AccountId, ApiError, KeyKind, KeyUpdate, Keyring, Mode, NewKey, PlanName, Quota, ScopeName,
};

/// A quota is counted by the minute here.
const MINUTE: Duration = Duration::from_mins(1);

/// A key as the API shows it. Every field is always there.
#[derive(Debug, Serialize)]
pub(super) struct KeyView {
    id: String,
    name: String,
    hint: String,
    kind: &'static str,
    mode: String,
    scopes: Vec<String>,
    account: String,
    plan: Option<String>,
    quota: Option<QuotaView>,
    status: &'static str,
    created_at: Option<String>,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    revoked_at: Option<String>,
    revoked_reason: Option<String>,
    replaces: Option<String>,
    replaced_by: Option<String>,
    requests: u64,
}

#[derive(Debug, Serialize)]
struct QuotaView {
    per_minute: u64,
    burst: u32,
}

/// A key just issued: with its text, this once.
#[derive(Serialize)]
pub(super) struct IssuedView<'a> {
    #[serde(flatten)]
    pub(super) view: KeyView,
    pub(super) key: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Page {
    pub(super) data: Vec<KeyView>,
    pub(super) next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Listed<T> {
    pub(super) data: Vec<T>,
}

#[derive(Debug, Serialize)]
pub(super) struct ScopeView {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct HourView {
    hour: Option<String>,
    requests: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssueBody {
    name: String,
    mode: String,
    scopes: Vec<String>,
    kind: Option<String>,
    account: Option<String>,
    plan: Option<String>,
    quota: Option<QuotaBody>,
    expires_at: Option<String>,
}

/// What is absent stays as it is; what is `null` is taken away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateBody {
    name: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    plan: Patch<String>,
    #[serde(default)]
    quota: Patch<QuotaBody>,
    #[serde(default)]
    expires_at: Patch<String>,
}

/// A field that can be left as it is, taken away or set.
#[derive(Debug, Default)]
enum Patch<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaBody {
    per_minute: u32,
    burst: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeBody {
    pub(super) reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateBody {
    pub(super) overlap_seconds: u64,
}

impl KeyView {
    pub(super) fn new(record: KeyRecord, usage: KeyUsage, keyring: &Keyring) -> Self {
        let status = record.status(keyring.clock().wall()).as_str();
        Self {
            kind: record.kind.as_str(),
            mode: keyring.word(record.mode).to_owned(),
            scopes: record.scopes.iter().map(ToString::to_string).collect(),
            plan: record.plan.map(|plan| plan.to_string()),
            quota: record.quota.map(QuotaView::new),
            created_at: rfc3339(record.created_at),
            expires_at: record.expires_at.and_then(rfc3339),
            last_used_at: usage.last_used_at.and_then(rfc3339),
            revoked_at: record.revoked_at.and_then(rfc3339),
            replaces: record.replaces.map(|id| id.to_string()),
            replaced_by: record.replaced_by.map(|id| id.to_string()),
            id: record.id.to_string(),
            account: record.account.to_string(),
            name: record.name,
            hint: record.hint,
            revoked_reason: record.revoked_reason,
            requests: usage.requests,
            status,
        }
    }
}

impl HourView {
    pub(super) fn new((hour, requests): (SystemTime, u64)) -> Self {
        Self { hour: rfc3339(hour), requests }
    }
}

impl QuotaView {
    fn new(quota: Quota) -> Self {
        // Rounded down where a quota that was set in code is not a whole number a minute.
        let per_minute =
            u128::from(quota.count()) * MINUTE.as_nanos() / quota.period().as_nanos().max(1);
        Self {
            per_minute: u64::try_from(per_minute).unwrap_or(u64::MAX),
            burst: quota.burst_size(),
        }
    }
}

impl IssueBody {
    pub(super) fn into_new_key(self, keyring: &Keyring) -> Result<NewKey, ApiError> {
        let mut new =
            NewKey::named(self.name).mode(mode(&self.mode, keyring)?).scopes(scopes(&self.scopes)?);
        if let Some(word) = self.kind {
            new = new.kind(kind(&word)?);
        }
        if let Some(id) = self.account {
            new = new.account(account(&id)?);
        }
        if let Some(name) = self.plan {
            new = new.plan(plan(&name)?);
        }
        if let Some(body) = self.quota {
            new = new.quota(body.into_quota()?);
        }
        if let Some(time) = self.expires_at {
            new = new.expires_at(timestamp(&time)?);
        }
        Ok(new)
    }
}

impl UpdateBody {
    pub(super) fn into_update(self) -> Result<KeyUpdate, ApiError> {
        let mut update = KeyUpdate::default();
        if let Some(name) = self.name {
            update = update.name(name);
        }
        if let Some(names) = self.scopes {
            update = update.scopes(scopes(&names)?);
        }
        if let Some(name) = self.plan.change() {
            update = update.plan(name.map(|name| plan(&name)).transpose()?);
        }
        if let Some(body) = self.quota.change() {
            update = update.quota(body.map(QuotaBody::into_quota).transpose()?);
        }
        if let Some(time) = self.expires_at.change() {
            update = update.expires_at(time.map(|time| timestamp(&time)).transpose()?);
        }
        Ok(update)
    }
}

impl<T> Patch<T> {
    #[allow(clippy::option_option, reason = "the argument of a setter that is called or not")]
    fn change(self) -> Option<Option<T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(field: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(field)?.map_or(Self::Clear, Self::Set))
    }
}

impl QuotaBody {
    fn into_quota(self) -> Result<Quota, ApiError> {
        let burst = self.burst.unwrap_or(self.per_minute);
        Quota::try_new(self.per_minute, MINUTE, burst).map_err(|invalid| match invalid {
            InvalidQuota::ZeroCount => {
                ApiError::invalid_field("quota.per_minute", "must be at least 1")
            }
            InvalidQuota::ZeroBurst => ApiError::invalid_field("quota.burst", "must be at least 1"),
            InvalidQuota::TooFast => {
                ApiError::invalid_field("quota.per_minute", invalid.to_string())
            }
            InvalidQuota::TooSlow => ApiError::invalid_field("quota.burst", invalid.to_string()),
        })
    }
}

pub(super) fn mode(word: &str, keyring: &Keyring) -> Result<Mode, ApiError> {
    keyring.mode(word).ok_or_else(|| {
        let (live, test) = (keyring.word(Mode::Live), keyring.word(Mode::Test));
        ApiError::invalid_field("mode", format!("must be `{live}` or `{test}`"))
    })
}

pub(super) fn account(id: &str) -> Result<AccountId, ApiError> {
    AccountId::parse(id).map_err(|invalid| ApiError::invalid_field("account", invalid.to_string()))
}

pub(super) fn status(word: &str) -> Result<KeyStatus, ApiError> {
    [KeyStatus::Active, KeyStatus::Revoked, KeyStatus::Expired]
        .into_iter()
        .find(|status| status.as_str() == word)
        .ok_or_else(|| {
            ApiError::invalid_field("status", "must be `active`, `revoked` or `expired`")
        })
}

fn kind(word: &str) -> Result<KeyKind, ApiError> {
    [KeyKind::Secret, KeyKind::Publishable]
        .into_iter()
        .find(|kind| kind.as_str() == word)
        .ok_or_else(|| ApiError::invalid_field("kind", "must be `secret` or `publishable`"))
}

fn plan(name: &str) -> Result<PlanName, ApiError> {
    PlanName::parse(name).map_err(|invalid| ApiError::invalid_field("plan", invalid.to_string()))
}

fn scopes(names: &[String]) -> Result<Vec<ScopeName>, ApiError> {
    names
        .iter()
        .map(|name| ScopeName::parse(name))
        .collect::<Result<_, _>>()
        .map_err(|invalid| ApiError::invalid_field("scopes", invalid.to_string()))
}

fn timestamp(text: &str) -> Result<SystemTime, ApiError> {
    text.parse::<Timestamp>().map(SystemTime::from).map_err(|_| {
        ApiError::invalid_field(
            "expires_at",
            "must be an RFC 3339 time such as 2030-01-01T00:00:00Z",
        )
    })
}

fn rfc3339(time: SystemTime) -> Option<String> {
    Timestamp::try_from(time).ok().map(|time| time.to_string())
}
