use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

use serde::de::{Error, Expected, Unexpected};

use crate::ApiError;

/// The longest name of a field and the longest sentence of the application's own that is sent, in
/// bytes. Both may hold what the client sent.
const MAX_NAME: usize = 64;
const MAX_SENTENCE: usize = 256;

/// What is wrong with a value, and where.
///
/// serde tells its errors what happened in calls (`missing_field`, `invalid_type`); kept apart they
/// need not be found again in a text, and the values that were sent are not in them.
#[derive(Debug, Default)]
pub(super) struct Problem {
    /// From the innermost name outwards.
    path: Vec<Step>,
    sentence: Cow<'static, str>,
}

#[derive(Debug)]
enum Step {
    Field(String),
    Index(usize),
}

impl Problem {
    /// The same problem, seen from an object that has it in a field.
    pub(super) fn in_field(mut self, name: &str) -> Self {
        self.path.push(Step::Field(cut(name, MAX_NAME)));
        self
    }

    /// The same problem, seen from an array that has it at a place.
    pub(super) fn at_index(mut self, index: usize) -> Self {
        self.path.push(Step::Index(index));
        self
    }

    /// The field's path, as in `quota.per_minute` or `events[2]`; `body` for the whole.
    fn name(&self) -> String {
        let mut name = String::new();
        for step in self.path.iter().rev() {
            // Writing to a `String` cannot fail.
            let _ = match step {
                Step::Field(field) if name.is_empty() => write!(name, "{field}"),
                Step::Field(field) => write!(name, ".{field}"),
                Step::Index(index) => write!(name, "[{index}]"),
            };
        }
        if name.is_empty() { "body".to_owned() } else { name }
    }

    fn new(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { path: Vec::new(), sentence: sentence.into() }
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        ApiError::invalid_field(problem.name(), problem.sentence)
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.sentence)
    }
}

impl std::error::Error for Problem {}

impl Error for Problem {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(cut(&message.to_string(), MAX_SENTENCE))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("must be {}, not {}", Wanted(expected), kind(&found)))
    }

    fn invalid_value(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("must be {}", Wanted(expected)))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("must be {}, not of length {length}", Wanted(expected)))
    }

    fn unknown_variant(_variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(match expected {
            [] => "has no valid value".into(),
            [one] => format!("must be `{one}`"),
            several => format!("must be one of `{}`", several.join("`, `")),
        })
    }

    fn unknown_field(field: &str, _expected: &'static [&'static str]) -> Self {
        Self::new("is not a known field").in_field(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("is required").in_field(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new("is given twice").in_field(field)
    }
}

/// What was expected, without the names of Rust types.
struct Wanted<'a>(&'a dyn Expected);

impl Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let words: Vec<_> = text.split(' ').take(2).collect();
        f.write_str(match words.as_slice() {
            ["struct" | "map" | "enum", _] | ["a", "map"] => "an object",
            ["a", "sequence"] | ["tuple", _] => "an array",
            ["u8" | "u16" | "u32" | "u64" | "u128" | "usize"] => "a whole number of 0 or more",
            ["i8" | "i16" | "i32" | "i64" | "i128" | "isize"] => "a whole number",
            ["f32" | "f64"] => "a number",
            _ => return f.write_str(&cut(&text, MAX_SENTENCE)),
        })
    }
}

/// What was sent, without its value.
fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a fraction",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "a string",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "an array",
        Unexpected::Map => "an object",
        _ => "what was sent",
    }
}

fn cut(text: &str, limit: usize) -> String {
    let mut short: String = text.chars().take(limit).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
