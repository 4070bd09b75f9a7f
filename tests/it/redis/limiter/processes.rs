//! The example servers with `REDIS_URL`.

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::redis::{Server, database};
use crate::support::{Folder, Place, Process};

const PASSWORD: &str = "open sesame";

/// The three servers, and for each a request that a key opens.
const SERVERS: [(&str, &str, &str); 3] = [
    ("crypto_checkout", "/api/v1/payment_links", "test"),
    ("pik", "/v1/payment-links", "sandbox"),
    ("paykore", "/v1/wallets", "test"),
];

async fn start(place: &Place, example: &str, redis: &str) -> Process {
    let environment =
        [("DATABASE_URL", place.url()), ("DASHBOARD_PASSWORD", PASSWORD), ("REDIS_URL", redis)];
    Process::start_in(place.folder(), example, &environment).await
}

async fn issue(process: &Process, mode: &str, quota: Value) -> String {
    let scopes = scopes(process).await;
    let url = format!("{}/dashboard/api/keys", process.origin);
    let body = json!({ "name": "fleet", "mode": mode, "scopes": scopes, "quota": quota });
    let request =
        reqwest::Client::new().post(url).basic_auth("operator", Some(PASSWORD)).json(&body);
    let issued: Value = request.send().await.unwrap().json().await.unwrap();
    issued["key"].as_str().expect("it is issued").to_owned()
}

/// All that a key can be issued with.
async fn scopes(process: &Process) -> Value {
    let url = format!("{}/dashboard/api/scopes", process.origin);
    let request = reqwest::Client::new().get(url).basic_auth("operator", Some(PASSWORD));
    let scopes: Value = request.send().await.unwrap().json().await.unwrap();
    scopes["data"].as_array().unwrap().iter().map(|scope| scope["name"].clone()).collect()
}

fn get(client: &reqwest::Client, url: &str, key: &str) -> reqwest::RequestBuilder {
    client.get(url).bearer_auth(key).header("x-forwarded-proto", "https")
}

#[tokio::test]
async fn x2_three_processes_on_one_redis_admit_together_what_the_quota_says() {
    let Some(redis) = database().await else { return };
    let quota = json!({ "per_minute": 60, "burst": 40 });
    for (example, path, mode) in SERVERS {
        let place = Place::sqlite();
        let first = start(&place, example, redis.url()).await;
        let key = issue(&first, mode, quota.clone()).await;
        let rest =
            [start(&place, example, redis.url()).await, start(&place, example, redis.url()).await];
        let origins: Vec<_> = rest.iter().chain([&first]).map(|node| node.origin.clone()).collect();
        let began = Instant::now();
        let mut clients = JoinSet::new();
        for origin in origins {
            let url = format!("{origin}{path}");
            let key = key.clone();
            clients.spawn(async move {
                let (client, mut statuses) = (reqwest::Client::new(), Vec::new());
                for _ in 0..60 {
                    let answer = get(&client, &url, &key).send().await.unwrap();
                    statuses.push(answer.status().as_u16());
                }
                statuses
            });
        }
        let statuses = clients.join_all().await.concat();
        // One a second, and a start that is not counted exactly.
        let most = 40 + began.elapsed().as_secs() + 1;
        let admitted = statuses.iter().filter(|status| **status == 200).count() as u64;
        let refused = statuses.iter().filter(|status| **status == 429).count() as u64;
        assert_eq!(admitted + refused, 180, "{example}: {statuses:?}");
        assert!((40..=most).contains(&admitted), "{example}: {admitted} of {most}");
        println!("X2: {example}: {admitted} of 180 requests to 3 processes, at most {most}");
    }
}

#[tokio::test]
async fn x1_a_process_serves_through_an_outage_and_starts_in_one() {
    let Some(mut redis) = Server::start().await else { return };
    let place = Place::sqlite();
    let (example, path, mode) = SERVERS[0];
    let mut node = start(&place, example, &redis.url()).await;
    let key = issue(&node, mode, json!({ "per_minute": 6000 })).await;
    let client = reqwest::Client::new();
    for outage in [false, true, true] {
        if outage {
            redis.kill();
            node = start(&place, example, &redis.url()).await;
        }
        for _ in 0..20 {
            let answer =
                get(&client, &format!("{}{path}", node.origin), &key).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["x-ratelimit-limit"], "6000");
        }
        if outage {
            redis.restart().await;
        }
    }
    assert!(node.lines().iter().all(|line| !line.contains("panicked")), "{:#?}", node.lines());
}

#[tokio::test]
async fn a_url_that_cannot_be_right_ends_the_start_and_is_not_repeated() {
    for (example, ..) in SERVERS {
        for url in ["http://:canary@localhost", "redis://:canary@localhost/x", "canary"] {
            let folder = Folder::new();
            let output = Process::run(&folder, example, &[("REDIS_URL", url)], &[]).await;
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && said.contains("REDIS_URL"), "{said}");
            assert!(!said.contains("canary"), "{said}");
        }
    }
}
