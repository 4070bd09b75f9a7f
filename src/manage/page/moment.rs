use std::time::{Duration, SystemTime};

use jiff::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const MONTH: u64 = 30 * DAY;
const YEAR: u64 = 365 * DAY;

/// Up to here a distance tells more than a date.
const NEAR: u64 = MONTH;

/// A time as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// For programs, as RFC 3339.
    pub(super) iso: String,
    /// To the second, for who points at it.
    pub(super) exact: String,
    /// What is to be read.
    pub(super) text: String,
}

impl Moment {
    /// As a distance from now, such as `2 minutes ago`.
    pub(super) fn relative(at: SystemTime, now: SystemTime) -> Self {
        Self::shown_as(at, distance(at, now))
    }

    /// As a day, such as `1 Jun 2024`.
    pub(super) fn day(at: SystemTime) -> Self {
        Self::shown_as(at, written(at, "%-d %b %Y"))
    }

    /// As a distance where it is near, else as a day.
    pub(super) fn near_or_day(at: SystemTime, now: SystemTime) -> Self {
        if apart(at, now).as_secs() < NEAR { Self::relative(at, now) } else { Self::day(at) }
    }

    fn shown_as(at: SystemTime, text: String) -> Self {
        Self {
            // The page needs no fraction of a second: what changes less is redrawn less.
            iso: written(at, "%Y-%m-%dT%H:%M:%SZ"),
            exact: written(at, "%-d %b %Y, %H:%M:%S UTC"),
            text,
        }
    }
}

/// The hour of a day, such as `14:00`.
pub(super) fn hour(at: SystemTime) -> String {
    written(at, "%H:%M")
}

/// A span of time after `in the`, such as `2 minutes` or `hour`.
pub(super) fn span(time: Duration) -> String {
    match counted(time.as_secs()) {
        (0..5, "second") => "few seconds".to_owned(),
        (1, unit) => unit.to_owned(),
        (count, unit) => format!("{count} {unit}s"),
    }
}

fn distance(at: SystemTime, now: SystemTime) -> String {
    let is_ahead = at > now;
    let (count, unit) = match counted(apart(at, now).as_secs()) {
        (0..5, "second") if is_ahead => return "in a moment".to_owned(),
        (0..5, "second") => return "just now".to_owned(),
        counted => counted,
    };
    let plural = if count == 1 { "" } else { "s" };
    if is_ahead {
        format!("in {count} {unit}{plural}")
    } else {
        format!("{count} {unit}{plural} ago")
    }
}

/// In the largest unit that there is one of, the rest left out.
fn counted(seconds: u64) -> (u64, &'static str) {
    match seconds {
        0..MINUTE => (seconds, "second"),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..DAY => (seconds / HOUR, "hour"),
        DAY..MONTH => (seconds / DAY, "day"),
        MONTH..YEAR => (seconds / MONTH, "month"),
        _ => (seconds / YEAR, "year"),
    }
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|before| before.duration())
}

/// In UTC. A keyring takes no time that is outside the calendar; a store of one's own might.
fn written(at: SystemTime, form: &str) -> String {
    Timestamp::try_from(at).map_or_else(|_| "—".to_owned(), |at| at.strftime(form).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    /// 2024-06-01 00:00:00 UTC.
    const NOW: u64 = 1_717_200_000;

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    #[test]
    fn c6_distances_read_as_people_say_them() {
        for (apart, past, future) in [
            (0, "just now", "just now"),
            (4, "just now", "in a moment"),
            (5, "5 seconds ago", "in 5 seconds"),
            (59, "59 seconds ago", "in 59 seconds"),
            (60, "1 minute ago", "in 1 minute"),
            (119, "1 minute ago", "in 1 minute"),
            (120, "2 minutes ago", "in 2 minutes"),
            (3_599, "59 minutes ago", "in 59 minutes"),
            (3_600, "1 hour ago", "in 1 hour"),
            (86_399, "23 hours ago", "in 23 hours"),
            (86_400, "1 day ago", "in 1 day"),
            (30 * 86_400 - 1, "29 days ago", "in 29 days"),
            (30 * 86_400, "1 month ago", "in 1 month"),
            (364 * 86_400, "12 months ago", "in 12 months"),
            (365 * 86_400, "1 year ago", "in 1 year"),
            (3_650 * 86_400, "10 years ago", "in 10 years"),
        ] {
            assert_eq!(distance(at(NOW - apart), at(NOW)), past);
            assert_eq!(distance(at(NOW + apart), at(NOW)), future);
        }
    }

    #[test]
    fn c13_a_span_reads_after_an_article() {
        for (seconds, text) in [
            (0, "few seconds"),
            (5, "5 seconds"),
            (60, "minute"),
            (7_199, "hour"),
            (7_200, "2 hours"),
            (86_400, "day"),
            (3 * 86_400, "3 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn the_exact_time_stands_beside_the_distance() {
        let moment = Moment::relative(at(NOW - 125), at(NOW));
        assert_eq!(moment.text, "2 minutes ago");
        assert_eq!(moment.exact, "31 May 2024, 23:57:55 UTC");
        assert_eq!(moment.iso, "2024-05-31T23:57:55Z");
    }

    #[test]
    fn what_is_far_is_a_day() {
        assert_eq!(Moment::near_or_day(at(NOW + 86_400), at(NOW)).text, "in 1 day");
        assert_eq!(Moment::near_or_day(at(NOW + 40 * 86_400), at(NOW)).text, "11 Jul 2024");
        assert_eq!(Moment::day(at(NOW)).text, "1 Jun 2024");
        assert_eq!(hour(at(NOW + 3_600)), "01:00");
    }

    #[test]
    fn a_time_outside_the_calendar_is_a_dash() {
        let beyond = UNIX_EPOCH + Duration::from_secs(1 << 48);
        assert_eq!(Moment::day(beyond).text, "—");
    }
}
