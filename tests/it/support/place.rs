//! A database for example servers: a file, or a database on a Postgres.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tokio::time::{Instant, sleep};

use std::process::Output;
use std::time::Duration;

use super::{Folder, Process, postgres};

/// How soon a change must be felt where nothing is broken: far more than a busy machine takes, and
/// half of what may pass without a feed.
const SOON: Duration = Duration::from_secs(5);

/// Where several processes find the same keys.
pub(crate) struct Place {
    folder: Folder,
    url: String,
    /// Dropped with the place.
    _database: Option<postgres::Database>,
}

impl Place {
    /// A file in SQLite that is not there yet.
    pub(crate) fn sqlite() -> Self {
        let folder = Folder::new();
        let url = format!("sqlite://{}", folder.file("keys.db"));
        Self { folder, url, _database: None }
    }

    /// An empty database on the Postgres of the tests, if there is one.
    pub(crate) async fn postgres() -> Option<Self> {
        let database = postgres::database("example").await?;
        let url = database.url().to_owned();
        Some(Self { folder: Folder::new(), url, _database: Some(database) })
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Starts one more server on it.
    pub(crate) async fn start(&self, example: &str, password: &str) -> Process {
        let environment = [("DATABASE_URL", &*self.url), ("DASHBOARD_PASSWORD", password)];
        Process::start_in(&self.folder, example, &environment).await
    }

    /// Runs a command beside the servers.
    pub(crate) async fn run(&self, example: &str, arguments: &[&str]) -> Output {
        let environment = [("DATABASE_URL", &*self.url)];
        Process::run(&self.folder, example, &environment, arguments).await
    }

    /// What an operator types into `psql` or `sqlite3`.
    pub(crate) async fn sql(&self, statement: &str) {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement));
        if self.url.starts_with("sqlite:") {
            let mut shell = SqliteConnection::connect(&self.url).await.unwrap();
            statement.execute(&mut shell).await.unwrap();
            shell.close().await.unwrap();
        } else {
            let mut shell = PgConnection::connect(&self.url).await.unwrap();
            statement.execute(&mut shell).await.unwrap();
            shell.close().await.unwrap();
        }
    }

    /// The moment of now, in the database's own words.
    pub(crate) fn now(&self) -> &'static str {
        if self.url.starts_with("sqlite:") { "unixepoch() * 1000000" } else { "now()" }
    }
}

/// Asks until the answer is the expected one, which must be soon.
pub(crate) async fn becomes<T: PartialEq + std::fmt::Debug>(
    expected: &T,
    mut ask: impl AsyncFnMut() -> T,
) {
    let begin = Instant::now();
    loop {
        let answer = ask().await;
        if answer == *expected {
            return;
        }
        assert!(begin.elapsed() < SOON, "still {answer:?}, not {expected:?}");
        sleep(Duration::from_millis(5)).await;
    }
}
