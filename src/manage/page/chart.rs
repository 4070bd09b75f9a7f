use std::fmt::Write as _;
use std::time::SystemTime;

use super::count::{grouped, requests};
use super::moment::hour;

/// The width of a bar and of the gap beside it, in the chart's own units.
const BAR: u64 = 3;
const GAP: u64 = 1;
/// What the highest bar measures.
const HEIGHT: u64 = 24;
/// What an hour without requests measures, and no hour with any is lower than twice that.
const GROUND: u64 = 1;

/// The requests of some hours as bars, and in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chart {
    pub(super) width: u64,
    pub(super) height: u64,
    /// The outline of the hours with requests, as the `d` of an SVG path.
    pub(super) bars: String,
    /// That of the hours without.
    pub(super) ground: String,
    /// What it shows, for who does not see it.
    pub(super) words: String,
}

impl Chart {
    /// Of hours by their beginnings, oldest first.
    pub(super) fn of(hours: &[(SystemTime, u64)]) -> Self {
        let most = hours.iter().map(|(_, requests)| *requests).max().unwrap_or_default();
        let (mut bars, mut ground) = (String::new(), String::new());
        let mut x = 0;
        for (_, requests) in hours {
            let height = height(*requests, most);
            let path = if *requests > 0 { &mut bars } else { &mut ground };
            // Writing to a string does not fail.
            let _ = write!(path, "M{x} {HEIGHT}v-{height}h{BAR}v{height}z");
            x += BAR + GAP;
        }
        let width = x.saturating_sub(GAP).max(1);
        Self { width, height: HEIGHT, bars, ground, words: words(hours, most) }
    }
}

/// To scale, but visible.
fn height(requests: u64, most: u64) -> u64 {
    if requests == 0 {
        return GROUND;
    }
    let scaled = u128::from(requests) * u128::from(HEIGHT) / u128::from(most.max(1));
    u64::try_from(scaled).unwrap_or(HEIGHT).clamp(2 * GROUND, HEIGHT)
}

fn words(hours: &[(SystemTime, u64)], most: u64) -> String {
    let total = hours.iter().fold(0_u64, |sum, (_, requests)| sum.saturating_add(*requests));
    if total == 0 {
        return format!("No requests in the last {} hours", hours.len());
    }
    // The latest of several that are as busy.
    let busiest = hours.iter().rev().find(|(_, requests)| *requests == most);
    let at = busiest.map_or_else(String::new, |(start, _)| hour(*start));
    format!(
        "{} in the last {} hours, at most {} in one hour, from {at} UTC",
        requests(total),
        hours.len(),
        grouped(most),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn hours(counts: &[u64]) -> Vec<(SystemTime, u64)> {
        let start = |index| UNIX_EPOCH + Duration::from_hours(index);
        (0..).map(start).zip(counts.iter().copied()).collect()
    }

    #[test]
    fn k10_bars_are_to_scale_and_never_vanish() {
        for (requests, most, expected) in [
            (0, 0, 1),
            (0, 10, 1),
            (10, 10, 24),
            (5, 10, 12),
            (1, 10, 2),
            (1, 1_000_000, 2),
            (u64::MAX, u64::MAX, 24),
            (u64::MAX / 2, u64::MAX, 11),
        ] {
            assert_eq!(height(requests, most), expected, "{requests} of {most}");
        }
    }

    #[test]
    fn k10_a_chart_has_a_bar_for_each_hour() {
        let chart = Chart::of(&hours(&[0, 4, 2]));
        assert_eq!((chart.width, chart.height), (11, 24));
        assert_eq!(chart.ground, "M0 24v-1h3v1z");
        assert_eq!(chart.bars, "M4 24v-24h3v24zM8 24v-12h3v12z");
        let whole = Chart::of(&hours(&[1; 24]));
        assert_eq!((whole.width, whole.bars.matches('M').count()), (95, 24));
    }

    #[test]
    fn k10_a_chart_can_be_read_aloud() {
        for (counts, expected) in [
            (&[0; 24][..], "No requests in the last 24 hours"),
            (&[1], "1 request in the last 1 hours, at most 1 in one hour, from 00:00 UTC"),
            (
                &[0, 1_200, 7, 1_200],
                "2,407 requests in the last 4 hours, at most 1,200 in one hour, from 03:00 UTC",
            ),
        ] {
            assert_eq!(Chart::of(&hours(counts)).words, expected);
        }
    }
}
