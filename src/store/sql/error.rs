//! What an error of a database means to those who called a store.

use sqlx::Error;

use crate::store::StoreError;

/// What a database refused, in its words.
///
/// Not sqlx's error itself: Postgres puts whole rows into the detail of some, and with them hashes.
#[derive(Debug, thiserror::Error)]
#[error("the database {refusal}: {message} ({code})")]
struct Refused {
    refusal: Refusal,
    message: String,
    code: String,
}

/// What a database's code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Gone at the next try, or some time later.
    Busy,
    /// As [`Self::Busy`], and the connection is of no use any more.
    Leaving,
    ReadOnly,
    Full,
    Other,
}

/// The store's error for a database's.
pub(in crate::store) fn store_error(error: Error) -> StoreError {
    if let Error::Database(error) = &error {
        if error.is_unique_violation() {
            return StoreError::duplicate();
        }
        let code = error.code().unwrap_or_default().into_owned();
        let refusal = Refusal::of(&code);
        let refused = Refused { refusal, message: error.message().into(), code };
        return match refusal {
            Refusal::Busy | Refusal::Leaving => StoreError::transient(refused),
            Refusal::ReadOnly | Refusal::Full | Refusal::Other => StoreError::permanent(refused),
        };
    }
    match &error {
        Error::Io(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::WorkerCrashed
        | Error::BeginFailed => StoreError::transient(error),
        _ => StoreError::permanent(error),
    }
}

/// Whether the connection was gone before it could answer: another one may do.
#[cfg(feature = "postgres")]
pub(in crate::store) fn is_broken_connection(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Protocol(_) => true,
        Error::Database(error) => {
            Refusal::of(&error.code().unwrap_or_default()) == Refusal::Leaving
        }
        _ => false,
    }
}

/// Whether the database undid the statement because another one was first: nothing was written.
#[cfg(feature = "postgres")]
pub(in crate::store) fn is_conflict(error: &Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    // A serialization failure, a deadlock.
    matches!(code.as_deref(), Some("40001" | "40P01"))
}

impl Refusal {
    /// Five letters are Postgres's [SQLSTATE], a number is [SQLite's], whose low byte is the kind.
    ///
    /// [SQLSTATE]: https://www.postgresql.org/docs/current/errcodes-appendix.html
    /// [SQLite's]: https://www.sqlite.org/rescode.html
    fn of(code: &str) -> Self {
        match code {
            // The server shuts down, crashed, starts up, or dropped an idle session.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Self::Leaving,
            // A conflict of transactions, a lock not had in time, a cancelled statement, too many
            // connections, a plan that a migration has overtaken.
            "40001" | "40P01" | "40003" | "55P03" | "57014" | "53300" | "0A000" => Self::Busy,
            "25006" => Self::ReadOnly,
            "53100" => Self::Full,
            _ if code.len() == 5 && code.starts_with("08") => Self::Leaving,
            _ if code.len() == 5 => Self::Other,
            _ => match code.parse::<u32>().map(|code| code & 0xff) {
                // SQLITE_BUSY and SQLITE_LOCKED; NOMEM, INTERRUPT, IOERR, PROTOCOL (a race for the
                // WAL's locks) and SCHEMA (a plan that a migration has overtaken).
                Ok(5 | 6 | 7 | 9 | 10 | 15 | 17) => Self::Busy,
                Ok(8) => Self::ReadOnly,
                Ok(13) => Self::Full,
                _ => Self::Other,
            },
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Busy => "could not do it now",
            Self::Leaving => "went away",
            Self::ReadOnly => "is read-only",
            Self::Full => "has no space left on its disk",
            Self::Other => "refused",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::error::Error as StdError;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failing row contains (canary)")]
    struct Fake(&'static str);

    impl DatabaseError for Fake {
        fn message(&self) -> &'static str {
            "no"
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            if self.0 == "23505" { ErrorKind::UniqueViolation } else { ErrorKind::Other }
        }
    }

    fn database(code: &'static str) -> Error {
        Error::Database(Box::new(Fake(code)))
    }

    #[test]
    fn codes_of_both_databases_are_sorted() {
        let cases = [
            ("40001", true, "could not do it now"),
            ("40P01", true, "could not do it now"),
            ("55P03", true, "could not do it now"),
            ("57014", true, "could not do it now"),
            ("53300", true, "could not do it now"),
            ("57P01", true, "went away"),
            ("57P03", true, "went away"),
            ("08006", true, "went away"),
            ("25006", false, "is read-only"),
            ("53100", false, "no space left"),
            ("42P01", false, "refused"),
            ("23514", false, "refused"),
            ("5", true, "could not do it now"),
            ("517", true, "could not do it now"),
            ("6", true, "could not do it now"),
            ("266", true, "could not do it now"),
            ("26", false, "refused"),
            ("8", false, "is read-only"),
            ("1032", false, "is read-only"),
            ("13", false, "no space left"),
            ("1", false, "refused"),
            ("", false, "refused"),
        ];
        for (code, is_transient, words) in cases {
            let error = store_error(database(code));
            let cause = error.source().unwrap().to_string();
            assert_eq!(error.is_transient(), is_transient, "{code}");
            assert!(cause.contains(words), "{code}: {cause}");
            assert!(!format!("{error:?}").contains("canary"), "rows are not repeated");
        }
        assert!(store_error(database("23505")).is_duplicate());
    }

    #[test]
    fn a_lost_connection_is_transient() {
        let io = || Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(store_error(io()).is_transient() && is_broken_connection(&io()));
        assert!(store_error(Error::PoolTimedOut).is_transient());
        assert!(!is_broken_connection(&Error::PoolTimedOut));
        assert!(!store_error(Error::RowNotFound).is_transient());
        assert!(is_broken_connection(&database("57P01")));
        assert!(!is_broken_connection(&database("40001")));
    }
}
