//! `GET keys`, `GET keys/{id}`, `GET scopes`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{issue, names, path, server};
use crate::support::Server;

/// The names on a page, and the cursor of the next.
async fn page(server: &Server, query: &str) -> (Vec<String>, Option<String>) {
    let listed = server.look(&format!("keys{query}")).await.expect(200).json();
    assert_eq!(listed.as_object().unwrap().len(), 2);
    let keys = listed["data"].as_array().unwrap().iter();
    let names = keys.map(|key| key["name"].as_str().unwrap().to_owned()).collect();
    (names, listed["next_cursor"].as_str().map(str::to_owned))
}

async fn listed(server: &Server, query: &str) -> Vec<String> {
    page(server, query).await.0
}

#[tokio::test]
async fn an_empty_store_lists_nothing() {
    let listed = server().look("keys").await.expect(200).json();
    assert_eq!(listed, json!({ "data": [], "next_cursor": null }));
}

#[tokio::test]
async fn filters_join_and_everything_is_listed_without_them() {
    let server = server();
    let make = async |name: &str, mode: &str, account: Option<&str>| {
        let body = json!({ "name": name, "mode": mode, "scopes": [], "account": account });
        server.clock.advance(Duration::from_secs(1));
        server.manage("keys", body).await.expect(201).json()
    };
    make("a", "test", None).await;
    make("b", "live", None).await;
    make("c", "live", Some("shop")).await;
    let revoked = make("d", "live", Some("shop")).await;
    server.manage(&path(&revoked, "/revoke"), json!({})).await.expect(200);
    server.clock.advance(Duration::from_secs(1));
    let short = json!({
        "name": "e", "mode": "test", "scopes": [], "expires_at": "2024-06-01T00:10:00Z",
    });
    server.manage("keys", short).await.expect(201);
    server.clock.advance(Duration::from_mins(10));

    assert_eq!(listed(&server, "").await, ["e", "d", "c", "b", "a"], "newest first");
    assert_eq!(listed(&server, "?status=active").await, ["c", "b", "a"]);
    assert_eq!(listed(&server, "?status=revoked").await, ["d"]);
    assert_eq!(listed(&server, "?status=expired").await, ["e"]);
    assert_eq!(listed(&server, "?mode=live").await, ["d", "c", "b"]);
    assert_eq!(listed(&server, "?account=shop").await, ["d", "c"]);
    assert_eq!(listed(&server, "?account=nobody").await, [""; 0]);
    assert_eq!(listed(&server, "?mode=live&account=shop&status=active").await, ["c"]);
    assert_eq!(listed(&server, "?status=&mode=&account=&limit=&cursor=").await.len(), 5);
}

#[tokio::test]
async fn pages_follow_each_other_newest_first() {
    let server = server();
    for number in 0..57 {
        let mode = if number % 3 == 0 { "live" } else { "test" };
        issue(&server, &format!("{number:02}"), mode, &[]).await;
        server.clock.advance(Duration::from_micros(1));
    }
    let newest_first: Vec<_> = (0..57).rev().map(|number| format!("{number:02}")).collect();
    let (first, next) = page(&server, "").await;
    assert_eq!(first, newest_first[..50], "50 unless set");
    let (second, end) = page(&server, &format!("?cursor={}", next.unwrap())).await;
    assert_eq!(second, newest_first[50..]);
    assert_eq!(end, None);

    let (mut all, mut cursor) = page(&server, "?mode=live&limit=4").await;
    while let Some(at) = cursor {
        // What is issued meanwhile is not on a later page.
        issue(&server, "late", "live", &[]).await;
        let (more, next) = page(&server, &format!("?mode=live&limit=4&cursor={at}")).await;
        assert!(more.len() <= 4);
        all.extend(more);
        cursor = next;
    }
    let is_live = |name: &&String| name.parse::<u32>().unwrap() % 3 == 0;
    let live: Vec<_> = newest_first.iter().filter(is_live).cloned().collect();
    assert_eq!(all, live);
}

