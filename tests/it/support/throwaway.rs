//! What the throwaway servers of tests share, in the terms of `scripts/servers.sh`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Far more than anything about a server takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A folder's name that nobody else has, where servers may be.
pub(crate) fn directory(label: &str) -> PathBuf {
    let parent = variable("KEYGATE_SERVERS_DIR")
        .map_or_else(std::env::temp_dir, PathBuf::from)
        .canonicalize();
    let name = format!("keygate-{label}-{:016x}", rand::random::<u64>());
    parent.expect("the folder is there").join(name)
}

/// Others on this machine may connect to loopback too.
pub(crate) fn password() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A program, run by who may run servers: never by root.
pub(crate) fn as_server(program: &Path) -> Command {
    let words = variable("KEYGATE_SERVERS_AS").unwrap_or_default();
    let mut words = words.split_whitespace();
    let mut command = match words.next() {
        None => Command::new(program),
        Some(first) => {
            let mut command = Command::new(first);
            command.args(words).arg(program);
            command
        }
    };
    // A folder that everybody may enter.
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// Makes a file, and its folder, that only the servers' user can read.
pub(crate) fn write_as_server(file: &Path, text: &str) {
    let mut shell = as_server(Path::new("/bin/sh"));
    shell.args(["-c", r#"umask 077 && mkdir -p "$(dirname "$0")" && cat >"$0""#]).arg(file);
    let mut shell = shell.stdin(Stdio::piped()).spawn().expect("it is a program");
    write!(shell.stdin.take().expect("it is piped"), "{text}").expect("it reads");
    assert!(shell.wait().expect("it is ours").success());
}

/// Everything that the server of this folder has logged.
pub(crate) fn log(directory: &Path) -> String {
    let log = std::fs::read(directory.join("server.log")).unwrap_or_default();
    String::from_utf8_lossy(&log).into_owned()
}

pub(crate) fn signal(name: &str, processes: &[u32]) {
    if !processes.is_empty() {
        let ids = processes.iter().map(ToString::to_string);
        // One that has ended meanwhile is no failure.
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).args(ids).stderr(Stdio::null());
        kill.status().expect("kill is there");
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Notes that this test shows nothing here. Past the test's captured output, so that it is seen.
pub(crate) fn skip<T>(why: &str) -> Option<T> {
    let thread = std::thread::current();
    let line = format!("{}: {why}", thread.name().unwrap_or("a test"));
    let _ = writeln!(std::io::stderr(), "skipped: {line} (./scripts/test brings it)");
    if let Some(file) = variable("KEYGATE_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(file);
        // One write, so that lines of several tests do not mix.
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .expect("the list of skipped tests can be written");
    }
    None
}
