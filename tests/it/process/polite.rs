//! A client that somebody else has written, and that does as `Retry-After` says.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;
use tokio::time::timeout;

use super::{PASSWORD, answer, post, start};
use crate::support::size;
use crate::support::throwaway::{PATIENCE, skip, variable};

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/process/polite.py");

/// What the key may: one a second, after so many at once.
const PER_MINUTE: u32 = 60;
const BURST: u32 = 20;

/// What the client saw.
#[derive(Debug, Deserialize)]
struct Report {
    requests: Vec<Seen>,
    seconds: f64,
}

#[derive(Debug, Deserialize)]
struct Seen {
    /// The statuses of the tries that it was told to make again.
    before: Vec<u16>,
    status: u16,
}

/// Lets the client send so many requests, each once it may.
async fn drain(python: &str, url: &str, key: &str, requests: u32) -> Report {
    let mut client = Command::new(python);
    // Not among the arguments, which everybody on the machine can read.
    client.arg(CLIENT).env("URL", url).env("KEY", key).env("REQUESTS", requests.to_string());
    client.stdin(Stdio::null()).stderr(Stdio::inherit());
    let most = PATIENCE + Duration::from_secs(requests.into());
    let output = timeout(most, client.kill_on_drop(true).output()).await.expect("it ends").unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "a figure to write down")]
async fn l2_a_polite_client_drains_its_queue_without_one_unnecessary_refusal() {
    let Some(python) = variable("KEYGATE_PYTHON") else {
        skip::<()>("no KEYGATE_PYTHON");
        return;
    };
    let requests = u32::try_from(size(200, 40)).unwrap();
    let process = start("crypto_checkout", "info").await;
    let quota = json!({ "per_minute": PER_MINUTE, "burst": BURST });
    let body = json!({ "name": "n", "mode": "test", "scopes": ["links:read"], "quota": quota });
    let issue = post(&process, "/dashboard/api/keys", &body);
    let issued = answer(issue.basic_auth("operator", Some(PASSWORD))).await;
    let issued: serde_json::Value = issued.json().await.unwrap();
    let url = format!("{}/api/v1/payment_links", process.origin);

    let report = drain(&python, &url, issued["key"].as_str().unwrap(), requests).await;
    assert_eq!(report.requests.len(), requests as usize);
    assert!(report.requests.iter().all(|seen| seen.status == 200), "{report:?}");
    // Whoever has slept as it was told is let in.
    let twice = report.requests.iter().filter(|seen| seen.before.len() > 1).count();
    assert_eq!(twice, 0, "{report:?}");
    // Each wait lets at least one in, so there are no more refusals than requests beyond the burst.
    let refusals = report.requests.iter().flat_map(|seen| &seen.before).count();
    assert!(refusals <= (requests - BURST) as usize, "{report:?}");
    assert!(refusals > 0, "nothing was limited: {report:?}");
    // And the quota held.
    let least = f64::from(requests - BURST) * 60.0 / f64::from(PER_MINUTE);
    assert!(report.seconds >= least, "{} s for {requests}", report.seconds);
    let lines = process.lines();
    let logged = |status| lines.iter().filter(|line| line.contains(status)).count();
    assert_eq!(logged("status=429"), refusals, "nobody else was there");
    println!(
        "polite client: {requests} requests through {PER_MINUTE} a minute, burst {BURST}: {refusals} \
         refusals, none of them after a wait, in {:.1} s",
        report.seconds
    );
}
