use std::fmt;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row as _, SqliteConnection};

use crate::store::StoreError;
use crate::store::sql::store_error;

/// The doorbell: another number whenever another connection, of any process, has committed. It
/// rings for commits to any table, so that what has changed is asked for only then.
const DOORBELL: &str = "PRAGMA data_version";

/// The last number given, on a line without a topic, and the entries since a number. One
/// statement, so that both are of one moment.
const SINCE: &str = "\
    SELECT seq, NULL AS topic, NULL AS item FROM sqlite_sequence WHERE name = 'keygate_changes' \
    UNION ALL SELECT seq, topic, item FROM keygate_changes WHERE seq > ? ORDER BY 1, 2 NULLS FIRST";

/// The log of changes, read from one end to the other by a connection of its own.
///
/// Of its own because the doorbell counts the commits of all connections but the one that asks.
pub(super) struct Log {
    options: SqliteConnectOptions,
    connection: SqliteConnection,
    /// What the doorbell said before the last look; none after a look that failed.
    rung: Option<i64>,
    /// The last entry that was read.
    last: i64,
}

/// One change, in the order of the commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) topic: String,
    pub(super) item: String,
}

/// Why the log could not be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The next look may succeed, and continues where the last one ended.
    Failed,
    /// Entries are gone that were not read: pruned, or the file was restored from a copy.
    Gap,
}

impl Log {
    pub(super) fn new(options: SqliteConnectOptions, connection: SqliteConnection) -> Self {
        Self { options, connection, rung: None, last: 0 }
    }

    /// Passes over everything that is there: reading goes on from here.
    pub(super) async fn start_at_end(&mut self) -> Result<(), StoreError> {
        self.rung = None;
        match self.since(i64::MAX).await {
            Ok((last, _)) => self.last = last,
            Err(error) => {
                self.reconnect().await;
                return Err(store_error(error));
            }
        }
        Ok(())
    }

    /// What was committed since the last look.
    pub(super) async fn read_on(&mut self) -> Result<Vec<Entry>, Trouble> {
        let entries = self.look().await;
        if entries == Err(Trouble::Failed) {
            self.reconnect().await;
        }
        entries
    }

    /// Takes another connection for the next look: this one may never work again.
    async fn reconnect(&mut self) {
        self.rung = None;
        // In memory the database lives as long as it has a connection: the new one goes first.
        if let Ok(connection) = self.options.connect().await {
            self.connection = connection;
        }
    }

    async fn look(&mut self) -> Result<Vec<Entry>, Trouble> {
        // Before the entries: a commit that comes between the two rings once more.
        let rung = sqlx::query_scalar(DOORBELL).fetch_one(&mut self.connection).await;
        let rung: i64 = rung.map_err(|_| Trouble::Failed)?;
        if self.rung == Some(rung) {
            return Ok(Vec::new());
        }
        let (last, numbered) = self.since(self.last).await.map_err(|_| Trouble::Failed)?;
        let expected = self.last.saturating_add(1)..=last;
        if last < self.last || !numbered.iter().map(|(seq, _)| *seq).eq(expected) {
            return Err(Trouble::Gap);
        }
        (self.rung, self.last) = (Some(rung), last);
        Ok(numbered.into_iter().map(|(_, entry)| entry).collect())
    }

    async fn since(&mut self, last: i64) -> Result<(i64, Vec<(i64, Entry)>), sqlx::Error> {
        let rows = sqlx::query(SINCE).bind(last).fetch_all(&mut self.connection).await?;
        // Nothing was ever written to a log that has no number yet.
        let (mut given, mut entries) = (0, Vec::with_capacity(rows.len()));
        for row in rows {
            let (seq, topic) = (row.try_get("seq")?, row.try_get("topic")?);
            match topic {
                None => given = seq,
                Some(topic) => entries.push((seq, Entry { topic, item: row.try_get("item")? })),
            }
        }
        Ok((given, entries))
    }
}

impl fmt::Debug for Log {
    /// Without the options: their pragmas may hold the key of an encrypted file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { options, rung, last, connection: _ } = self;
        let file = options.get_filename();
        f.debug_struct("Log").field("file", &file).field("rung", rung).field("last", last).finish()
    }
}
