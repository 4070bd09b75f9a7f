use std::fmt;

/// An operation that is documented to fail only; see [the module](super).
///
/// Its `Debug` is the sentence that its `Display` is, for the message of a failed assertion.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unanswered {
    /// In upper case.
    pub method: String,
    /// As it stands in the document.
    pub path: String,
}

/// Whether none of these statuses, as a document spells them, is other than an error.
pub(super) fn is_unanswered(statuses: impl IntoIterator<Item = impl AsRef<str>>) -> bool {
    statuses.into_iter().all(|status| status.as_ref().starts_with(['4', '5']))
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path } = self;
        write!(f, "{method} {path}: the document has no answer but errors, say which there is")
    }
}

impl fmt::Debug for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_are_no_answer() {
        for (statuses, expected) in [
            (&[][..], true),
            (&["401", "4XX", "503"], true),
            (&["101"], false),
            (&["2XX", "401"], false),
            (&["302"], false),
            (&["401", "default"], false),
        ] {
            assert_eq!(is_unanswered(statuses), expected, "{statuses:?}");
        }
    }
}
