use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{KeyringError, NewKey};
use crate::rate_limit::Plans;
use crate::scope::Catalogue;
use crate::store::{KeyRecord, RecordUpdate};
use crate::{AccountId, ApiKey, KeyHash, KeyId, PlanName, ScopeName};

/// The longest name of a key, in characters.
const MAX_NAME: usize = 100;

/// The longest reason of a revocation, in characters.
const MAX_REASON: usize = 500;

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
    if name.chars().all(is_invisible) {
        return Err(KeyringError::invalid("name", "must have a character that can be seen"));
    }
    check_line("name", name, MAX_NAME)
}

/// Checks why a key is revoked.
pub(super) fn check_reason(reason: &str) -> Result<(), KeyringError> {
    check_line("reason", reason, MAX_REASON)
}

/// Checks a text that lists show beside others, and that every store can keep: Postgres has no
/// NUL in a text.
fn check_line(field: &'static str, text: &str, most: usize) -> Result<(), KeyringError> {
    if text.chars().count() > most {
        return Err(KeyringError::invalid(field, format!("must have at most {most} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(KeyringError::invalid(field, "must not have control characters"));
    }
    if text.chars().any(turns_direction) {
        return Err(KeyringError::invalid(
            field,
            "must not have characters that turn the direction of the text",
        ));
    }
    Ok(())
}

/// Embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX 9, table 4): one
/// that is left open makes what stands after it, or before, read as something else.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Spaces, and what Unicode draws nothing for: `Default_Ignorable_Code_Point` and the empty
/// pattern of braille.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a text, if anything is.
    fn problem(checked: Result<(), KeyringError>) -> String {
        match checked {
            Ok(()) => String::new(),
            Err(KeyringError::Invalid { field, problem }) => format!("{field}: {problem}"),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_can_be_seen_and_reads_as_it_is_written() {
        let (long, longest) = ("a".repeat(101), "a".repeat(100));
        let turned = "name: must not have characters that turn the direction of the text";
        let unseen = "name: must have a character that can be seen";
        for (name, expected) in [
            ("WooCommerce plugin", ""),
            ("متجر", ""),
            ("חנות (test)", ""),
            ("👩\u{200d}🔧 Ana's", ""),
            ("می\u{200c}خواهم", ""),
            (&longest, ""),
            (&long, "name: must have at most 100 characters"),
            ("", "name: must not be empty"),
            (" \u{3000}", "name: must not be empty"),
            ("\u{200b}", unseen),
            (" \u{feff}\u{2060} ", unseen),
            ("\u{2800}", unseen),
            ("a\nb", "name: must not have control characters"),
            ("safe\u{202e}evil", turned),
            ("\u{2066}a\u{2069}", turned),
        ] {
            assert_eq!(problem(check_name(name)), expected, "{name:?}");
        }
    }

    #[test]
    fn a_reason_is_a_line_that_every_store_can_keep() {
        let (long, longest) = ("a".repeat(501), "é".repeat(500));
        for (reason, expected) in [
            ("", ""),
            ("leaked \"here\"", ""),
            (&longest, ""),
            (&long, "reason: must have at most 500 characters"),
            ("a\0b", "reason: must not have control characters"),
            ("a\nb", "reason: must not have control characters"),
            ("\u{202e}", "reason: must not have characters that turn the direction of the text"),
        ] {
            assert_eq!(problem(check_reason(reason)), expected, "{reason:?}");
        }
    }
}
