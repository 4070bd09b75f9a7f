//! What is said to the script, and what it answers.

use std::sync::LazyLock;

use redis::{Cmd, Script, Value};

use super::failure::Failure;
use super::measure::Measure;

static GCRA: LazyLock<Script> = LazyLock::new(|| Script::new(SOURCE));
const SOURCE: &str = include_str!("gcra.lua");

/// What is asked of one bucket, in its own measure.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) name: Box<str>,
    pub(super) measure: Measure,
    pub(super) what: What,
}

/// What becomes of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// So much is taken out.
    Charge(u64),
    /// Up to so much is taken out ahead.
    Lease(u64),
    /// So much is given back that was taken out at this moment of Redis' clock.
    GiveBack(u64, u64),
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) admitted: bool,
    /// When, by Redis' clock, in microseconds.
    pub(super) moment: u64,
    pub(super) buckets: Vec<Gone>,
}

/// How a bucket stands afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone {
    /// How much of it is gone.
    pub(super) gone: u64,
    /// How much of that is leased to this node.
    pub(super) leased: u64,
}

/// How the script is named: by its hash, or by itself where the hash is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Hash,
    Source,
}

/// One command that charges all, or none.
pub(super) fn command(asks: &[Ask], by: By) -> Cmd {
    let (verb, script) = match by {
        By::Hash => ("EVALSHA", GCRA.get_hash()),
        By::Source => ("EVAL", SOURCE),
    };
    let names: usize = asks.iter().map(|ask| ask.name.len()).sum();
    let mut command =
        Cmd::with_capacity(3 + 6 * asks.len(), script.len() + names + 96 * asks.len());
    command.arg(verb).arg(script).arg(asks.len());
    for ask in asks {
        command.arg(&*ask.name);
    }
    for Ask { measure, what, .. } in asks {
        // All of them are far below 2⁶³.
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (cost, ahead) = match *what {
            What::Charge(cost) => (signed(cost), 0),
            What::Lease(most) => (0, most),
            What::GiveBack(stale, moment) => (-signed(stale), moment),
        };
        command.arg(measure.full()).arg(measure.rate());
        command.arg(cost).arg(ahead).arg(measure.interval());
    }
    command
}

/// Reads the answer to a command for so many buckets.
pub(super) fn reply(answer: Value, buckets: usize) -> Result<Reply, Failure> {
    let Value::Array(numbers) = answer.extract_error()? else { return Err(Failure::Unreadable) };
    let [admitted, moment, rest @ ..] = numbers.as_slice() else { return Err(Failure::Unreadable) };
    let (pairs, []) = rest.as_chunks::<2>() else { return Err(Failure::Unreadable) };
    if pairs.len() != buckets {
        return Err(Failure::Unreadable);
    }
    let read = |[gone, leased]: &[Value; 2]| -> Result<_, Failure> {
        Ok(Gone { gone: number(gone)?, leased: number(leased)? })
    };
    let admitted = match number(admitted)? {
        0 => false,
        1 => true,
        _ => return Err(Failure::Unreadable),
    };
    Ok(Reply {
        admitted,
        moment: number(moment)?,
        buckets: pairs.iter().map(read).collect::<Result<_, _>>()?,
    })
}

fn number(value: &Value) -> Result<u64, Failure> {
    match value {
        Value::Int(number) => u64::try_from(*number).map_err(|_| Failure::Unreadable),
        _ => Err(Failure::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quota;

    #[test]
    fn a_command_names_all_buckets_and_says_five_numbers_of_each() {
        let measure = Measure::of(Quota::per_minute(60).burst(3));
        let ask = |name: &str, what| Ask { name: name.into(), measure, what };
        let asks = [
            ask("a", What::Charge(7)),
            ask("b", What::Lease(5)),
            ask("c", What::GiveBack(9, 1_790_000_000_000_000)),
        ];
        let command = command(&asks, By::Hash);
        let packed = String::from_utf8(command.get_packed_command()).unwrap();
        let words: Vec<_> = packed.split("\r\n").skip(2).step_by(2).collect();
        let (full, interval) = ("3000000000", "1000000000");
        assert_eq!(words[0], "EVALSHA");
        assert_eq!(words[2..6], ["3", "a", "b", "c"]);
        assert_eq!(words[6..11], [full, "1000", "7", "0", interval]);
        assert_eq!(words[11..16], [full, "1000", "0", "5", interval]);
        assert_eq!(words[16..21], [full, "1000", "-9", "1790000000000000", interval]);
    }

    #[test]
    fn answers_of_the_script_are_read_and_nothing_else() {
        let int = |numbers: &[i64]| Value::Array(numbers.iter().map(|n| Value::Int(*n)).collect());
        let read = reply(int(&[1, 99, 5, 0, 7, 2]), 2).unwrap();
        assert!(read.admitted && read.moment == 99);
        assert_eq!(read.buckets, [Gone { gone: 5, leased: 0 }, Gone { gone: 7, leased: 2 }]);
        assert!(!reply(int(&[0, 99, 5, 0]), 1).unwrap().admitted);
        for (odd, buckets) in [
            (int(&[]), 0),
            (int(&[1]), 0),
            (int(&[2, 99, 5, 0]), 1),
            (int(&[1, 99, 5, 0]), 2),
            (int(&[1, 99, 5]), 1),
            (int(&[1, 99, -5, 0]), 1),
            (Value::Nil, 1),
            (Value::Okay, 0),
            (Value::Array(vec![Value::Nil]), 0),
        ] {
            assert_eq!(reply(odd, buckets), Err(Failure::Unreadable));
        }
    }
}
