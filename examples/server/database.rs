//! The database that `DATABASE_URL` names.

use std::error::Error;

use keygate::store::{PostgresStore, SqliteStore, StoreError, Watch};

/// One of the two databases that an example can run on.
pub(crate) enum Database {
    /// A file beside the server, which one machine's instances share.
    Sqlite(SqliteStore),
    /// A server that any number of instances share.
    Postgres(PostgresStore),
}

/// Why there is no database. Its texts never have the URL in them, which may hold a password.
#[derive(Debug, thiserror::Error)]
enum CannotOpen {
    #[error("DATABASE_URL begins with neither `sqlite:` nor `postgres:`")]
    Scheme,
    #[error("DATABASE_URL is no UTF-8")]
    Unreadable,
    #[error("the database of DATABASE_URL cannot be opened")]
    Named(#[source] StoreError),
    #[error("the database {0} cannot be opened")]
    File(String, #[source] StoreError),
}

impl Database {
    /// Opens what `DATABASE_URL` names; unless set, the file `.data/EXAMPLE.db` under the working
    /// directory, which is created.
    pub(crate) async fn open(example: &str) -> Result<Self, Box<dyn Error>> {
        Ok(Self::from_env(example).await?)
    }

    async fn from_env(example: &str) -> Result<Self, CannotOpen> {
        match std::env::var("DATABASE_URL") {
            Ok(url) if url.starts_with("sqlite:") => {
                SqliteStore::open(&url).await.map(Self::Sqlite).map_err(CannotOpen::Named)
            }
            Ok(url) if url.starts_with("postgres:") || url.starts_with("postgresql:") => {
                PostgresStore::connect(&url).await.map(Self::Postgres).map_err(CannotOpen::Named)
            }
            Ok(url) if !url.is_empty() => Err(CannotOpen::Scheme),
            Err(std::env::VarError::NotUnicode(_)) => Err(CannotOpen::Unreadable),
            _ => {
                let file = format!(".data/{example}.db");
                let store = SqliteStore::open(&file).await;
                store.map(Self::Sqlite).map_err(|error| CannotOpen::File(file, error))
            }
        }
    }

    /// The changes of a topic, the service's own tables' among them.
    #[allow(dead_code, reason = "one of the servers has no table of its own")]
    pub(crate) fn watch(&self, topic: &str) -> Watch {
        match self {
            Self::Sqlite(store) => store.watch(topic),
            Self::Postgres(store) => store.watch(topic),
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.pool().close().await,
            Self::Postgres(store) => store.pool().close().await,
        }
    }
}
