//! Which versions of the schema a binary works with.
//!
//! The table `keygate_schema` says which version the tables are and the oldest version of this
//! crate's schema whose readers may still use them. So an older binary goes on beside a schema
//! with additions, and stops with a clear error beside one that it would misread.

use crate::store::StoreError;

/// What `keygate_schema` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct SchemaVersion {
    pub(in crate::store) version: i64,
    pub(in crate::store) oldest_reader: i64,
}

/// Why the tables that are there cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::store) enum UnusableSchema {
    #[error(
        "the key tables are of schema {version}, which needs a keygate that knows schema \
         {oldest_reader}; this one knows up to {known}: update the service"
    )]
    TooNew { version: i64, oldest_reader: i64, known: i64 },
    #[error(
        "`keygate_schema` says version {version} with oldest reader {oldest_reader}, which no \
         keygate writes: restore the row"
    )]
    Nonsense { version: i64, oldest_reader: i64 },
    #[error(
        "the key tables are {found} and this keygate needs schema {known}: run the files of \
         `migrations/`, or let the store migrate"
    )]
    Outdated { found: Found, known: i64 },
}

/// The schema that was found where a newer one is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Found {
    Nothing,
    Version(i64),
}

/// How many of the migrations are in already; `known` is how many there are.
///
/// The rule for both databases. All of them: there is nothing to do.
pub(in crate::store) fn applied(
    found: Option<SchemaVersion>,
    known: i64,
) -> Result<i64, StoreError> {
    let Some(SchemaVersion { version, oldest_reader }) = found else { return Ok(0) };
    if !(1..=version).contains(&oldest_reader) {
        return Err(StoreError::permanent(UnusableSchema::Nonsense { version, oldest_reader }));
    }
    if oldest_reader > known {
        return Err(StoreError::permanent(UnusableSchema::TooNew {
            version,
            oldest_reader,
            known,
        }));
    }
    Ok(version.min(known))
}

/// Refuses tables that would have to be migrated first: for those who run migrations by hand.
pub(in crate::store) fn check(found: Option<SchemaVersion>, known: i64) -> Result<(), StoreError> {
    let applied = applied(found, known)?;
    if applied == known {
        return Ok(());
    }
    let found = if applied == 0 { Found::Nothing } else { Found::Version(applied) };
    Err(StoreError::permanent(UnusableSchema::Outdated { found, known }))
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("missing"),
            Self::Version(version) => write!(f, "of schema {version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_binary_opens_what_it_can_read() {
        // (version, oldest reader) found, known, (migrations that are in, whether it may go on
        // without any more); `Err` is what the error says.
        let cases = [
            (None, 1, Ok((0, false))),
            (Some((1, 1)), 1, Ok((1, true))),
            (Some((1, 1)), 3, Ok((1, false))),
            (Some((2, 1)), 1, Ok((1, true))),
            (Some((9, 3)), 3, Ok((3, true))),
            (Some((9, 3)), 2, Err("update the service")),
            (Some((2, 2)), 1, Err("update the service")),
            (Some((0, 0)), 1, Err("restore the row")),
            (Some((1, 2)), 1, Err("restore the row")),
            (Some((-1, -1)), 1, Err("restore the row")),
            (Some((i64::MAX, i64::MIN)), 1, Err("restore the row")),
        ];
        for (found, known, expected) in cases {
            let found =
                found.map(|(version, oldest_reader)| SchemaVersion { version, oldest_reader });
            match (applied(found, known), expected) {
                (Ok(applied), Ok((expected, enough))) => {
                    assert_eq!(applied, expected, "{found:?}, {known}");
                    assert_eq!(check(found, known).is_ok(), enough, "{found:?}, {known}");
                }
                (Err(error), Err(words)) => {
                    let cause = error.source().unwrap().to_string();
                    assert!(!error.is_transient() && cause.contains(words), "{cause}");
                    assert!(check(found, known).is_err());
                }
                (found, expected) => unreachable!("{found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn an_old_schema_is_named() {
        let one = SchemaVersion { version: 1, oldest_reader: 1 };
        for (found, words) in [(None, "tables are missing"), (Some(one), "are of schema 1 and")] {
            let error = check(found, 2).unwrap_err();
            assert!(error.source().unwrap().to_string().contains(words));
        }
    }
}
