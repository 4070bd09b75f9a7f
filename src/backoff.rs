//! How long to wait before something that failed is tried again.

use std::time::Duration;

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(1);

/// 1/16 s, doubled at each failure, at most one second; between half of it and all of it, so that
/// nodes that failed together do not come back together.
pub(crate) fn pause(failures: u32) -> Duration {
    let doubled = Duration::from_millis(62) * 2_u32.saturating_pow(failures.min(5));
    doubled.min(LONGEST).mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_a_second() {
        for failures in 1..100 {
            let pause = pause(failures);
            assert!(pause >= Duration::from_millis(62) && pause <= LONGEST, "{pause:?}");
        }
        assert!(pause(50) >= LONGEST / 2);
    }
}
