//! What the list shows of keys: pure, so that tables test it.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::chart::Chart;
use super::count::{grouped, requests};
use super::moment::{Moment, span};
use crate::store::{KeyRecord, KeyStatus, KeyUsage};
use crate::{KeyId, KeyKind, Keyring, Mode, Quota};

/// So many scopes are shown at once; to hide a single one would save nothing.
const FEW: usize = 3;

/// So long nobody may have used a key since its rotation before it is called safe to revoke: a day,
/// for who comes once in a day, and an hour, as they are late at times. The nodes write usage each
/// second, and their clocks differ by less.
const QUIET: Duration = Duration::from_hours(25);

/// A key as a row of the list.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) hint: String,
    pub(super) is_publishable: bool,
    pub(super) mode: String,
    pub(super) is_live: bool,
    pub(super) scopes: Vec<String>,
    /// Those that are shown when they are asked for.
    pub(super) more_scopes: Vec<String>,
    /// Whom it belongs to, unless that is who keys belong to anyway.
    pub(super) account: Option<String>,
    pub(super) plan: Option<String>,
    pub(super) quota: Option<String>,
    pub(super) requests: String,
    pub(super) chart: Chart,
    pub(super) last_used: Option<Moment>,
    pub(super) created: Moment,
    pub(super) expires: Option<Moment>,
    pub(super) state: State,
    /// The hint of the key in whose place it came.
    pub(super) replaces: Option<String>,
}

/// What became of a key so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    Active,
    /// It has a successor, and ends when the overlap does.
    Replaced(Replaced),
    Expired(Option<Moment>),
    Revoked {
        at: Option<Moment>,
        reason: Option<String>,
    },
}

/// A key that a rotation left valid for a while.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) ends: Option<Moment>,
    pub(super) since: Since,
}

/// The use of a key since its rotation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// Somebody has not switched yet.
    Used(Moment),
    Unused {
        /// How long the rotation was ago, if that is known.
        span: Option<String>,
        is_safe: bool,
    },
}

/// From where keys are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    pub(super) now: SystemTime,
    /// Whether every use is known: none was lost, and the store takes them.
    pub(super) is_whole: bool,
}

/// A key and everything that is known about it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) record: KeyRecord,
    pub(super) usage: KeyUsage,
    /// Requests by the hour, oldest first.
    pub(super) hours: Vec<(SystemTime, u64)>,
    /// When its successor was issued, where it has one.
    pub(super) rotated_at: Option<SystemTime>,
}

/// The rows of some keys, in their order.
pub(super) fn rows(keys: Vec<Known>, keyring: &Keyring, now: SystemTime) -> Vec<Row> {
    let usage = keyring.health().usage;
    let sight = Sight { now, is_whole: usage.failing.is_none() && usage.dropped == 0 };
    let hints: HashMap<KeyId, String> =
        keys.iter().map(|key| (key.record.id.clone(), key.record.hint.clone())).collect();
    keys.into_iter().map(|key| Row::new(key, &hints, keyring, sight)).collect()
}

impl Row {
    fn new(key: Known, hints: &HashMap<KeyId, String>, keyring: &Keyring, sight: Sight) -> Self {
        let now = sight.now;
        let Known { record, usage, hours, rotated_at } = key;
        let mut scopes: Vec<_> = record.scopes.iter().map(ToString::to_string).collect();
        let more_scopes = if scopes.len() > FEW + 1 { scopes.split_off(FEW) } else { Vec::new() };
        let is_default = record.account == *keyring.default_account();
        Self {
            state: State::of(&record, &usage, rotated_at, sight),
            is_publishable: record.kind == KeyKind::Publishable,
            mode: keyring.word(record.mode).to_owned(),
            is_live: record.mode == Mode::Live,
            scopes,
            more_scopes,
            account: (!is_default).then(|| record.account.to_string()),
            plan: record.plan.map(|plan| plan.to_string()),
            quota: record.quota.map(pace),
            requests: grouped(usage.requests),
            chart: Chart::of(&hours),
            last_used: usage.last_used_at.map(|at| Moment::relative(at, now)),
            created: Moment::day(record.created_at),
            expires: record.expires_at.map(|at| Moment::near_or_day(at, now)),
            replaces: record.replaces.and_then(|id| hints.get(&id).cloned()),
            id: record.id.to_string(),
            name: record.name,
            hint: record.hint,
        }
    }
}

impl State {
    /// Whether the key can still get a successor.
    pub(super) fn can_rotate(&self) -> bool {
        matches!(self, Self::Active)
    }

    /// Whether anything is left to be revoked. There is no way back from it.
    pub(super) fn can_revoke(&self) -> bool {
        !matches!(self, Self::Revoked { .. })
    }

    /// Whether the key is refused.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Revoked { .. } | Self::Expired(_))
    }

    fn of(
        record: &KeyRecord,
        usage: &KeyUsage,
        rotated_at: Option<SystemTime>,
        sight: Sight,
    ) -> Self {
        let now = sight.now;
        match record.status(now) {
            KeyStatus::Revoked => Self::Revoked {
                at: record.revoked_at.map(|at| Moment::near_or_day(at, now)),
                reason: record.revoked_reason.clone(),
            },
            KeyStatus::Expired => {
                Self::Expired(record.expires_at.map(|at| Moment::near_or_day(at, now)))
            }
            KeyStatus::Active if record.replaced_by.is_some() => Self::Replaced(Replaced {
                ends: record.expires_at.map(|at| Moment::near_or_day(at, now)),
                since: Since::of(usage, rotated_at, sight),
            }),
            KeyStatus::Active => Self::Active,
        }
    }
}

impl Since {
    fn of(usage: &KeyUsage, rotated_at: Option<SystemTime>, sight: Sight) -> Self {
        // Without the time of the rotation any use may have been after it.
        let is_since = |used: &SystemTime| rotated_at.is_none_or(|rotated| *used > rotated);
        if let Some(used) = usage.last_used_at.filter(is_since) {
            return Self::Used(Moment::relative(used, sight.now));
        }
        let quiet = rotated_at.map(|at| sight.now.duration_since(at).unwrap_or_default());
        let is_safe = sight.is_whole && quiet.is_some_and(|quiet| quiet >= QUIET);
        Self::Unused { span: quiet.map(span), is_safe }
    }
}

/// What a quota admits, in words.
pub(super) fn pace(quota: Quota) -> String {
    let period = match quota.period().as_secs() {
        1 => "second".to_owned(),
        60 => "minute".to_owned(),
        3_600 => "hour".to_owned(),
        86_400 => "day".to_owned(),
        _ => format!("{:?}", quota.period()),
    };
    format!("{} per {period}", requests(u64::from(quota.count())))
}

#[cfg(test)]
mod tests;
