use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{KeyringError, NewKey};
use crate::rate_limit::Plans;
use crate::scope::Catalogue;
use crate::store::{KeyRecord, RecordUpdate};
use crate::{AccountId, ApiKey, KeyHash, KeyId, PlanName, ScopeName};

/// The longest name of a key, in characters.
const MAX_NAME: usize = 100;

/// 9999-12-01, the last month that RFC 3339 can write in any time zone, in seconds since 1970.
pub(super) const END_OF_CALENDAR: Duration = Duration::from_secs(253_399_622_400);

/// What keys may be issued. Pure: everything that can be wrong with a key is told here.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) catalogue: Catalogue,
    pub(super) plans: Plans,
    pub(super) longest_lifetime: Option<Duration>,
    pub(super) default_account: AccountId,
}

impl Policy {
    /// Makes the record of a new key, its text and hash given.
    pub(super) fn draft(
        &self,
        new: NewKey,
        (key, hash): (&ApiKey, KeyHash),
        now: SystemTime,
    ) -> Result<KeyRecord, KeyringError> {
        self.draft_with_hint(new, key.hint().to_owned(), hash, now)
    }

    /// Makes the record of a key whose text is not known.
    pub(super) fn draft_with_hint(
        &self,
        new: NewKey,
        hint: String,
        hash: KeyHash,
        now: SystemTime,
    ) -> Result<KeyRecord, KeyringError> {
        let now = to_micros(now);
        let expires_at = self.expiry(new.expires_at, now, now)?;
        check_name(&new.name)?;
        self.check_scopes(&new.scopes)?;
        self.check_plan(new.plan.as_ref())?;
        let not_before = new.not_before.map(|from| on_calendar("not_before", from)).transpose()?;
        check_order(not_before, expires_at)?;
        let account = new.account.unwrap_or_else(|| self.default_account.clone());
        let id = match new.id {
            Some(id) => id,
            None => KeyId::generate().map_err(|_| KeyringError::NoRandomness)?,
        };
        let mut record = KeyRecord::new(id, hash, new.mode, account, now);
        record.name = new.name;
        record.hint = hint;
        record.kind = new.kind;
        record.scopes = new.scopes.into_iter().collect();
        record.plan = new.plan;
        record.quota = new.quota;
        record.not_before = not_before;
        record.expires_at = expires_at;
        Ok(record)
    }

    /// Checks a change to a key.
    pub(super) fn check_update(
        &self,
        mut update: RecordUpdate,
        record: &KeyRecord,
        now: SystemTime,
    ) -> Result<RecordUpdate, KeyringError> {
        if let Some(name) = &update.name {
            check_name(name)?;
        }
        if let Some(scopes) = &update.scopes {
            self.check_scopes(scopes)?;
        }
        if let Some(plan) = &update.plan {
            self.check_plan(plan.as_ref())?;
        }
        if let Some(end) = update.expires_at {
            let end = self.expiry(end, record.created_at, now)?;
            check_order(record.not_before, end)?;
            update.expires_at = Some(end);
        }
        Ok(update)
    }

    fn expiry(
        &self,
        end: Option<SystemTime>,
        created_at: SystemTime,
        now: SystemTime,
    ) -> Result<Option<SystemTime>, KeyringError> {
        let end = end.map(|end| on_calendar("expires_at", end)).transpose()?;
        if end.is_some_and(|end| end <= now) {
            return Err(KeyringError::invalid("expires_at", "must be in the future"));
        }
        let Some(longest) = self.longest_lifetime else { return Ok(end) };
        // An expiry past the end of the calendar is no expiry.
        let latest = created_at.checked_add(longest).map(to_micros);
        let Some(latest) = latest.filter(|latest| is_on_calendar(*latest)) else { return Ok(end) };
        if end.is_some_and(|end| end > latest) {
            let problem =
                format!("must be within {} seconds of the key's creation", longest.as_secs());
            return Err(KeyringError::invalid("expires_at", problem));
        }
        Ok(Some(end.unwrap_or(latest)))
    }

    fn check_scopes<'a>(
        &self,
        scopes: impl IntoIterator<Item = &'a ScopeName>,
    ) -> Result<(), KeyringError> {
        match scopes.into_iter().find(|scope| !self.catalogue.contains(scope)) {
            Some(unknown) => Err(KeyringError::invalid(
                "scopes",
                format!("`{unknown}` is not a scope of this service"),
            )),
            None => Ok(()),
        }
    }

    fn check_plan(&self, plan: Option<&PlanName>) -> Result<(), KeyringError> {
        match plan.filter(|plan| !self.plans.contains(plan)) {
            Some(unknown) => Err(KeyringError::invalid(
                "plan",
                format!("`{unknown}` is not a plan of this service"),
            )),
            None => Ok(()),
        }
    }
}

/// A time that can be written down, cut to the microsecond.
pub(super) fn on_calendar(
    field: &'static str,
    time: SystemTime,
) -> Result<SystemTime, KeyringError> {
    if !is_on_calendar(time) {
        return Err(KeyringError::invalid(field, "must be before 9999-12-01"));
    }
    Ok(to_micros(time))
}

fn is_on_calendar(time: SystemTime) -> bool {
    time < UNIX_EPOCH + END_OF_CALENDAR
}

/// Cuts a time to the microsecond, which is what every store keeps.
pub(super) fn to_micros(time: SystemTime) -> SystemTime {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => time - Duration::from_nanos(u64::from(since.subsec_nanos() % 1000)),
        Err(_) => UNIX_EPOCH,
    }
}

fn check_order(from: Option<SystemTime>, end: Option<SystemTime>) -> Result<(), KeyringError> {
    match from.zip(end).filter(|(from, end)| from >= end) {
        Some(_) => Err(KeyringError::invalid("not_before", "must be before the expiry")),
        None => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), KeyringError> {
    if name.trim().is_empty() {
        return Err(KeyringError::invalid("name", "must not be empty"));
    }
    if name.chars().count() > MAX_NAME {
        return Err(KeyringError::invalid(
            "name",
            format!("must have at most {MAX_NAME} characters"),
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(KeyringError::invalid("name", "must not have control characters"));
    }
    Ok(())
}
