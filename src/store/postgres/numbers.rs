//! Whether everything that was told has been heard. Pure.

use serde::Deserialize;

use crate::store::sql::Told;

/// What the database sends on its channel; see `keygate_notify` in the migrations, and [`PROOF`].
///
/// [`PROOF`]: super::feed::PROOF
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Message {
    Change { number: i64, topic: String, item: Option<String> },
    Proof { proof: String, seen: i64, table: i64 },
}

/// Counts the changes that one listener hears, of all topics.
///
/// Changes are numbered without a gap, in the order of their commits, and a proof says how many
/// were committed before it was sent. So a listener that has missed one knows it at the next change
/// or proof at the latest.
#[derive(Debug)]
pub(super) struct Numbers {
    topic: String,
    /// Which table the keys were in when the listener began; `DROP` and a restore make another.
    table: i64,
    /// The number when the listener began. Those up to it may be heard or not.
    began_at: i64,
    /// The number up to which everything was heard.
    heard: i64,
}

/// What a message means to those who listen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Tell(Told),
    /// It is of another topic.
    Nothing,
    /// Something before it did not come, or nobody knows: the feed must end.
    Gap,
}

impl Numbers {
    pub(super) fn new(topic: &str, began_at: i64, table: i64) -> Self {
        Self { topic: topic.into(), table, began_at, heard: began_at }
    }

    pub(super) fn hear(&mut self, message: &str) -> Heard {
        match serde_json::from_str(message) {
            Ok(Message::Change { number, topic, item }) => self.change(number, &topic, item),
            Ok(Message::Proof { proof, seen, table })
                if seen <= self.heard && table == self.table =>
            {
                proof.parse().map_or(Heard::Gap, |token| Heard::Tell(Told::Proof(token)))
            }
            Ok(Message::Proof { .. }) | Err(_) => Heard::Gap,
        }
    }

    fn change(&mut self, number: i64, topic: &str, item: Option<String>) -> Heard {
        if number == self.heard.saturating_add(1) {
            self.heard = number;
        } else if number > self.heard || self.heard > self.began_at {
            // One is missing, or the database was put back to an earlier state.
            return Heard::Gap;
        }
        if topic == self.topic {
            Heard::Tell(item.map_or(Told::Anything, Told::Item))
        } else {
            Heard::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: i64 = 16_384;

    fn change(number: i64, topic: &str, item: &str) -> String {
        format!(r#"{{"number" : {number}, "topic" : "{topic}", "item" : {item}}}"#)
    }

    fn proof(token: &str, seen: i64) -> String {
        proof_of(token, seen, TABLE)
    }

    fn proof_of(token: &str, seen: i64, table: i64) -> String {
        format!(r#"{{"proof" : "{token}", "seen" : {seen}, "table" : {table}}}"#)
    }

    fn item(item: &str) -> Heard {
        Heard::Tell(Told::Item(item.into()))
    }

    /// What a listener that began at 7 makes of messages, each in the light of those before.
    #[test]
    fn a_gap_is_noticed_and_nothing_else() {
        let (a, b) = (|number| change(number, "a", r#""x""#), |number| change(number, "b", "null"));
        let token = || Heard::Tell(Told::Proof(5));
        let cases = [
            ("in order", vec![(a(8), item("x")), (a(9), item("x")), (proof("5", 9), token())]),
            ("other topics count", vec![(b(8), Heard::Nothing), (a(9), item("x"))]),
            ("anything", vec![(change(8, "a", "null"), Heard::Tell(Told::Anything))]),
            ("before it began", vec![(a(6), item("x")), (a(7), item("x")), (a(8), item("x"))]),
            ("a proof of another's past", vec![(a(8), item("x")), (proof("5", 2), token())]),
            ("one is missing", vec![(a(9), Heard::Gap)]),
            ("one of another topic is missing", vec![(a(8), item("x")), (b(10), Heard::Gap)]),
            ("a proof tells of it", vec![(a(8), item("x")), (proof("5", 9), Heard::Gap)]),
            ("the first is missing", vec![(proof("5", 8), Heard::Gap)]),
            ("put back", vec![(a(8), item("x")), (a(3), Heard::Gap)]),
            ("of another table", vec![(proof_of("5", 7, 16_500), Heard::Gap)]),
            ("told twice", vec![(a(8), item("x")), (a(8), Heard::Gap)]),
            ("no token", vec![(proof("x", 7), Heard::Gap)]),
            ("no message", vec![("hello".into(), Heard::Gap)]),
            ("another's message", vec![(r#"{"number": "8"}"#.into(), Heard::Gap)]),
            (
                "of a newer version",
                vec![(r#"{"number":8,"topic":"a","item":"x","why":1}"#.into(), item("x"))],
            ),
        ];
        for (case, messages) in cases {
            let mut numbers = Numbers::new("a", 7, TABLE);
            for (message, expected) in messages {
                assert_eq!(numbers.hear(&message), expected, "{case}: {message}");
            }
        }
    }

    #[test]
    fn tokens_are_of_all_64_bits() {
        let mut numbers = Numbers::new("a", 0, TABLE);
        let heard = numbers.hear(&proof(&u64::MAX.to_string(), 0));
        assert_eq!(heard, Heard::Tell(Told::Proof(u64::MAX)));
    }
}
