use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, ConnectionInfo, IntoConnectionInfo, parse_redis_url};

use super::InvalidRedis;

/// What may be said after a `?`, of a socket's file the rest too. Others are refused rather than
/// left unheard: one may be a password that nobody sends.
const KNOWN: [&str; 4] = ["protocol", "db", "user", "pass"];

/// Reads the URL of a Redis. No error repeats any of it.
pub(crate) fn parse(url: &str) -> Result<Client, InvalidRedis> {
    let parsed = parse_redis_url(url).ok_or(InvalidRedis::Url)?;
    let is_file = parsed.scheme().ends_with("unix");
    let known = if is_file { &KNOWN[..] } else { &KNOWN[..1] };
    if parsed.query_pairs().any(|(name, _)| !known.contains(&&*name)) {
        return Err(InvalidRedis::Parameter);
    }
    if parsed.fragment().is_some() {
        return Err(InvalidRedis::Fragment);
    }
    let info = parsed.into_connection_info().map_err(|_| InvalidRedis::Url)?;
    Client::open(with_settings(info)).map_err(|_| InvalidRedis::Url)
}

/// Sends at once, and notices a peer that is gone without a word.
fn with_settings(info: ConnectionInfo) -> ConnectionInfo {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(10));
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(Duration::from_secs(10));
    info.set_tcp_settings(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_may_be_right_are_taken() {
        for url in [
            "redis://127.0.0.1",
            "redis://localhost:6380/3",
            "redis://:secret@cache.internal/",
            "redis://user:p%40ss@cache.internal:6379/0?protocol=resp3",
            "rediss://:secret@cache.example:6380",
            "valkey://[::1]:7000",
            "unix:///run/redis.sock?db=2",
        ] {
            assert!(parse(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn urls_that_cannot_be_right_are_refused_without_being_repeated() {
        let cases = [
            ("", InvalidRedis::Url),
            ("canary", InvalidRedis::Url),
            ("http://:canary@localhost", InvalidRedis::Url),
            ("postgres://:canary@localhost", InvalidRedis::Url),
            ("redis://:canary@", InvalidRedis::Url),
            ("redis://:canary@localhost:99999", InvalidRedis::Url),
            ("redis://:canary@localhost/first", InvalidRedis::Url),
            ("redis://:can/ary@localhost", InvalidRedis::Url),
            ("redis://localhost?password=canary", InvalidRedis::Parameter),
            ("redis://localhost?canary", InvalidRedis::Parameter),
            ("redis://localhost?pass=canary", InvalidRedis::Parameter),
            ("redis://localhost?protocol=canary", InvalidRedis::Url),
            ("rediss://:canary@localhost/#insecure", InvalidRedis::Fragment),
            ("redis://:can#ary@localhost", InvalidRedis::Url),
        ];
        for (url, expected) in cases {
            let error = parse(url).unwrap_err();
            assert_eq!(error, expected, "{url}");
            assert!(!format!("{error:?} {error}").contains("canary"), "{url}");
        }
    }
}
