//! What the list shows of keys: pure, so that tables test it.

use std::collections::HashMap;
use std::time::SystemTime;

use super::chart::Chart;
use super::count::{grouped, requests};
use super::moment::Moment;
use crate::store::{KeyRecord, KeyStatus, KeyUsage};
use crate::{KeyId, KeyKind, Keyring, Mode, Quota};

/// So many scopes are shown at once; to hide a single one would save nothing.
const FEW: usize = 3;

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
    /// When it was last used, if that was after the rotation: somebody has not switched yet.
    pub(super) used_since: Option<Moment>,
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
    let hints: HashMap<KeyId, String> =
        keys.iter().map(|key| (key.record.id.clone(), key.record.hint.clone())).collect();
    keys.into_iter().map(|key| Row::new(key, &hints, keyring, now)).collect()
}

impl Row {
    fn new(key: Known, hints: &HashMap<KeyId, String>, keyring: &Keyring, now: SystemTime) -> Self {
        let Known { record, usage, hours, rotated_at } = key;
        let mut scopes: Vec<_> = record.scopes.iter().map(ToString::to_string).collect();
        let more_scopes = if scopes.len() > FEW + 1 { scopes.split_off(FEW) } else { Vec::new() };
        let is_default = record.account == *keyring.default_account();
        Self {
            state: State::of(&record, &usage, rotated_at, now),
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
        now: SystemTime,
    ) -> Self {
        match record.status(now) {
            KeyStatus::Revoked => Self::Revoked {
                at: record.revoked_at.map(|at| Moment::near_or_day(at, now)),
                reason: record.revoked_reason.clone(),
            },
            KeyStatus::Expired => {
                Self::Expired(record.expires_at.map(|at| Moment::near_or_day(at, now)))
            }
            KeyStatus::Active if record.replaced_by.is_some() => {
                // Without the time of the rotation any use may have been after it.
                let since = |used: &SystemTime| rotated_at.is_none_or(|rotated| *used > rotated);
                let used = usage.last_used_at.filter(since);
                Self::Replaced(Replaced {
                    ends: record.expires_at.map(|at| Moment::near_or_day(at, now)),
                    used_since: used.map(|at| Moment::relative(at, now)),
                })
            }
            KeyStatus::Active => Self::Active,
        }
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
