//! Judges what a limited caller saw by what a quota admits. Pure: a log goes in, figures come out.

use std::time::Duration;

/// One request as its client saw it. Times count from the log's beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) node: usize,
    pub(crate) started: Duration,
    pub(crate) finished: Duration,
    /// 200 or, if not, 429.
    pub(crate) admitted: bool,
}

/// How many requests' worth comes back in that time.
pub(crate) fn back(time: Duration, interval: Duration) -> usize {
    usize::try_from(time.as_nanos() / interval.as_nanos()).unwrap()
}

/// How many more were admitted than the burst and what came back, in the worst of all windows.
///
/// A request was decided between its start and its end, so whatever has both in a window was
/// decided in it.
pub(crate) fn excess(log: &[Ask], burst: usize, interval: Duration) -> usize {
    let mut by_end: Vec<_> = log.iter().filter(|ask| ask.admitted).collect();
    by_end.sort_by_key(|ask| ask.finished);
    let windows = by_end.iter().flat_map(|first| {
        let inside = by_end.iter().filter(|ask| ask.started >= first.started);
        inside.enumerate().map(|(before, last)| {
            let window = last.finished.saturating_sub(first.started);
            (before + 1).saturating_sub(burst + back(window, interval))
        })
    });
    windows.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(1);

    fn log(requests: &[(u64, u64, bool)]) -> Vec<Ask> {
        let ask = |(started, finished, admitted)| Ask {
            node: 0,
            started: Duration::from_millis(started),
            finished: Duration::from_millis(finished),
            admitted,
        };
        requests.iter().copied().map(ask).collect()
    }

    #[test]
    fn what_a_burst_of_two_and_one_a_second_admit() {
        for (what, requests, expected) in [
            ("nothing", &[][..], 0),
            ("the burst", &[(0, 5, true), (0, 5, true)], 0),
            ("one more at once", &[(0, 5, true), (0, 5, true), (0, 5, true)], 1),
            ("one more and refused", &[(0, 5, true), (0, 5, true), (0, 5, false)], 0),
            ("one more in time", &[(0, 5, true), (0, 5, true), (900, 1_000, true)], 0),
            ("one more too early", &[(0, 5, true), (0, 5, true), (900, 999, true)], 1),
            ("one that may have been in time", &[(0, 5, true), (0, 5, true), (5, 1_005, true)], 0),
            ("full again", &[(0, 5, true), (9_000, 9_005, true), (9_000, 9_005, true)], 0),
            (
                "too many in a later window",
                &[(0, 5, true), (9_000, 9_005, true), (9_000, 9_005, true), (9_000, 9_005, true)],
                1,
            ),
            ("in any order", &[(900, 999, true), (0, 5, true), (0, 5, true)], 1),
        ] {
            assert_eq!(excess(&log(requests), 2, INTERVAL), expected, "{what}");
        }
    }
}
