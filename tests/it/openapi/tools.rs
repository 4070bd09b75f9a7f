//! The tools of others: one that validates documents, and one that calls servers by them.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use super::services;
use crate::support::throwaway::{skip, variable};
use crate::support::{Folder, Process};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/openapi");

const PASSWORD: &str = "open sesame";

/// Some 800 calls of the largest server take 7 seconds on an idle machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// Python with both tools, if there is one.
fn python(folder: &Folder) -> Option<Command> {
    let Some(python) = variable("KEYGATE_PYTHON") else { return skip("no KEYGATE_PYTHON") };
    let mut command = Command::new(python);
    command.current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    Some(command)
}

async fn run(mut command: Command) -> Output {
    timeout(PATIENCE, command.output()).await.expect("it ends in time").unwrap()
}

#[track_caller]
fn succeeded(output: &Output, name: &str) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{said}\n{complained}", output.status);
    said
}

#[tokio::test]
async fn an_independent_validator_accepts_the_documents() {
    let folder = Folder::new();
    for service in services() {
        let Some(mut command) = python(&folder) else { return };
        let file = folder.file("openapi.json");
        std::fs::write(&file, service.document().await.0.to_string()).unwrap();
        command.args(["-m", "openapi_spec_validator", "--schema", "3.1"]).arg(file);
        succeeded(&run(command).await, service.name);
    }
}

#[tokio::test]
async fn schemathesis_finds_no_server_error_and_no_undocumented_answer_in_crypto_checkout() {
    examine("crypto_checkout", "test", 21).await;
}

#[tokio::test]
async fn schemathesis_finds_no_server_error_and_no_undocumented_answer_in_pik() {
    examine("pik", "sandbox", 5).await;
}

#[tokio::test]
async fn schemathesis_finds_no_server_error_and_no_undocumented_answer_in_paykore() {
    examine("paykore", "test", 4).await;
}

/// Lets schemathesis call a server with a key that may do everything, as often as it likes.
async fn examine(example: &str, mode: &str, operations: usize) {
    let folder = Folder::new();
    let Some(mut command) = python(&folder) else { return };
    let environment = [("DASHBOARD_PASSWORD", PASSWORD), ("RUST_LOG", "info")];
    let process = Process::start(example, &environment).await;
    let key = issue(&process, mode).await;

    let config = Path::new(HERE).join("schemathesis.toml");
    command.args(["-m", "schemathesis.cli", "--config-file"]).arg(config);
    command.arg("run").arg(format!("{}/openapi.json", process.origin));
    // The key is not among the arguments, which everybody on the machine can read.
    command.env("KEY", key).env("PYTHONPATH", HERE).env("PYTHONDONTWRITEBYTECODE", "1");
    let said = succeeded(&run(command).await, example);
    // It exits well too if it has called nothing. What it has read the document from it leaves out.
    let tested = format!("Tested: {operations}");
    assert!(said.lines().any(|line| line.trim() == tested), "{said}");
    assert!(said.contains("No issues found"), "{said}");
    let lines = process.lines();
    let with = |status: &str| lines.iter().filter(|line| line.contains(status)).count();
    assert!(with("status=503") * 20 < with("status="), "{said}");
}

/// A key with every scope, and a quota that is never used up.
async fn issue(process: &Process, mode: &str) -> String {
    let client = reqwest::Client::new();
    let url = |path: &str| format!("{}/dashboard/api/{path}", process.origin);
    let scopes = client.get(url("scopes")).basic_auth("operator", Some(PASSWORD));
    let scopes: Value = scopes.send().await.unwrap().json().await.unwrap();
    let scopes: Vec<_> = scopes["data"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
    let quota = json!({ "per_minute": 1_000_000 });
    let body = json!({ "name": "examiner", "mode": mode, "scopes": scopes, "quota": quota });
    let issue = client.post(url("keys")).basic_auth("operator", Some(PASSWORD)).json(&body);
    let issued: Value = issue.send().await.unwrap().json().await.unwrap();
    issued["key"].as_str().unwrap_or_else(|| panic!("{issued}")).to_owned()
}
