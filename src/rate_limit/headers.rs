//! What a caller is told of its limit, from one look at one bucket.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::bucket::{Standing, seconds};
use crate::error::number;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const IETF_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const IETF: HeaderName = HeaderName::from_static("ratelimit");

/// Which headers tell of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`.
    Common,
    /// Those, and `RateLimit-Policy` and `RateLimit`.
    WithIetf,
}

/// The values of one response's headers.
#[derive(Debug)]
pub(crate) struct Shown {
    limit: u32,
    remaining: u32,
    reset: u64,
    ietf: Option<Box<[HeaderValue; 2]>>,
}

impl Shown {
    /// `wall` and `standing` are of the same moment.
    pub(crate) fn new(standing: &Standing, family: Family, name: &str, wall: SystemTime) -> Self {
        let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let refill = std::time::Duration::from_nanos(standing.refill);
        let full_at = since_epoch.saturating_add(refill);
        Self {
            limit: standing.limit,
            remaining: standing.remaining,
            // Rounded up: at that second the bucket is full.
            reset: full_at.as_secs().saturating_add(u64::from(full_at.subsec_nanos() > 0)),
            ietf: (family == Family::WithIetf).then(|| Box::new(ietf(standing, name))),
        }
    }

    /// Writes them over whatever stands there.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, number(u64::from(self.limit)));
        headers.insert(REMAINING, number(u64::from(self.remaining)));
        headers.insert(RESET, second(self.reset));
        if let Some(ietf) = self.ietf {
            let [policy, limit] = *ietf;
            headers.insert(IETF_POLICY, policy);
            headers.insert(IETF, limit);
        }
    }
}

/// draft-ietf-httpapi-ratelimit-headers-10: `q` requests in `w` seconds, `r` left, the next in `t`.
fn ietf(standing: &Standing, name: &str) -> [HeaderValue; 2] {
    let (limit, window) = (standing.limit, seconds(standing.window).max(1));
    let (left, wait) = (standing.remaining, seconds(standing.wait).max(1));
    [
        text(format_args!("\"{name}\";q={limit};w={window}")),
        text(format_args!("\"{name}\";r={left};t={wait}")),
    ]
}

fn text(value: std::fmt::Arguments<'_>) -> HeaderValue {
    let mut text = String::with_capacity(48);
    // Writing to a string does not fail, and the names of limits are fit for a header.
    let _ = text.write_fmt(value);
    HeaderValue::from_maybe_shared(Bytes::from(text))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// How many seconds a thread remembers the text of: more than a minute's quota can show at a time.
const SECONDS: usize = 128;

thread_local! {
    static MEMO: RefCell<[(u64, HeaderValue); SECONDS]> =
        const { RefCell::new([const { (0, HeaderValue::from_static("0")) }; SECONDS]) };
}

/// A second's text. Requests share it as long as they come within the same minute or two.
fn second(second: u64) -> HeaderValue {
    let index = usize::try_from(second % SECONDS as u64).unwrap_or_default();
    let shared = MEMO.try_with(|memo| {
        let mut memo = memo.try_borrow_mut().ok()?;
        let (known, value) = memo.get_mut(index)?;
        if *known != second {
            *value = HeaderValue::from(second);
            *known = second;
        }
        Some(value.clone())
    });
    shared.ok().flatten().unwrap_or_else(|| HeaderValue::from(second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn seconds_are_written_as_everyone_writes_them() {
        for value in (0..5000).chain([u64::from(u32::MAX), u64::MAX]) {
            assert_eq!(second(value).to_str().unwrap(), value.to_string());
        }
    }

    #[test]
    fn headers_tell_limit_remaining_and_the_second_at_which_the_bucket_is_full() {
        let standing = Standing {
            limit: 300,
            remaining: 247,
            refill: 10_600_000_000,
            wait: 0,
            window: 60_000_000_000,
        };
        let wall = UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
        let mut headers = HeaderMap::new();
        Shown::new(&standing, Family::WithIetf, "default", wall).write(&mut headers);
        let read = |name: &str| headers[name].to_str().unwrap().to_owned();
        assert_eq!(read("x-ratelimit-limit"), "300");
        assert_eq!(read("x-ratelimit-remaining"), "247");
        assert_eq!(read("x-ratelimit-reset"), "1700000012");
        assert_eq!(read("ratelimit-policy"), "\"default\";q=300;w=60");
        assert_eq!(read("ratelimit"), "\"default\";r=247;t=1");
    }

    #[test]
    fn a_wall_clock_before_1970_or_at_the_end_of_time_is_written_all_the_same() {
        let standing = Standing { refill: u64::MAX, ..Standing::default() };
        let cases = [
            (UNIX_EPOCH - Duration::from_secs(5), "18446744074"),
            (UNIX_EPOCH + Duration::from_secs(1 << 40), "1117958371850"),
        ];
        for (wall, reset) in cases {
            let mut headers = HeaderMap::new();
            Shown::new(&standing, Family::Common, "default", wall).write(&mut headers);
            assert_eq!(headers["x-ratelimit-reset"], reset);
        }
    }
}
