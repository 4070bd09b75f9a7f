//! An example server as a process of its own.

use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Folder;

/// Far more than a start or an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the servers read from their environment.
const VARIABLES: [&str; 7] = [
    "DATABASE_URL",
    "REDIS_URL",
    "METRICS_PORT",
    "DASHBOARD_PASSWORD",
    "RUST_LOG",
    "TRUSTED_PROXIES",
    "PAYKORE_ENV",
];

pub(crate) struct Process {
    child: Child,
    /// Every line of both outputs so far.
    lines: watch::Receiver<Vec<String>>,
    readers: Vec<JoinHandle<()>>,
    pub(crate) origin: String,
    /// Its working directory, where nobody else has it.
    _folder: Option<Folder>,
}

impl Process {
    /// Starts an example on a free port in an empty folder, and waits until it accepts.
    pub(crate) async fn start(example: &str, environment: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let process = Self::start_in(&folder, example, environment).await;
        Self { _folder: Some(folder), ..process }
    }

    /// Starts an example on a free port in this working directory, and waits until it accepts.
    pub(crate) async fn start_in(
        folder: &Folder,
        example: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::run_by(command(folder, example, environment)).await
    }

    /// Starts this very binary again in this working directory, to serve by one of its ignored
    /// tests, and waits until it accepts.
    pub(crate) async fn start_test(
        folder: &Folder,
        test: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--ignored", "--nocapture"]);
        command.current_dir(folder.path()).envs(environment.iter().copied());
        Self::run_by(piped(command)).await
    }

    async fn run_by(mut command: Command) -> Self {
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let (sender, lines) = watch::channel(Vec::new());
        let readers = vec![
            tokio::spawn(read(child.stdout.take().unwrap(), sender.clone())),
            tokio::spawn(read(child.stderr.take().unwrap(), sender)),
        ];
        let origin = String::new();
        let mut process = Self { child, lines, readers, origin, _folder: None };
        let line = process.line("listening on http://127.0.0.1:").await;
        line.trim_start_matches("listening on ").clone_into(&mut process.origin);
        process
    }

    /// Runs an example to its end: with a command, or one that is to fail.
    pub(crate) async fn run(
        folder: &Folder,
        example: &str,
        environment: &[(&str, &str)],
        arguments: &[&str],
    ) -> Output {
        let mut command = command(folder, example, environment);
        let output = command.args(arguments).kill_on_drop(true).output();
        timeout(PATIENCE, output).await.expect("it ends").unwrap()
    }

    /// The first line that contains this, once it is there.
    pub(crate) async fn line(&self, part: &str) -> String {
        let find = |lines: &Vec<String>| lines.iter().find(|line| line.contains(part)).cloned();
        let mut lines = self.lines.clone();
        let there = timeout(PATIENCE, lines.wait_for(|lines| find(lines).is_some()));
        let ended = |_| panic!("it ended and has never said {part:?}: {:#?}", self.lines());
        let lines = there.await.expect("in time").unwrap_or_else(ended);
        find(&lines).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// Asks it to end.
    pub(crate) async fn terminate(&self) {
        self.signal("TERM").await;
    }

    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Ends it as `kill -9` does.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// How it ended, within this time, and every line that it wrote.
    pub(crate) async fn end(mut self, within: Duration) -> (ExitStatus, Vec<String>) {
        let status = timeout(within, self.child.wait()).await.expect("it ends in time").unwrap();
        for reader in self.readers.drain(..) {
            reader.await.unwrap();
        }
        (status, self.lines())
    }
}

fn command(folder: &Folder, example: &str, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary(example));
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.current_dir(folder.path()).env("PORT", "0").envs(environment.iter().copied());
    piped(command)
}

fn piped(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn read(output: impl AsyncRead + Unpin, lines: watch::Sender<Vec<String>>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    // Bytes, not text: a line that is no UTF-8 must be seen too.
    while output.read_until(b'\n', &mut line).await.unwrap() > 0 {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        lines.send_modify(|lines| lines.push(text));
        line.clear();
    }
}

/// `cargo test` builds the examples before it runs tests; they lie beside the test's own folder.
fn binary(example: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let binary = this.parent().unwrap().with_file_name("examples").join(example);
    assert!(binary.is_file(), "`cargo test` builds it; else: cargo build --example {example}");
    binary
}