#[tokio::test]
async fn keys_of_one_moment_are_all_on_some_page_once() {
    let server = server();
    for number in 0..23 {
        issue(&server, &format!("{number:02}"), "test", &[]).await;
    }
    let (mut all, mut cursor) = page(&server, "?limit=5").await;
    while let Some(at) = cursor {
        let (more, next) = page(&server, &format!("?limit=5&cursor={at}")).await;
        all.extend(more);
        cursor = next;
    }
    all.sort();
    assert_eq!(all, (0..23).map(|number| format!("{number:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_last_page_has_no_next() {
    let server = server();
    for number in 0..4 {
        issue(&server, &number.to_string(), "test", &[]).await;
    }
    assert_eq!(page(&server, "?limit=4").await.1, None);
    assert_eq!(page(&server, "?limit=200").await.0.len(), 4);
    let (one, next) = page(&server, "?limit=1").await;
    assert_eq!((one.len(), next.is_some()), (1, true));
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_422_and_named() {
    let server = server();
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("status=deleted", "status"),
        ("status=Active", "status"),
        ("mode=sandbox", "mode"),
        ("account=two%20words", "account"),
        ("cursor=nonsense", "cursor"),
        ("page=2", "page"),
        ("limit=1&limit=2", "limit"),
    ] {
        names(&server.look(&format!("keys?{query}")).await, field);
    }
    for (query, message) in [
        ("page=2", "page: is not a known field"),
        ("limit=1&limit=2", "limit: must be given once"),
        (&format!("search={}", "a".repeat(101)), "search: must have at most 100 characters"),
    ] {
        let error = server.look(&format!("keys?{query}")).await.expect(422).json();
        assert_eq!(error["error"]["message"], message);
    }
    let longest = format!("?search={}", "%C3%A9".repeat(100));
    assert_eq!(listed(&server, &longest).await, [""; 0]);
}

#[tokio::test]
async fn unknown_ids_paths_and_methods_are_in_the_envelope() {
    let server = server();
    for path in ["keys/key_0000000000000000000000", "keys/x", "keys/%20", "nothing", "keys/a/b/c"] {
        let error = server.look(path).await.expect(404).json();
        assert_eq!(error["error"]["code"], "not_found", "{path}");
    }
    for path in ["keys/key_none/revoke", "keys/key_none/rotate"] {
        let body = json!({ "overlap_seconds": 1 });
        let body = if path.ends_with("revoke") { json!({}) } else { body };
        server.manage(path, body).await.expect(404);
        assert_eq!(
            server.look(path).await.expect(405).json()["error"]["code"],
            "method_not_allowed"
        );
    }
    server.change("keys/key_none", json!({ "name": "n" })).await.expect(404);
    server.manage("scopes", json!({})).await.expect(405);
}

#[tokio::test]
async fn the_scopes_are_listed_with_their_descriptions() {
    let listed = server().look("scopes").await.expect(200).json();
    let first = json!({ "name": "links:read", "description": "List and retrieve payment links." });
    assert_eq!(listed["data"][0], first);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(9));
    assert_eq!(listed.get("next_cursor"), None::<&Value>);
}

#[tokio::test]
async fn names_are_searched() {
    let server = server();
    for name in ["WooCommerce plugin", "Till 4", "50% till"] {
        server.clock.advance(Duration::from_secs(1));
        issue(&server, name, "test", &[]).await;
    }
    assert_eq!(listed(&server, "?search=TILL").await, ["50% till", "Till 4"]);
    assert_eq!(listed(&server, "?search=%25").await, ["50% till"]);
    assert_eq!(listed(&server, "?search=plugin&mode=live").await, [""; 0]);
    assert_eq!(listed(&server, "?search=").await.len(), 3);
    let (first, next) = page(&server, "?search=till&limit=1").await;
    let rest = format!("?search=till&limit=1&cursor={}", next.unwrap());
    assert_eq!(
        (first, page(&server, &rest).await),
        (vec!["50% till".to_owned()], (vec!["Till 4".to_owned()], None))
    );
}
