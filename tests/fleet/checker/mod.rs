//! Judges what clients saw by what was promised to them. Pure: a log goes in, violations come out.

use std::collections::HashMap;
use std::time::Duration;

/// One request as its client saw it. Times count from the log's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) node: usize,
    pub(crate) key: usize,
    pub(crate) started: Duration,
    pub(crate) finished: Duration,
    pub(crate) verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// 401: the key is no good.
    Refused,
    /// 503, or no answer at all. Promises nothing about the key.
    Unavailable,
}

/// A key that was taken out of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Withdrawal {
    pub(crate) key: usize,
    /// Where the verb was called.
    pub(crate) node: usize,
    /// Until here the key was good: nobody may have refused it.
    pub(crate) good_until: Duration,
    /// From here on it is not, on the node that was told.
    pub(crate) bad_from: Duration,
    /// When the verb returned. Other nodes have the promised time from here.
    pub(crate) returned: Duration,
}

/// A broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A request that began so long after the last moment at which it could be accepted was.
    Late { attempt: Attempt, by: Duration },
    /// A good key was refused.
    Early(Attempt),
    /// A key that the node had refused already was accepted again.
    Revived(Attempt),
    /// Nobody tried the key on this node after the last moment: the log proves nothing.
    Unwatched { key: usize, node: usize },
}

impl Attempt {
    pub(crate) fn took(&self) -> Duration {
        self.finished.saturating_sub(self.started)
    }
}

impl Withdrawal {
    /// A revocation that was called and returned at these times.
    pub(crate) fn revoked(key: usize, node: usize, called: Duration, returned: Duration) -> Self {
        Self { key, node, good_until: called, bad_from: returned, returned }
    }

    /// A rotation after which the old key is good for `overlap` more.
    pub(crate) fn rotated(
        key: usize,
        node: usize,
        (called, returned): (Duration, Duration),
        overlap: Duration,
    ) -> Self {
        let (good_until, bad_from) = (called + overlap, returned + overlap);
        Self { key, node, good_until, bad_from, returned }
    }

    /// A request on this node that begins later must be refused.
    fn limit(&self, node: usize, spread: Duration) -> Duration {
        if node == self.node { self.bad_from } else { self.bad_from.max(self.returned + spread) }
    }
}

/// Every promise that this log breaks, if another node hears of a change within `spread`.
pub(crate) fn violations(
    attempts: &[Attempt],
    withdrawals: &[Withdrawal],
    spread: Duration,
) -> Vec<Violation> {
    let withdrawn: HashMap<_, _> = withdrawals.iter().map(|w| (w.key, w)).collect();
    let refusals = first_refusals(attempts);
    let mut found = Vec::new();
    for attempt in attempts {
        let withdrawal = withdrawn.get(&attempt.key);
        let good_until = withdrawal.map_or(Duration::MAX, |w| w.good_until);
        let limit = withdrawal.map_or(Duration::MAX, |w| w.limit(attempt.node, spread));
        match attempt.verdict {
            Verdict::Accepted => {
                if attempt.started > limit {
                    let by = attempt.started.saturating_sub(limit);
                    found.push(Violation::Late { attempt: *attempt, by });
                }
                let refused = refusals.get(&(attempt.key, attempt.node));
                if refused.is_some_and(|refused| attempt.started > *refused) {
                    found.push(Violation::Revived(*attempt));
                }
            }
            Verdict::Refused if attempt.finished < good_until => {
                found.push(Violation::Early(*attempt));
            }
            Verdict::Refused | Verdict::Unavailable => {}
        }
    }
    found.extend(unwatched(attempts, withdrawals, spread));
    found
}

/// By key and node, when the first refusal was there.
fn first_refusals(attempts: &[Attempt]) -> HashMap<(usize, usize), Duration> {
    let mut first = HashMap::new();
    for attempt in attempts.iter().filter(|attempt| attempt.verdict == Verdict::Refused) {
        let there = first.entry((attempt.key, attempt.node)).or_insert(attempt.finished);
        *there = attempt.finished.min(*there);
    }
    first
}

fn unwatched(attempts: &[Attempt], withdrawals: &[Withdrawal], spread: Duration) -> Vec<Violation> {
    let mut last: HashMap<(usize, usize), Duration> = HashMap::new();
    for attempt in attempts {
        let last = last.entry((attempt.key, attempt.node)).or_default();
        // An answer that did not come shows nothing.
        if attempt.verdict != Verdict::Unavailable {
            *last = attempt.started.max(*last);
        }
    }
    let refusals = first_refusals(attempts);
    let mut found = Vec::new();
    for withdrawal in withdrawals {
        for (&(key, node), last) in last.iter().filter(|((key, _), _)| *key == withdrawal.key) {
            // Refused is refused: nobody has to wait for the limit then.
            if !refusals.contains_key(&(key, node)) && *last <= withdrawal.limit(node, spread) {
                found.push(Violation::Unwatched { key, node });
            }
        }
    }
    found
}

/// How long after its withdrawal had returned each key was last accepted, on each other node that
/// tried it. A request counts to its end: the client had its answer by then.
pub(crate) fn delays(attempts: &[Attempt], withdrawals: &[Withdrawal]) -> Vec<Duration> {
    let mut last: HashMap<(usize, usize), Duration> = HashMap::new();
    for attempt in attempts {
        let last = last.entry((attempt.key, attempt.node)).or_default();
        if attempt.verdict == Verdict::Accepted {
            *last = attempt.finished.max(*last);
        }
    }
    let mut delays = Vec::new();
    for withdrawal in withdrawals {
        let others = last
            .iter()
            .filter(|((key, node), _)| *key == withdrawal.key && *node != withdrawal.node);
        delays.extend(others.map(|(_, last)| last.saturating_sub(withdrawal.returned)));
    }
    delays.sort_unstable();
    delays
}

/// The smallest of the sorted values that is not below so many of a hundred.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

#[cfg(test)]
mod tests;
