//! Redis for tests: databases on the server that `scripts/test` shares out, and servers of a
//! test's own, which it may stop, kill, flush and start again.
//!
//! `None` is: there is no Redis here. The test is skipped, and says so.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, Value};
use tokio::time::{Instant, sleep};

use super::throwaway::{
    self, PATIENCE, as_server, free_port, signal, skip, variable, write_as_server,
};

/// How many databases there are to share out: the servers' setting.
const DATABASES: u64 = 4096;

/// Loopback only, and nothing is kept.
const SETTINGS: &str = r#"
bind 127.0.0.1
daemonize no
save ""
appendonly no
repl-diskless-sync-delay 0
databases 4096
"#;

/// A database that nobody else uses: all its keys are the test's own.
pub(crate) struct Database {
    url: String,
}

/// A server that nobody else uses. It ends with this.
pub(crate) struct Server {
    directory: PathBuf,
    password: String,
    port: u16,
    /// Unless it was killed.
    process: Option<Child>,
}

/// An empty database on the shared server.
pub(crate) async fn database() -> Option<Database> {
    let Some(shared) = variable("KEYGATE_REDIS_URL") else {
        return skip("no KEYGATE_REDIS_URL");
    };
    // The first one is where they are counted.
    let taken: u64 = ask(&shared, &["INCR", "taken"]).await;
    let number = 1 + taken % (DATABASES - 1);
    let url = format!("{}/{number}", shared.trim_end_matches('/'));
    let () = ask(&url, &["FLUSHDB"]).await;
    Some(Database { url })
}

/// What the server answers to one command, which it must.
pub(crate) async fn ask<T: redis::FromRedisValue>(url: &str, words: &[&str]) -> T {
    let answer = try_ask(url, words).await.expect("it answers");
    redis::from_redis_value(answer).expect("an answer of this kind")
}

/// What the server answers to one command, or why it does not.
pub(crate) async fn try_ask(url: &str, words: &[&str]) -> RedisResult<Value> {
    let mut connection = connect(url).await?;
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word);
    }
    command.query_async(&mut connection).await
}

/// A connection that is patient.
async fn connect(url: &str) -> RedisResult<MultiplexedConnection> {
    let patient = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await
}

impl Database {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Server {
    /// An empty server.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// A server with further lines of `redis.conf`.
    pub(crate) async fn start_with(settings: &[&str]) -> Option<Self> {
        if variable("KEYGATE_REDIS_BIN").is_none() {
            return skip("no KEYGATE_REDIS_BIN");
        }
        let directory = throwaway::directory("redis");
        let mut server =
            Self { directory, password: throwaway::password(), port: 0, process: None };
        for _ in 0..5 {
            server.port = free_port();
            server.configure(settings);
            if server.spawn().await {
                return Some(server);
            }
        }
        panic!("it does not start: {}", server.log());
    }

    /// A server that repeats what this one is told.
    pub(crate) async fn start_replica(&self, settings: &[&str]) -> Option<Self> {
        let of = format!("replicaof 127.0.0.1 {}", self.port);
        let password = format!("masterauth {}", self.password);
        Self::start_with(&[&[&*of, &*password], settings].concat()).await
    }

    /// Of its first database.
    pub(crate) fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}/", self.password, self.port)
    }

    /// Everything that it has logged.
    pub(crate) fn log(&self) -> String {
        throwaway::log(&self.directory)
    }

    /// Stops it with SIGSTOP: connections stay open, and nobody answers.
    pub(crate) fn pause(&self) {
        signal("STOP", &[self.id()]);
    }

    /// Lets it go on after [`Server::pause`].
    pub(crate) fn resume(&self) {
        signal("CONT", &[self.id()]);
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        signal("KILL", &[self.id()]);
        let mut process = self.process.take().expect("it runs");
        process.wait().expect("it has ended");
    }

    /// Starts it again, empty, on the same port, and waits until it answers. One that runs is shut
    /// down first, as by an operator.
    pub(crate) async fn restart(&mut self) {
        if let Some(mut process) = self.process.take() {
            signal("TERM", &[process.id()]);
            let ended = tokio::task::spawn_blocking(move || process.wait());
            ended.await.expect("no panic").expect("it has ended");
        }
        assert!(self.spawn().await, "it does not start again: {}", self.log());
    }

    /// Has it forget everything, also scripts.
    pub(crate) async fn flush(&self) {
        let () = ask(&self.url(), &["FLUSHALL"]).await;
        let () = ask(&self.url(), &["SCRIPT", "FLUSH"]).await;
    }

    fn configure(&self, settings: &[&str]) {
        let directory = self.directory.display();
        let text = format!(
            "{SETTINGS}port {}\nrequirepass {}\ndir {directory}\npidfile {directory}/redis.pid\n{}\n",
            self.port,
            self.password,
            settings.join("\n")
        );
        write_as_server(&self.directory.join("redis.conf"), &text);
    }

    /// Whether it came up. It does not where another process has its port.
    async fn spawn(&mut self) -> bool {
        let log = self.directory.join("server.log");
        let log = OpenOptions::new().create(true).append(true).open(log).expect("a file");
        let program = variable("KEYGATE_REDIS_BIN").expect("it was there");
        let process = as_server(Path::new(&program))
            .arg(self.directory.join("redis.conf"))
            .stdout(log.try_clone().expect("one more handle"))
            .stderr(Stdio::from(log))
            .spawn()
            .expect("it is a program");
        self.process = Some(process);
        let started = Instant::now();
        while try_ask(&self.url(), &["PING"]).await.is_err() {
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
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
