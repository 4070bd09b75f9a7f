//! An example server as a process of its own.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Far more than a start or an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Process {
    child: Child,
    /// Every line of both outputs so far.
    lines: watch::Receiver<Vec<String>>,
    readers: Vec<JoinHandle<()>>,
    pub(crate) origin: String,
}

impl Process {
    /// Starts an example on a free port and waits until it accepts.
    pub(crate) async fn start(example: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(binary(example));
        for name in ["DASHBOARD_PASSWORD", "RUST_LOG", "TRUSTED_PROXIES", "PAYKORE_ENV"] {
            command.env_remove(name);
        }
        command.env("PORT", "0").envs(environment.iter().copied());
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();

        let (sender, lines) = watch::channel(Vec::new());
        let readers = vec![
            tokio::spawn(read(child.stdout.take().unwrap(), sender.clone())),
            tokio::spawn(read(child.stderr.take().unwrap(), sender)),
        ];
        let mut process = Self { child, lines, readers, origin: String::new() };
        let line = process.line("listening on http://127.0.0.1:").await;
        process.origin = line.trim_start_matches("listening on ").to_owned();
        process
    }

    /// The first line that contains this, once it is there.
    pub(crate) async fn line(&self, part: &str) -> String {
        let find = |lines: &Vec<String>| lines.iter().find(|line| line.contains(part)).cloned();
        let mut lines = self.lines.clone();
        let there = timeout(PATIENCE, lines.wait_for(|lines| find(lines).is_some()));
        let there = there.await.expect("in time").expect("before the process ends");
        find(&there).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// Asks it to end.
    pub(crate) async fn terminate(&self) {
        let id = self.child.id().expect("it runs").to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(killed.success());
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
