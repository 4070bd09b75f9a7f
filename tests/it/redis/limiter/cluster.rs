//! Redis Cluster: what lies together is decided together, and the rest is told by the fallback.

use keygate::Limit;
use redis::cluster::ClusterClient;

use super::*;
use crate::support::becomes;
use crate::support::redis::{Server, ask};

const BURST: Quota = Quota::per_hour(3);

/// Two servers with half of the slots each.
struct Cluster {
    urls: [String; 2],
    _servers: [Server; 2],
}

async fn cluster() -> Option<Cluster> {
    let settings = ["cluster-enabled yes", "cluster-node-timeout 60000"];
    let servers = [Server::start_with(&settings).await?, Server::start_with(&settings).await?];
    let [first, second] = servers.each_ref().map(Server::url);
    // One password for all nodes, as a client of a cluster wants it.
    let (user, place) = (first.rsplit_once('@').unwrap().0, second.rsplit_once('@').unwrap().1);
    let password = user.rsplit_once(':').unwrap().1;
    let () = ask(&second, &["CONFIG", "SET", "requirepass", password]).await;
    let urls = [first.clone(), format!("{user}@{place}")];
    for (url, [from, to]) in urls.iter().zip([["0", "8191"], ["8192", "16383"]]) {
        let () = ask(url, &["CLUSTER", "ADDSLOTSRANGE", from, to]).await;
    }
    let port = urls[1].trim_end_matches('/').rsplit_once(':').unwrap().1;
    let () = ask(&urls[0], &["CLUSTER", "MEET", "127.0.0.1", port]).await;
    for url in &urls {
        let state = async || {
            let info: String = ask(url, &["CLUSTER", "INFO"]).await;
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2")
        };
        becomes(&true, state).await;
    }
    Some(Cluster { urls, _servers: servers })
}

async fn over(cluster: &Cluster) -> RedisLimiter {
    let client = ClusterClient::new(cluster.urls.to_vec()).unwrap();
    let connection = client.get_async_connection().await.unwrap();
    RedisLimiter::over(connection).deadline(PATIENCE).fallback(Fallback::Closed)
}

#[tokio::test]
async fn limits_of_a_caller_lie_together_wherever_that_is() {
    let Some(cluster) = cluster().await else { return };
    let layer = RateLimitLayer::per_account(BURST)
        .and(Limit::per_account(BURST))
        .and(Limit::per_account(BURST).named("route").on(|_| true))
        .limiter(over(&cluster).await);
    for number in 0..20 {
        let account = format!("acct_{number}");
        for status in [200, 200, 200, 429] {
            assert_eq!(call(&layer, &account).await.status, status, "{account}");
        }
    }
    for url in &cluster.urls {
        let keys: u64 = ask(url, &["DBSIZE"]).await;
        assert!(keys > 6 && keys.is_multiple_of(3), "{keys} keys, all of an account's here");
        let slot = async |name: &str| ask::<u64>(url, &["CLUSTER", "KEYSLOT", name]).await;
        let of_key = slot("keygate:k:default:{a:acct_1}:key_1").await;
        assert_eq!(of_key, slot("keygate:a:account:{a:acct_1}").await);
    }
}

#[tokio::test]
async fn a_limit_of_the_whole_service_stands_in_a_layer_of_its_own() {
    let Some(cluster) = cluster().await else { return };
    let limiter = over(&cluster).await;
    let global = Limit::global(Quota::per_hour(4));
    let together = RateLimitLayer::per_account(BURST).and(global).limiter(limiter);
    let mut answers = Vec::new();
    for number in 0..20 {
        answers.push(call(&together, &format!("acct_{number}")).await.status);
    }
    assert!(answers.contains(&503), "they do not lie together: {answers:?}");

    let alone = RateLimitLayer::global(Quota::per_hour(4)).limiter(over(&cluster).await);
    let mut admitted = 0;
    for number in 0..20 {
        admitted += u32::from(call(&alone, &format!("acct_{number}")).await.status == 200);
    }
    assert_eq!(admitted, 4);
}

#[tokio::test]
async fn x3_moved_by_a_connection_that_knows_nothing_of_clusters() {
    let Some(cluster) = cluster().await else { return };
    let limiter = RedisLimiter::connect(&cluster.urls[0]).await.unwrap();
    let layer = RateLimitLayer::per_key(MINUTE).limiter(limiter.fallback(Fallback::local(2)));
    let mut by = Vec::new();
    for number in 0..50 {
        by.push(call(&layer, &format!("acct_{number}")).await.by());
    }
    assert!(by.contains(&By::Half), "those that lie elsewhere: {by:?}");
    assert!(by.iter().all(|by| matches!(by, By::Half | By::Redis)), "{by:?}");
}
