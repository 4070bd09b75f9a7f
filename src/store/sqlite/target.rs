use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io};

use sqlx::sqlite::SqliteConnectOptions;

use crate::store::StoreError;
use crate::store::sql::store_error;

/// Tells one database in memory from the next.
static IN_MEMORY: AtomicU64 = AtomicU64::new(1);

/// What a URL or a path asks to open.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) options: SqliteConnectOptions,
    may_create: bool,
}

impl Target {
    /// Reads `sqlite://path`, `sqlite:path`, `sqlite::memory:` and plain paths.
    pub(super) fn parse(url_or_path: &str) -> Result<Self, StoreError> {
        let Some(rest) = url_or_path.strip_prefix("sqlite:") else {
            return Self::plain(url_or_path);
        };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        if rest == ":memory:" {
            return Ok(Self::in_memory());
        }
        if rest.is_empty() || rest.starts_with('?') {
            return Err(StoreError::permanent("the SQLite URL names no file"));
        }
        let options = SqliteConnectOptions::from_str(url_or_path).map_err(store_error)?;
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let value = |name| {
            query.split('&').filter_map(|pair| pair.split_once('=')).find(|pair| pair.0 == name)
        };
        let mode = value("mode").map(|(_, mode)| mode);
        let immutable = value("immutable").is_some_and(|(_, value)| value != "0");
        // Made unless the URL says that it is there.
        let may_create = matches!(mode, None | Some("rwc")) && !immutable;
        Ok(Self { options: options.create_if_missing(may_create), may_create })
    }

    fn plain(path: &str) -> Result<Self, StoreError> {
        match path {
            "" => Err(StoreError::permanent("the path of the SQLite file is empty")),
            ":memory:" => Ok(Self::in_memory()),
            _ => {
                let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
                Ok(Self { options, may_create: true })
            }
        }
    }

    /// A database of this process that several connections share. SQLite's `memdb` locks it as it
    /// does a file, which the shared cache of `mode=memory` does not.
    fn in_memory() -> Self {
        let number = IN_MEMORY.fetch_add(1, Ordering::Relaxed);
        let options = SqliteConnectOptions::new()
            .filename(format!("/keygate-{number}"))
            .vfs("memdb")
            .create_if_missing(true);
        Self { options, may_create: false }
    }

    /// Makes the folders that the file is to lie in.
    pub(super) fn create_folders(&self) -> Result<(), StoreError> {
        let folder = self.options.get_filename().parent().filter(|_| self.may_create);
        let Some(folder) = folder.filter(|folder| *folder != Path::new("")) else { return Ok(()) };
        fs::create_dir_all(folder).map_err(|error| {
            let message = format!("the folder {} cannot be made: {error}", folder.display());
            StoreError::permanent(io::Error::new(error.kind(), message))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_paths_name_files() {
        let cases = [
            ("sqlite://keys.db", "keys.db", true),
            ("sqlite:keys.db", "keys.db", true),
            ("sqlite:///var/lib/keys.db", "/var/lib/keys.db", true),
            ("sqlite:/var/lib/keys.db", "/var/lib/keys.db", true),
            ("sqlite://.data/my%20keys.db", ".data/my keys.db", true),
            ("sqlite://keys.db?mode=rwc", "keys.db", true),
            ("sqlite://keys.db?mode=ro", "keys.db", false),
            ("sqlite://keys.db?mode=rw", "keys.db", false),
            ("sqlite://keys.db?immutable=1", "keys.db", false),
            ("sqlite://keys.db?immutable=0", "keys.db", true),
            // As a URL these would have a port and a host that are none.
            ("sqlite:backup-10:30.db", "backup-10:30.db", true),
            ("sqlite://my[1].db", "my[1].db", true),
            // A plain path is taken as it is.
            (".data/100%.db", ".data/100%.db", true),
            ("what?.db", "what?.db", true),
        ];
        for (text, file, may_create) in cases {
            let target = Target::parse(text).unwrap();
            assert_eq!(target.options.get_filename(), Path::new(file), "{text}");
            assert_eq!(target.may_create, may_create, "{text}");
        }
    }

    #[test]
    fn each_database_in_memory_is_its_own() {
        let [a, b, c] = ["sqlite::memory:", "sqlite://:memory:", ":memory:"]
            .map(|text| Target::parse(text).unwrap().options.get_filename().to_owned());
        assert!(a != b && b != c && a != c);
    }

    #[test]
    fn what_names_no_file_is_refused() {
        for text in ["", "sqlite:", "sqlite://", "sqlite://?mode=rwc", "sqlite://a.db?mode=odd"] {
            assert!(!Target::parse(text).unwrap_err().is_transient(), "{text}");
        }
    }
}
