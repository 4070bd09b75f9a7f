use std::time::{Duration, UNIX_EPOCH};

use rand::RngExt;
use ulid::{ULID_LEN, Ulid};

use super::RequestId;
use crate::Clock;

const PREFIX: &str = "req_";

/// How many characters [`ShortRequestIds`] draws.
const SHORT_LENGTH: usize = 10;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes the ids of requests.
///
/// [`UlidRequestIds`] is the default, [`ShortRequestIds`] is ready made, and any function without
/// arguments is one:
///
/// ```
/// use keygate::EnvelopeLayer;
/// use keygate::envelope::RequestId;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// let count = AtomicU64::new(0);
/// let layer = EnvelopeLayer::standard().request_ids(move || {
///     let number = count.fetch_add(1, Ordering::Relaxed);
///     RequestId::parse(&format!("eu-1.{number}")).expect("letters, digits, `-` and `.`")
/// });
/// # let _ = layer;
/// ```
pub trait RequestIds: Send + Sync + 'static {
    /// The next id. It is called once for each request: it should not block.
    fn next_id(&self, clock: &dyn Clock) -> RequestId;
}

/// `req_` and a ULID in lower case: sorted by time to the millisecond, 80 random bits.
#[derive(Debug, Clone, Copy, Default)]
pub struct UlidRequestIds;

/// `req_` and ten random characters of base62 (59 bits).
#[derive(Debug, Clone, Copy, Default)]
pub struct ShortRequestIds;

impl RequestIds for UlidRequestIds {
    fn next_id(&self, clock: &dyn Clock) -> RequestId {
        let age = clock.wall().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        // Not `as_millis`: a division of 128 bits.
        let milliseconds =
            age.as_secs().saturating_mul(1000).saturating_add(u64::from(age.subsec_millis()));
        // `ThreadRng` draws from a buffer: no system call for most requests.
        let ulid = Ulid::from_parts(milliseconds, rand::rng().random());
        let mut text = [0; ULID_LEN];
        ulid.array_to_str(&mut text).make_ascii_lowercase();
        RequestId::prefixed(PREFIX, &text)
    }
}

impl RequestIds for ShortRequestIds {
    fn next_id(&self, _clock: &dyn Clock) -> RequestId {
        let mut rng = rand::rng();
        let text: [u8; SHORT_LENGTH] = std::array::from_fn(|_| {
            let drawn: usize = rng.random_range(0..BASE62.len());
            BASE62.get(drawn).copied().unwrap_or(b'0')
        });
        RequestId::prefixed(PREFIX, &text)
    }
}

impl<F: Fn() -> RequestId + Send + Sync + 'static> RequestIds for F {
    fn next_id(&self, _clock: &dyn Clock) -> RequestId {
        self()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;
    use crate::ManualClock;

    #[test]
    fn c9_the_default_is_a_lower_case_ulid_of_this_moment() {
        let clock = ManualClock::new();
        let id = UlidRequestIds.next_id(&clock);
        let ulid = id.as_str().strip_prefix("req_").unwrap();
        assert_eq!(ulid, ulid.to_ascii_lowercase());
        let parsed = Ulid::from_string(ulid).unwrap();
        assert_eq!(parsed.timestamp_ms(), 1_000_000_000_000);
        assert_eq!(parsed.to_string().to_lowercase(), ulid);
        clock.advance(Duration::from_millis(1));
        assert!(UlidRequestIds.next_id(&clock).as_str() > id.as_str());
    }

    #[test]
    fn k5_short_ids_are_ten_characters_of_base62() {
        let clock = ManualClock::new();
        let ids: HashSet<_> = (0..1_000).map(|_| ShortRequestIds.next_id(&clock)).collect();
        assert_eq!(ids.len(), 1_000);
        for id in &ids {
            let text = id.as_str().strip_prefix("req_").unwrap();
            assert_eq!(text.len(), 10);
            assert!(text.bytes().all(|b| BASE62.contains(&b)));
        }
        let seen: HashSet<_> = ids.iter().flat_map(|id| id.as_str().bytes().skip(4)).collect();
        assert_eq!(seen.len(), 62, "every character is drawn");
    }

    #[test]
    fn a_clock_before_1970_is_no_panic() {
        let clock = ManualClock::at(UNIX_EPOCH - Duration::from_secs(1));
        assert!(UlidRequestIds.next_id(&clock).as_str().starts_with("req_0000000000"));
    }
}
