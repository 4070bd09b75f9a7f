use std::borrow::Cow;
use std::fmt;

use redis::{ErrorKind, RedisError};

/// Why Redis did not decide. It never repeats what Redis said, which may quote what it was sent:
/// of a connection that fails, what the operating system and TLS say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It was sent and not answered in time, and may have been done all the same.
    TimedOut,
    /// There is no connection, or no longer.
    Lost(Cow<'static, str>),
    /// It answered with an error of this code.
    Refused(Code),
    /// Its answer is not one of the script's.
    Unreadable,
    /// Setting up the connection panicked.
    Panicked,
}

/// The first word of an error of Redis: `READONLY`, `LOADING`, `OOM`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code(Box<str>);

impl Failure {
    /// Nothing was sent.
    pub(super) const NOT_CONNECTED: Self = Self::Lost(Cow::Borrowed("not connected"));

    /// A word for a metric's label.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::TimedOut => "timeout",
            Self::Lost(_) => "connection",
            Self::Refused(_) => "refused",
            Self::Unreadable | Self::Panicked => "broken",
        }
    }

    /// Whether the script is not known there.
    pub(crate) fn is_no_script(&self) -> bool {
        matches!(self, Self::Refused(Code(code)) if **code == *"NOSCRIPT")
    }

    /// Whether another connection may do.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_))
    }

    /// Whether it is about the names that were asked for: a cluster keeps them elsewhere, or apart.
    /// About others this Redis decides.
    pub(crate) fn is_about_names(&self) -> bool {
        matches!(self, Self::Refused(Code(code)) if ["MOVED", "ASK", "CROSSSLOT"].contains(&&**code))
    }

    /// Whether it is not an outage, but something that somebody has to mend: a password, a right.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Refused(Code(code)) if ["NOAUTH", "WRONGPASS", "NOPERM"].contains(&&**code))
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        if error.kind() == ErrorKind::AuthenticationFailed {
            return Self::Refused(Code("WRONGPASS".into()));
        }
        if error.is_timeout() {
            return Self::TimedOut;
        }
        if let Some(code) = error.code() {
            return Self::Refused(Code::of(code));
        }
        if error.is_io_error() {
            return Self::Lost(error.to_string().into());
        }
        if error.is_unrecoverable_error() {
            return Self::Lost(Cow::Borrowed("it broke"));
        }
        Self::Unreadable
    }
}

impl Code {
    /// Anything but a short word in capitals is no code, and not repeated.
    fn of(text: &str) -> Self {
        let is_word =
            (1..=24).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase());
        Self(if is_word { text.into() } else { "an unknown error".into() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("Redis did not answer in time"),
            Self::Lost(why) => write!(f, "no connection to Redis: {why}"),
            Self::Refused(Code(code)) => write!(f, "Redis refused: {code}"),
            Self::Unreadable => f.write_str("Redis answered something else"),
            Self::Panicked => f.write_str(
                "setting up the connection to Redis panicked: for TLS, a process with several \
                 providers of rustls has to install one as its default",
            ),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(line: &str) -> Failure {
        let value = redis::parse_redis_value(line.as_bytes()).unwrap();
        value.extract_error().unwrap_err().into()
    }

    #[test]
    fn errors_are_told_by_their_code_alone() {
        let cases = [
            (
                "-READONLY You can't write against a read only replica.\r\n",
                "Redis refused: READONLY",
            ),
            ("-LOADING Redis is loading the dataset in memory\r\n", "Redis refused: LOADING"),
            ("-OOM command not allowed\r\n", "Redis refused: OOM"),
            ("-MOVED 3999 127.0.0.1:6381\r\n", "Redis refused: MOVED"),
            ("-NOAUTH Authentication required.\r\n", "Redis refused: NOAUTH"),
            ("-ERR unknown command 'AUTH', with args: 'canary'\r\n", "Redis refused: ERR"),
            ("-canary is no code\r\n", "Redis refused: an unknown error"),
        ];
        for (line, told) in cases {
            let failure = server(line);
            assert_eq!(failure.to_string(), told);
            assert!(!format!("{failure:?}").contains("canary"));
            assert_eq!(failure.word(), "refused");
        }
        assert!(server("-NOSCRIPT No matching script.\r\n").is_no_script());
        assert!(server("-NOPERM no\r\n").is_denied() && !server("-OOM no\r\n").is_denied());
    }

    #[test]
    fn a_connection_that_is_gone_is_told_from_an_answer_that_is_late() {
        let io =
            |kind: std::io::ErrorKind| Failure::from(RedisError::from(std::io::Error::from(kind)));
        assert_eq!(io(std::io::ErrorKind::TimedOut), Failure::TimedOut);
        for (kind, told) in [
            (std::io::ErrorKind::BrokenPipe, "no connection to Redis: broken pipe"),
            (std::io::ErrorKind::ConnectionRefused, "no connection to Redis: connection refused"),
        ] {
            assert!(io(kind).is_lost());
            assert_eq!(io(kind).to_string(), told);
        }
        let wrong =
            RedisError::from((ErrorKind::AuthenticationFailed, "Password", "canary".into()));
        let wrong = Failure::from(wrong);
        assert!(wrong.is_denied() && !format!("{wrong:?} {wrong}").contains("canary"));
        let odd = RedisError::from((ErrorKind::UnexpectedReturnType, "odd"));
        assert_eq!(Failure::from(odd), Failure::Unreadable);
    }
}
