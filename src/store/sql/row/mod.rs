//! A row of `keygate_keys` as a database gives it, and what of it can be believed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::store::{KeyRecord, StoreError};
use crate::{AccountId, KeyHash, KeyId, KeyKind, Mode, PlanName, Quota, ScopeName, ScopeSet};

/// 10000-01-01 in microseconds since 1970: no calendar in use here goes that far.
const YEAR_10000: u64 = 253_402_300_800_000_000;

/// One row, in types that every database has. Times are microseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct Row {
    pub(in crate::store) id: String,
    pub(in crate::store) name: String,
    pub(in crate::store) hint: String,
    pub(in crate::store) hash: Vec<u8>,
    pub(in crate::store) kind: String,
    pub(in crate::store) mode: String,
    pub(in crate::store) scopes: Vec<String>,
    pub(in crate::store) account: String,
    pub(in crate::store) plan: Option<String>,
    /// Requests in a period, the period's nanoseconds, the burst: all or none.
    pub(in crate::store) quota_count: Option<i64>,
    pub(in crate::store) quota_period_ns: Option<i64>,
    pub(in crate::store) quota_burst: Option<i64>,
    pub(in crate::store) lineage: String,
    pub(in crate::store) replaces: Option<String>,
    pub(in crate::store) replaced_by: Option<String>,
    pub(in crate::store) created_at: i64,
    pub(in crate::store) not_before: Option<i64>,
    pub(in crate::store) expires_at: Option<i64>,
    pub(in crate::store) revoked_at: Option<i64>,
    pub(in crate::store) revoked_reason: Option<String>,
}

/// Why a row is no record of a key. It names the key and the column, never what stood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the row of {key} cannot be read: `{column}` {problem}")]
struct CorruptRow {
    key: String,
    column: &'static str,
    problem: &'static str,
}

/// A column and what is wrong with it.
type Flaw = (&'static str, &'static str);

impl Row {
    /// What a record looks like in a row.
    pub(in crate::store) fn of(record: &KeyRecord) -> Result<Self, StoreError> {
        let id = |id: &Option<KeyId>| id.as_ref().map(ToString::to_string);
        let quota = record.quota.as_ref();
        Ok(Self {
            id: record.id.to_string(),
            name: record.name.clone(),
            hint: record.hint.clone(),
            hash: record.hash.as_bytes().to_vec(),
            kind: record.kind.as_str().into(),
            mode: mode_word(record.mode).into(),
            scopes: record.scopes.iter().map(ToString::to_string).collect(),
            account: record.account.to_string(),
            plan: record.plan.as_ref().map(ToString::to_string),
            quota_count: quota.map(|quota| i64::from(quota.count())),
            quota_period_ns: quota.map(period_ns).transpose()?,
            quota_burst: quota.map(|quota| i64::from(quota.burst_size())),
            lineage: record.lineage.to_string(),
            replaces: id(&record.replaces),
            replaced_by: id(&record.replaced_by),
            created_at: micros(record.created_at)?,
            not_before: record.not_before.map(micros).transpose()?,
            expires_at: record.expires_at.map(micros).transpose()?,
            revoked_at: record.revoked_at.map(micros).transpose()?,
            revoked_reason: record.revoked_reason.clone(),
        })
    }

    /// The record that stands in a row. What cannot be read opens nothing: it is an error.
    pub(in crate::store) fn into_record(self) -> Result<KeyRecord, StoreError> {
        let id = self.id.clone();
        self.parse().map_err(|(column, problem)| corrupt(&id, column, problem))
    }

    fn parse(self) -> Result<KeyRecord, Flaw> {
        let quota = self.quota().map_err(|problem| ("quota_count", problem))?;
        let id = key_id("id", &self.id)?;
        let hash = <[u8; 32]>::try_from(self.hash).map_err(|_| ("hash", "has not 32 bytes"))?;
        let account = AccountId::parse(&self.account);
        let account = account.map_err(|_| ("account", "is no id of an account"))?;
        let created_at = moment("created_at", self.created_at)?;
        let mode = mode(&self.mode)?;
        let optional = |column, time: Option<i64>| time.map(|at| moment(column, at)).transpose();
        let other = |column, id: Option<String>| id.map(|id| key_id(column, &id)).transpose();
        let mut record = KeyRecord::new(id, KeyHash::from_bytes(hash), mode, account, created_at);
        record.name = self.name;
        record.hint = self.hint;
        record.kind = kind(&self.kind)?;
        record.scopes = scopes(&self.scopes)?;
        record.plan = self.plan.map(|name| plan(&name)).transpose()?;
        record.quota = quota;
        record.lineage = key_id("lineage", &self.lineage)?;
        record.replaces = other("replaces", self.replaces)?;
        record.replaced_by = other("replaced_by", self.replaced_by)?;
        record.not_before = optional("not_before", self.not_before)?;
        record.expires_at = optional("expires_at", self.expires_at)?;
        record.revoked_at = optional("revoked_at", self.revoked_at)?;
        record.revoked_reason = self.revoked_reason;
        Ok(record)
    }

