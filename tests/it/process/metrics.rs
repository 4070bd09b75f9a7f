//! What Prometheus reads of a server.

use regex::Regex;
use tokio::time::{Instant, sleep};

use super::{Duration, PASSWORD, PATIENCE, SERVERS, get, issue, status, status_of};
use crate::support::Process;

const README: &str = include_str!("../../../README.md");

/// The figure of a line, 0 where there is none.
fn figure(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |figure| figure.parse().unwrap())
}

/// The names of the metrics that the README asks Prometheus for.
fn asked_for_in_the_readme() -> Vec<&'static str> {
    let (_, queries) = README.split_once("```promql\n").expect("there are queries");
    let (queries, _) = queries.split_once("```").unwrap();
    let names: Vec<_> = Regex::new("keygate_[a-z_]+")
        .unwrap()
        .find_iter(queries)
        .map(|name| name.as_str())
        .collect();
    assert!(names.len() > 3, "{queries}");
    names
}

#[tokio::test]
async fn each_server_shows_its_metrics_on_a_port_of_their_own() {
    for (example, path) in SERVERS {
        let environment = [("DASHBOARD_PASSWORD", PASSWORD), ("METRICS_PORT", "0")];
        let process = Process::start(example, &environment).await;
        let url = process.line("metrics: curl ").await;
        let url = url.trim_start_matches("metrics: curl ");
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        let key = issue(&process, example).await;
        for _ in 0..3 {
            assert_eq!(status(&process, path, &key).await, 200, "{example}");
        }
        assert_eq!(status_of(&process, path, "no_key").await, 401);

        let (names, began) = (asked_for_in_the_readme(), Instant::now());
        let text = loop {
            let text = reqwest::get(url).await.unwrap().text().await.unwrap();
            let accepted = "keygate_decisions_total{by=\"auth\",outcome=\"accepted\"}";
            // Each is told within a second, by a clock of its own.
            let is_there = |name: &&str| text.contains(*name);
            if figure(&text, accepted) >= 3.0 && names.iter().all(is_there) {
                break text;
            }
            assert!(began.elapsed() < PATIENCE, "{text}");
            sleep(Duration::from_millis(50)).await;
        };
        assert!(figure(&text, "keygate_feed_up") > 0.0, "{text}");
        assert!(!text.contains(key["id"].as_str().unwrap()), "no series for each key");
        // Whoever may call the service sees nothing of it.
        assert_eq!(get(&process, "/metrics").send().await.unwrap().status(), 404);
    }
}
