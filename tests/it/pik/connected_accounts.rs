//! P5, P6, P9, L6: acting on behalf of connected accounts.

use keygate::{AccountId, Mode, NewKey};
use serde_json::{Value, json};

use super::{all_scopes, any_key, error, links, new_link, secure, server, wallet};
use crate::support::{Call, Server, get};

fn on_behalf_of(call: Call, account: &str) -> Call {
    call.header("x-on-behalf-of", account)
}

async fn balance(server: &Server, call: Call) -> Value {
    server.send(call).await.expect(200).json()
}

#[tokio::test]
async fn p5_the_header_scopes_the_request_to_the_connected_account() {
    let server = server();
    let issued = any_key(&server, Mode::Live).await;
    let key = issued.key().expose();
    let platform = balance(&server, wallet(key)).await;
    assert_eq!(platform["account"], "acct_platform");
    for account in ["acct_bakery", "acct_florist"] {
        let theirs = balance(&server, on_behalf_of(wallet(key), account)).await;
        assert_eq!(theirs["account"], account);
        assert_ne!(theirs["balance"], platform["balance"]);
    }
    assert_eq!(balance(&server, wallet(key)).await, platform, "the next is the platform's again");
}

#[tokio::test]
async fn p5_objects_are_the_accounts_own() {
    let server = server();
    let issued = any_key(&server, Mode::Live).await;
    let key = issued.key().expose();
    let made = server.send(on_behalf_of(new_link(key), "acct_bakery")).await.expect(201).json();
    assert_eq!(made["account"], "acct_bakery");
    let path = format!("/v1/payment-links/{}", made["id"].as_str().unwrap());
    let found = || secure(get(&path)).bearer(key);
    server.send(on_behalf_of(found(), "acct_bakery")).await.expect(200);
    server.send(found()).await.expect(404);
    assert_eq!(server.send(links(key)).await.json(), json!({ "data": [] }));
    let listed = server.send(on_behalf_of(links(key), "acct_bakery")).await.json();
    assert_eq!(listed, json!({ "data": [made] }));
}

#[tokio::test]
async fn p5_the_accounts_permissions_and_the_keys_both_count() {
    let server = server();
    let narrow = server.issue(NewKey::named("links").scope(super::app::LinksRead)).await;
    let narrow = narrow.key().expose();
    server.send(on_behalf_of(links(narrow), "acct_bakery")).await.expect(200);
    let answer = server.send(on_behalf_of(wallet(narrow), "acct_bakery")).await.expect(403);
    assert_eq!(error(&answer).0, "forbidden", "the account's permission is not lent to the key");
    server.send(on_behalf_of(links(narrow), "acct_florist")).await.expect(403);
}

#[tokio::test]
async fn p6_unconnected_unverified_and_incapable_accounts_are_403() {
    let server = server();
    let issued = any_key(&server, Mode::Live).await;
    let key = issued.key().expose();
    for account in ["acct_stranger", "acct_nobody", "acct_newcomer", "acct_other_platform"] {
        for call in [wallet(key), links(key), new_link(key)] {
            let answer = server.send(on_behalf_of(call, account)).await.expect(403);
            assert_eq!(error(&answer).0, "forbidden", "{account}");
        }
    }
    for call in [links(key), new_link(key)] {
        let answer = server.send(on_behalf_of(call, "acct_florist")).await.expect(403);
        assert_eq!(error(&answer).0, "forbidden", "a capability that is not activated");
    }
    server.send(on_behalf_of(wallet(key), "acct_florist")).await.expect(200);
    assert_eq!(
        server.send(on_behalf_of(links(key), "acct_bakery")).await.json()["data"],
        json!([])
    );
}

#[tokio::test]
async fn p6_an_account_of_another_platform_looks_like_none() {
    let server = server();
    let issued = any_key(&server, Mode::Live).await;
    let key = issued.key().expose();
    let stranger = server.send(on_behalf_of(wallet(key), "acct_stranger")).await.expect(403);
    let nobody = server.send(on_behalf_of(wallet(key), "acct_nobody")).await.expect(403);
    assert_eq!(error(&stranger), error(&nobody));
}

#[tokio::test]
async fn p6_another_platforms_key_acts_for_nobody_of_ours() {
    let server = server();
    let theirs = AccountId::from_static("acct_other_platform");
    let key = server.issue(NewKey::named("theirs").account(theirs).scopes(all_scopes())).await;
    let key = key.key().expose();
    server.send(on_behalf_of(wallet(key), "acct_bakery")).await.expect(403);
    let own = balance(&server, on_behalf_of(wallet(key), "acct_stranger")).await;
    assert_eq!(own["account"], "acct_stranger");
}

#[tokio::test]
async fn p6_a_dead_key_is_401_whatever_the_account() {
    let server = server();
    for account in ["acct_bakery", "acct_stranger", ""] {
        server.send(on_behalf_of(wallet("nonsense"), account)).await.expect(401);
    }
}

#[tokio::test]
async fn p9_an_empty_repeated_or_malformed_account_is_400_and_never_the_platform() {
    let server = server();
    let issued = any_key(&server, Mode::Live).await;
    let key = issued.key().expose();
    let long = "a".repeat(300);
    for account in
        ["", " ", "acct bakery", "acct_bakery,acct_florist", "acct_b\u{e9}", "a\"b", &long]
    {
        let answer = server.send(on_behalf_of(wallet(key), account)).await;
        assert_eq!(answer.status, 400, "{account:?}");
        assert_eq!(error(&answer).0, "invalid_header");
        assert!(account.trim().is_empty() || !answer.shown().contains(account), "it is echoed");
    }
    let twice = on_behalf_of(on_behalf_of(wallet(key), "acct_bakery"), "acct_bakery");
    server.send(twice).await.expect(400);
}

#[tokio::test]
async fn l6_accounts_that_are_asked_for_are_charged_to_the_key_first() {
    let server = server();
    let few = NewKey::named("few").scopes(all_scopes()).quota(keygate::Quota::per_minute(5));
    let issued = server.issue(few).await;
    let mut statuses = Vec::new();
    for number in 0..8 {
        let call = on_behalf_of(wallet(issued.key().expose()), &format!("acct_{number}"));
        let answer = server.send(call).await;
        assert!(answer.has("x-ratelimit-remaining"), "a refused account was charged for");
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [403, 403, 403, 403, 403, 429, 429, 429]);
}

#[tokio::test]
async fn p5_caches_are_told_that_the_header_counts() {
    let server = server();
    let issued = any_key(&server, Mode::Live).await;
    let key = issued.key().expose();
    for call in [wallet(key), on_behalf_of(wallet(key), "acct_bakery")] {
        let answer = server.send(call).await.expect(200);
        let lines = answer.headers.get_all("vary").iter().map(|line| line.to_str().unwrap());
        let vary = lines.collect::<Vec<_>>().join(", ").to_ascii_lowercase();
        assert!(vary.contains("x-on-behalf-of"), "{vary}");
    }
}
