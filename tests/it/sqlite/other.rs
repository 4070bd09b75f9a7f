//! Another process on the same file: this test binary, run again to serve one of its ignored tests.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use keygate::store::{KeyQuery, KeyStore, SqliteStore, UsageBatch};
use keygate::{Clock, KeyId, SystemClock};
use sqlx::SqliteConnection;
use sqlx::pool::PoolConnection;

use super::at;

/// Marks the answers among what the test harness prints.
const MARK: &str = "answer: ";

/// Set in the other process.
const IS_OTHER: &str = "KEYGATE_OTHER_PROCESS";

/// Who may write only what everybody may.
const NOBODY: u32 = 65_534;

pub(super) struct Other {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Other {
    pub(super) fn start() -> Self {
        Self::run(&mut Self::command())
    }

    /// Without the rights of the superuser, whom no permission of a file stops.
    pub(super) fn start_unprivileged() -> Self {
        let mut command = Self::command();
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        Self::run(&mut command)
    }

    fn command() -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "sqlite::other::serve", "--ignored", "--nocapture"]);
        command.env(IS_OTHER, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    fn run(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// Asks without waiting for the answer.
    pub(super) fn begin(&mut self, request: &str) {
        writeln!(self.input, "{request}").unwrap();
    }

    /// The next answer.
    pub(super) fn answer(&mut self) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, answer)) = line.split_once(MARK) {
                return answer.trim_end().to_owned();
            }
            line.clear();
        }
        panic!("the other process has ended")
    }

    pub(super) fn ask(&mut self, request: &str) -> String {
        self.begin(request);
        self.answer()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the other process holds.
#[derive(Default)]
struct Held {
    store: Option<SqliteStore>,
    lock: Option<PoolConnection<sqlx::Sqlite>>,
}

#[tokio::test]
#[ignore = "it is the other process of the tests beside it"]
async fn serve() {
    if env::var_os(IS_OTHER).is_none() {
        return;
    }
    let mut held = Held::default();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        println!("{MARK}{}", held.serve(verb, rest).await);
    }
}

impl Held {
    async fn serve(&mut self, verb: &str, rest: &str) -> String {
        if verb == "open" {
            let opened = SqliteStore::open(rest).await;
            let answer = told(opened.as_ref().map(|_| "opened"));
            self.store = opened.ok();
            return answer;
        }
        let store = self.store.clone().unwrap();
        match verb {
            // What the shell would do: any statement, and when it was done.
            "sql" => {
                let done = sqlx::raw_sql(sqlx::AssertSqlSafe(rest)).execute(store.pool()).await;
                done.map_or_else(|error| error.to_string(), |_| now().to_string())
            }
            "lock" => {
                let mut connection = store.pool().acquire().await.unwrap();
                run(&mut connection, "BEGIN IMMEDIATE").await;
                self.lock = Some(connection);
                "locked".into()
            }
            "unlock" => {
                run(self.lock.as_mut().unwrap(), "ROLLBACK").await;
                self.lock = None;
                "unlocked".into()
            }
            "list" => {
                let keys = store.list(KeyQuery::new(at(0))).await;
                told(keys.map(|keys| keys.len()))
            }
            "find" => {
                let found = store.find_by_id(&KeyId::parse(rest).unwrap()).await;
                told(found.map(|found| found.is_some()))
            }
            "revoke" => {
                let done = store.revoke(&KeyId::parse(rest).unwrap(), at(9), None).await;
                told(done.map(|_| "revoked"))
            }
            "usage" => {
                told(store.add_usage(UsageBatch::new(1, 1, Vec::new())).await.map(|()| "kept"))
            }
            "prove" => {
                let mut feed = store.subscribe().await.unwrap().unwrap();
                store.prove(7).await.unwrap();
                format!("{:?}", feed.next().await)
            }
            _ => "what?".into(),
        }
    }
}

async fn run(connection: &mut SqliteConnection, statement: &'static str) {
    sqlx::query(statement).execute(connection).await.unwrap();
}

fn told<T: ToString, E: std::borrow::Borrow<keygate::store::StoreError>>(
    result: Result<T, E>,
) -> String {
    result.map_or_else(|error| super::cause(error.borrow()), |value| value.to_string())
}

/// Microseconds since 1970, which both processes count alike.
pub(super) fn now() -> u128 {
    SystemClock::default().wall().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros()
}
