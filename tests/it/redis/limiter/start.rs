//! Services that start while Redis is not there, or not theirs.

use keygate::rate_limit::InvalidRedis;

use super::*;
use crate::support::redis::{Server, ask};
use crate::support::{Lines, becomes};

#[tokio::test]
async fn a_service_starts_without_redis_and_counts_there_once_it_comes() {
    let Some(mut server) = Server::start().await else { return };
    let url = server.url();
    server.kill();
    let (lines, _kept) = Lines::kept();
    let layer = node(&url, Fallback::local(2)).await;
    for _ in 0..3 {
        assert_eq!(call(&layer, "acme").await.by(), By::Half);
    }
    assert_eq!(lines.with("the limiter's Redis was lost"), 1, "{}", lines.text());
    server.restart().await;
    becomes(&By::Redis, async || call(&layer, "acme").await.by()).await;
    assert_eq!(lines.with("decides again"), 1, "{}", lines.text());
}

#[tokio::test]
async fn a_service_starts_while_redis_hangs() {
    let Some(server) = Server::start().await else { return };
    server.pause();
    let began = Instant::now();
    let layer = node(&server.url(), Fallback::Closed).await;
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert_eq!(call(&layer, "acme").await.by(), By::Unavailable);
    server.resume();
    becomes(&By::Redis, async || call(&layer, "acme").await.by()).await;
}

#[tokio::test]
async fn a_redis_that_denies_access_is_an_error_that_tells_no_password() {
    let Some(server) = Server::start().await else { return };
    let url = server.url();
    let (_, place) = url.rsplit_once('@').unwrap();
    let () = ask(&url, &["ACL", "SETUSER", "reader", "on", ">canary", "~*", "+get"]).await;
    let (lines, _kept) = Lines::kept();
    for user in ["", ":canary@", "nobody:canary@", "reader:canary@"] {
        let denied = RedisLimiter::connect(&format!("redis://{user}{place}")).await.unwrap_err();
        assert_eq!(denied, InvalidRedis::Denied, "{user}");
        assert!(!format!("{denied:?} {denied}").contains("canary"));
    }
    assert!(!lines.text().contains("canary"), "{}", lines.text());
    let limiter = RedisLimiter::connect(&url).await.unwrap();
    let password = url.split([':', '@']).nth(2).unwrap();
    assert!(password.len() > 20 && !format!("{limiter:?}").contains(password), "{limiter:?}");
}

#[tokio::test]
async fn a_user_with_the_rights_of_the_docs_is_enough() {
    let Some(server) = Server::start().await else { return };
    let url = server.url();
    let commands = ["+get", "+set", "+del", "+time", "+eval", "+evalsha"];
    let user = ["ACL", "SETUSER", "limiter", "on", ">pass", "~keygate:*"];
    let () = ask(&url, &[&user[..], &commands].concat()).await;
    let (_, place) = url.rsplit_once('@').unwrap();
    let limiter = patient(&format!("redis://limiter:pass@{place}")).await;
    let layer = RateLimitLayer::per_key(MINUTE).limiter(limiter);
    assert_eq!(call(&layer, "acme").await.by(), By::Redis);
}