    fn quota(&self) -> Result<Option<Quota>, &'static str> {
        const PROBLEM: &str = "and its neighbours are no quota";
        match (self.quota_count, self.quota_period_ns, self.quota_burst) {
            (None, None, None) => Ok(None),
            (Some(count), Some(period), Some(burst)) => {
                let count = u32::try_from(count).map_err(|_| PROBLEM)?;
                let period = u64::try_from(period).map_err(|_| PROBLEM)?;
                let burst = u32::try_from(burst).map_err(|_| PROBLEM)?;
                let quota = Quota::try_new(count, Duration::from_nanos(period), burst);
                quota.map(Some).map_err(|_| PROBLEM)
            }
            _ => Err(PROBLEM),
        }
    }
}

/// The error for a row of this key. An `id` that is none is not repeated.
pub(in crate::store) fn corrupt(
    id: &str,
    column: &'static str,
    problem: &'static str,
) -> StoreError {
    let key = KeyId::parse(id).map_or_else(|_| "a key".into(), |id| format!("the key {id}"));
    StoreError::permanent(CorruptRow { key, column, problem })
}

/// Microseconds since 1970, as both databases can keep them.
pub(in crate::store) fn micros(time: SystemTime) -> Result<i64, StoreError> {
    let since =
        time.duration_since(UNIX_EPOCH).map_err(|_| StoreError::permanent("a time before 1970"))?;
    i64::try_from(since.as_micros())
        .map_err(|_| StoreError::permanent("a time beyond the calendar"))
}

/// A moment to compare with. One that no row can have is as good as the nearest that one can.
pub(in crate::store) fn nearest_micros(time: SystemTime) -> i64 {
    micros(time).unwrap_or(if time < UNIX_EPOCH { 0 } else { i64::MAX })
}

/// The moment that so many microseconds after 1970 are.
pub(in crate::store) fn time(micros: i64) -> Result<SystemTime, &'static str> {
    let since = u64::try_from(micros).map_err(|_| "is before 1970")?;
    // `infinity` of a database is one of those: nothing above could write or compute with it.
    if since >= YEAR_10000 {
        return Err("is beyond the year 9999");
    }
    Ok(UNIX_EPOCH + Duration::from_micros(since))
}

pub(in crate::store) fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "live",
        Mode::Test => "test",
    }
}

fn mode(word: &str) -> Result<Mode, Flaw> {
    match word {
        "live" => Ok(Mode::Live),
        "test" => Ok(Mode::Test),
        _ => Err(("mode", "is neither `live` nor `test`")),
    }
}

fn kind(word: &str) -> Result<KeyKind, Flaw> {
    match word {
        "secret" => Ok(KeyKind::Secret),
        "publishable" => Ok(KeyKind::Publishable),
        _ => Err(("kind", "is neither `secret` nor `publishable`")),
    }
}

fn key_id(column: &'static str, text: &str) -> Result<KeyId, Flaw> {
    KeyId::parse(text).map_err(|_| (column, "is no id of a key"))
}

fn moment(column: &'static str, micros: i64) -> Result<SystemTime, Flaw> {
    time(micros).map_err(|problem| (column, problem))
}

fn plan(name: &str) -> Result<PlanName, Flaw> {
    PlanName::parse(name).map_err(|_| ("plan", "is no name of a plan"))
}

fn scopes(names: &[String]) -> Result<ScopeSet, Flaw> {
    let names = names.iter().map(|name| ScopeName::parse(name));
    names.collect::<Result<_, _>>().map_err(|_| ("scopes", "has what is no name of a scope"))
}

fn period_ns(quota: &Quota) -> Result<i64, StoreError> {
    i64::try_from(quota.period().as_nanos())
        .map_err(|_| StoreError::permanent("a quota with a period of centuries"))
}

#[cfg(test)]
mod tests;
