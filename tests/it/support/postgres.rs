//! Postgres for tests: databases on the server that `scripts/test` shares out, and servers of a
//! test's own, which it may stop, kill and start again.
//!
//! `None` is: there is no Postgres here. The test is skipped, and says so.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use super::throwaway::{
    self, PATIENCE, as_server, free_port, signal, skip, variable, write_as_server,
};

/// Loopback only. What was committed outlives a killed server, though not a fall of the machine.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
max_connections = 200
shared_buffers = 16MB
fsync = off
full_page_writes = off
autovacuum = off
";

/// A database that nobody else uses. It is dropped soon after this.
pub(crate) struct Database {
    url: String,
    name: String,
}

/// A server that nobody else uses. It ends with this.
pub(crate) struct Server {
    directory: PathBuf,
    password: String,
    port: u16,
    /// The postmaster, unless it was killed.
    process: Option<Child>,
}

/// An empty database on the shared server.
pub(crate) async fn database(label: &str) -> Option<Database> {
    let Some(shared) = variable("KEYGATE_POSTGRES_URL") else {
        return skip("no KEYGATE_POSTGRES_URL");
    };
    let name = format!("{label}_{:016x}", rand::random::<u64>()).replace(['-', ' '], "_");
    run(&shared, &format!(r#"CREATE DATABASE "{name}""#)).await;
    let (server, _) = shared.rsplit_once('/').expect("it ends with a database");
    Some(Database { url: format!("{server}/{name}"), name })
}

/// Has a statement run by a superuser.
pub(crate) async fn run(url: &str, statement: &str) {
    let mut connection = PgConnection::connect(url).await.expect("it accepts");
    let statement = sqlx::raw_sql(AssertSqlSafe(statement));
    statement.execute(&mut connection).await.expect("it is valid");
    connection.close().await.expect("it takes leave");
}

/// The one number that a query answers with. It has to be a `bigint`.
pub(crate) async fn number(url: &str, query: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.expect("it accepts");
    let query = sqlx::query_scalar(AssertSqlSafe(query));
    let number = query.fetch_one(&mut connection).await.expect("it is valid");
    connection.close().await.expect("it takes leave");
    number
}

impl Database {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    /// In a thread of its own, and nobody waits for it: while the server drops one database it waits
    /// for everybody who is just connecting, and that may be another task of the same test.
    fn drop(&mut self) {
        let (server, _) = self.url.rsplit_once('/').expect("it ends with a database");
        let (server, name) = (format!("{server}/postgres"), self.name.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let statement = format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#);
                let _ = timeout(PATIENCE, run(&server, &statement)).await;
            });
        });
    }
}

impl Server {
    /// A server with one empty database.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// A server with further lines of `postgresql.conf`.
    pub(crate) async fn start_with(settings: &[&str]) -> Option<Self> {
        let Some(programs) = variable("KEYGATE_POSTGRES_BIN") else {
            return skip("no KEYGATE_POSTGRES_BIN");
        };
        let directory = throwaway::directory("postgres");
        // A superuser runs programs.
        let password = throwaway::password();
        let secret = directory.with_extension("password");
        write_as_server(&secret, &format!("{password}\n"));
        let made = as_server(&Path::new(&programs).join("initdb"))
            .arg(format!("--pgdata={}", directory.display()))
            .arg(format!("--pwfile={}", secret.display()))
            .args(["--username=postgres", "--auth=password", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C"])
            .output()
            .expect("it is a program");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::remove_file(secret).expect("it was written");
        let file = OpenOptions::new().append(true).open(directory.join("postgresql.conf"));
        let settings = format!("{SETTINGS}\n{}\n", settings.join("\n"));
        file.and_then(|mut file| file.write_all(settings.as_bytes())).expect("it takes settings");
        let mut server = Self { directory, password, port: 0, process: None };
        for _ in 0..5 {
            server.port = free_port();
            if server.spawn().await {
                return Some(server);
            }
        }
        panic!("it does not start: {}", server.log());
    }

    /// Of its one database, for a superuser.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// Everything that it has logged.
    pub(crate) fn log(&self) -> String {
        throwaway::log(&self.directory)
    }

    /// Stops it and all its backends with SIGSTOP: connections stay open, and nobody answers.
    pub(crate) fn pause(&self) {
        // The one that makes backends first, so that none is missed.
        signal("STOP", &[self.id()]);
        signal("STOP", &self.backends());
    }

    /// Lets it go on after [`Server::pause`].
    pub(crate) fn resume(&self) {
        signal("CONT", &self.backends());
        signal("CONT", &[self.id()]);
    }

    /// Ends it and all its backends with SIGKILL.
    pub(crate) fn kill(&mut self) {
        let (id, backends) = (self.id(), self.backends());
        signal("KILL", &[id]);
        signal("KILL", &backends);
        let mut process = self.process.take().expect("it runs");
        process.wait().expect("it has ended");
    }

    /// Starts it again on the same data and port, and waits until it answers. One that runs is
    /// shut down first, as by an operator: connections are told so.
    pub(crate) async fn restart(&mut self) {
        if let Some(mut process) = self.process.take() {
            signal("INT", &[process.id()]);
            let ended = tokio::task::spawn_blocking(move || process.wait());
            ended.await.expect("no panic").expect("it has ended");
        }
        assert!(self.spawn().await, "it does not start again: {}", self.log());
    }

    /// Whether it came up. It does not where another process has its port.
    async fn spawn(&mut self) -> bool {
        let log = self.directory.join("server.log");
        let log = OpenOptions::new().create(true).append(true).open(log).expect("a file");
        let programs = variable("KEYGATE_POSTGRES_BIN").expect("it was there");
        let process = as_server(&Path::new(&programs).join("postgres"))
            .arg("-D")
            .arg(&self.directory)
            .args(["-p", &self.port.to_string()])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it is a program");
        self.process = Some(process);
        let started = Instant::now();
        while PgConnection::connect(&self.url()).await.is_err() {
            let process = self.process.as_mut().expect("it was started");
            if process.try_wait().expect("it is ours").is_some() {
                self.process = None;
                return false;
            }
            assert!(started.elapsed() < PATIENCE, "it does not answer: {}", self.log());
            sleep(Duration::from_millis(10)).await;
        }
        true
    }

    fn id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    fn backends(&self) -> Vec<u32> {
        let listed = Command::new("ps").args(["-A", "-o", "ppid=,pid="]).output();
        let listed = String::from_utf8(listed.expect("ps is there").stdout).expect("numbers");
        let parent = self.id().to_string();
        let pairs = listed.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
        let ours = pairs.filter(|(ppid, _)| *ppid == parent);
        ours.filter_map(|(_, pid)| pid.trim().parse().ok()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.resume();
            // The immediate way down, which takes five seconds at the very most.
            signal("QUIT", &[self.id()]);
            let _ = self.process.take().map(|mut process| process.wait());
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
