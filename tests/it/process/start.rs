//! What a server prints at its start, and that it works as printed.

use std::time::Duration;

use regex::Regex;
use serde_json::Value;
use tokio::process::Command;

use super::{PASSWORD, SERVERS, get, start};
use crate::support::Process;

/// What a shell makes of a printed command.
async fn run(line: &str) -> (bool, String) {
    let command = line.trim();
    assert!(command.starts_with("curl "), "{command}");
    let output = Command::new("sh").args(["-c", command]).output().await.unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn the_printed_curl_lines_work_as_printed() {
    let issued = Regex::new("^key \"(.+)\", shown only now: ([A-Za-z0-9_]+)$").unwrap();
    for (example, path) in SERVERS {
        let process = Process::start(example, &[]).await;
        let lines = process.lines();
        let mut tried = 0;
        for (line, next) in lines.iter().zip(&lines[1..]) {
            let Some(found) = issued.captures(line) else { continue };
            let key = &found[2];
            assert!(next.contains(key), "{example}: the command is the key's");
            let mentions = lines.iter().filter(|line| line.contains(key)).count();
            assert_eq!(mentions, 2, "{example}: once, and in its command");
            let (success, answer) = run(next).await;
            assert!(success, "{example}");
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert!(answer.get("error").is_none(), "{example}: {answer}");
            tried += 1;
        }
        assert!(tried >= 2, "{example} shows a key of each sort");
        assert!(lines.iter().any(|line| line.contains(path)), "{example}");
    }
}

#[tokio::test]
async fn a_random_password_is_printed_with_a_command_that_works() {
    for (example, _) in SERVERS {
        let process = Process::start(example, &[]).await;
        let line = process.line("curl -u operator:").await;
        let (success, answer) = run(&line[line.find("curl").unwrap()..]).await;
        assert!(success, "{example}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["data"].as_array().unwrap().len(), 2, "{example}: the demo keys");
    }
}

#[tokio::test]
async fn c12_the_page_is_where_the_printed_line_says() {
    let form = Regex::new(r"^page of keys: (\S+) \(user operator, password (\S+)\)$").unwrap();
    for (example, _) in SERVERS {
        let process = Process::start(example, &[]).await;
        let line = process.line("page of keys: ").await;
        let found = form.captures(&line).expect("it has a password");
        let page = reqwest::Client::new().get(&found[1]);
        let page = page.basic_auth("operator", Some(&found[2])).send().await.unwrap();
        assert_eq!(page.status(), 200, "{example}");
        assert!(page.text().await.unwrap().contains("<h1>API keys</h1>"), "{example}");
    }
}

#[tokio::test]
async fn a_password_of_the_operators_own_is_taken_and_not_printed() {
    for (example, _) in SERVERS {
        let process = start(example, "info").await;
        for (password, status) in [(PASSWORD, 200), ("wrong", 401)] {
            let request = get(&process, "/dashboard/api/keys");
            let answer = request.basic_auth("operator", Some(password)).send().await.unwrap();
            assert_eq!(answer.status(), status, "{example}");
        }
        process.terminate().await;
        let (_, lines) = process.end(Duration::from_mins(1)).await;
        assert!(lines.iter().all(|line| !line.contains(PASSWORD)), "{example}");
    }
}

#[tokio::test]
async fn it_says_once_where_it_listens_and_accepts_by_then() {
    let form = Regex::new(r"^http://127\.0\.0\.1:[1-9][0-9]*$").unwrap();
    for (example, path) in SERVERS {
        // A variable that it does not read does no harm.
        let later = [("REDIS_URL", "redis://nowhere")];
        let process = Process::start(example, &later).await;
        assert!(form.is_match(&process.origin), "{}", process.origin);
        assert_eq!(get(&process, path).send().await.unwrap().status(), 401, "{example}");
        let said = process.lines().iter().filter(|line| line.contains("listening on")).count();
        assert_eq!(said, 1, "{example}");
    }
}

#[tokio::test]
async fn k3_paykore_serves_the_environment_that_it_is_told() {
    for (environment, prefix) in [("live", "sk_live_"), ("sandbox", "sk_test_")] {
        let process = Process::start("paykore", &[("PAYKORE_ENV", environment)]).await;
        let line = process.line("curl ").await;
        assert!(line.contains(prefix), "{environment}");
        assert!(run(&line).await.1.contains("\"currency\":\"USDT\""), "{environment}");
    }
}

#[tokio::test]
async fn p2_pik_trusts_the_proxies_that_it_is_told() {
    for (proxies, status) in [("10.0.0.0/8", 403), ("10.0.0.0/8, 127.0.0.0/8", 401)] {
        let process = Process::start("pik", &[("TRUSTED_PROXIES", proxies)]).await;
        let answer = get(&process, "/v1/wallet").send().await.unwrap();
        assert_eq!(answer.status(), status, "{proxies}");
    }
}
