//! What is said to the script, and what it answers.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, Script, Value};

use crate::rate_limit::redis::failure::Failure;

static OPERATION: LazyLock<Script> = LazyLock::new(|| Script::new(SOURCE));
const SOURCE: &str = include_str!("operation.lua");

/// One step of an operation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'s> {
    Begin {
        fingerprint: &'s [u8; 32],
        token: &'s [u8; 16],
        lease_for: Duration,
        keep_for: Duration,
    },
    Renew {
        token: &'s [u8; 16],
        lease_for: Duration,
    },
    Finish {
        token: &'s [u8; 16],
        keep_for: Duration,
        answer: &'s [u8],
    },
    Release {
        token: &'s [u8; 16],
    },
}

/// What became of it; `operation.lua` has what the codes say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: i64,
    pub(super) answer: Option<Bytes>,
}

/// How the script is named: by its hash, or by itself where the hash is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Hash,
    Source,
}

/// One command for a step of the operation of this name.
pub(super) fn command(name: &str, step: &Step<'_>, by: By) -> Cmd {
    let mut command = match by {
        By::Hash => redis::cmd("EVALSHA"),
        By::Source => redis::cmd("EVAL"),
    };
    match by {
        By::Hash => command.arg(OPERATION.get_hash()),
        By::Source => command.arg(SOURCE),
    };
    command.arg(1).arg(name);
    match *step {
        Step::Begin { fingerprint, token, lease_for, keep_for } => {
            command.arg("begin").arg(&fingerprint[..]).arg(&token[..]);
            command.arg(micros(lease_for)).arg(micros(keep_for));
        }
        Step::Renew { token, lease_for } => {
            command.arg("renew").arg(&token[..]).arg(micros(lease_for));
        }
        Step::Finish { token, keep_for, answer } => {
            command.arg("finish").arg(&token[..]).arg(micros(keep_for)).arg(answer);
        }
        Step::Release { token } => {
            command.arg("release").arg(&token[..]);
        }
    }
    command
}

/// Reads the answer to a command.
pub(super) fn reply(answer: Value) -> Result<Reply, Failure> {
    let Value::Array(parts) = answer.extract_error()? else { return Err(Failure::Unreadable) };
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Value::Int(code)), None, None) => Ok(Reply { code, answer: None }),
        (Some(Value::Int(code)), Some(Value::BulkString(answer)), None) => {
            Ok(Reply { code, answer: Some(answer.into()) })
        }
        _ => Err(Failure::Unreadable),
    }
}

/// Where doubles are exact: with the time of now below 2⁵³ until the year 2100.
const MOST: u64 = 1 << 52;

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(MOST).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_says_what_the_script_reads() {
        let step = Step::Begin {
            fingerprint: &[b'f'; 32],
            token: &[b't'; 16],
            lease_for: Duration::from_millis(1500),
            keep_for: Duration::MAX,
        };
        let packed = command("shop:operation:1", &step, By::Hash).get_packed_command();
        let packed = String::from_utf8(packed).unwrap();
        let words: Vec<_> = packed.split("\r\n").filter(|w| !w.starts_with(['$', '*'])).collect();
        let (fingerprint, token) = ("f".repeat(32), "t".repeat(16));
        let said = ["1", "shop:operation:1", "begin", &fingerprint, &token, "1500000"];
        assert_eq!(words[0], "EVALSHA");
        assert_eq!(&words[2..8], said);
        assert_eq!(words[8], MOST.to_string());
    }

    #[test]
    fn an_answer_is_a_code_and_perhaps_bytes() {
        let bytes = || Value::BulkString(vec![0, 255]);
        let read = |parts| reply(Value::Array(parts));
        let code = Reply { code: 1, answer: None };
        assert_eq!(read(vec![Value::Int(1)]).unwrap(), code);
        let kept = Reply { code: 2, answer: Some(Bytes::from_static(&[0, 255])) };
        assert_eq!(read(vec![Value::Int(2), bytes()]).unwrap(), kept);
        for odd in [
            vec![],
            vec![bytes()],
            vec![Value::Int(1), Value::Int(1)],
            vec![Value::Int(1), bytes(), bytes()],
        ] {
            assert_eq!(read(odd).unwrap_err(), Failure::Unreadable);
        }
        assert_eq!(reply(Value::Int(1)).unwrap_err(), Failure::Unreadable);
    }
}
