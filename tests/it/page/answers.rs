//! What the page's addresses answer, without a browser.

use http::Method;
use keygate::manage::{self, BasicAuth};
use keygate::test_util::Fault;
use keygate::{EnvelopeLayer, KeyFormat, Keyring, MemoryStore, Mode, NewKey};
use serde_json::json;

use crate::crypto_checkout::server;
use crate::support::{Answer, OPERATOR, Server, get, post, request};
use crate::{paykore, pik};

pub(super) const PAGE: &str = "/dashboard/api-keys";
const LIST: &str = "/dashboard/api-keys/list";
const KEYS: &str = "/dashboard/api/keys";

/// What nobody but an attacker calls a key.
const MARKUP: [&str; 3] =
    ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onfocus='alert(1)"];

pub(super) async fn read(server: &Server, path: &str) -> Answer {
    server.send(get(path).basic("operator", OPERATOR)).await
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// The names of the listed keys, in their order.
fn names(answer: &Answer) -> Vec<String> {
    let text = text(answer);
    let parts = text.split("<span class=\"name\">").skip(1);
    parts.map(|part| part.split("</span>").next().unwrap().to_owned()).collect()
}

/// The address that a link of the page leads to, by its `rel`.
fn link(answer: &Answer, rel: &str) -> Option<String> {
    let text = text(answer);
    let before = text.split(&format!("\" rel=\"{rel}\"")).next().filter(|it| it.len() < text.len());
    let href =
        before?.rsplit("href=\"").next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    Some(format!("{PAGE}{href}"))
}

async fn many(server: &Server, count: usize) {
    for number in 0..count {
        let mode = if number % 2 == 0 { Mode::Test } else { Mode::Live };
        let _ = server.issue(NewKey::named(format!("key {number}")).mode(mode)).await;
        server.clock.advance(std::time::Duration::from_secs(1));
    }
}

#[tokio::test]
async fn c12_every_answer_says_what_a_browser_may_do_with_it() {
    let server = server();
    let nobody = || get("/dashboard/nothing");
    for (call, status) in [
        (get(PAGE).basic("operator", OPERATOR), 200),
        (get(LIST).basic("operator", OPERATOR), 200),
        (get("/dashboard/api-keys/page.js").basic("operator", OPERATOR), 200),
        (get("/dashboard/api-keys/page.css").basic("operator", OPERATOR), 200),
        (get(KEYS).basic("operator", OPERATOR), 200),
        (get(PAGE), 401),
        (nobody(), 401),
        (nobody().basic("operator", OPERATOR), 404),
        (post(PAGE).basic("operator", OPERATOR).json(json!({})), 405),
    ] {
        let answer = server.send(call).await.expect(status);
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{status}");
        }
    }
}

#[tokio::test]
async fn c12_nothing_runs_or_is_styled_inline() {
    let server = server();
    many(&server, 3).await;
    let page = text(&read(&server, PAGE).await.expect(200));
    assert!(!page.contains(" style="), "no style inline");
    assert!(!page.contains("<style"), "no style inline");
    let handler = regex::Regex::new(r"(?i)<[^>]*\son[a-z]+\s*=").unwrap();
    assert!(!handler.is_match(&page), "no handler inline");
    assert!(!page.contains("javascript:"));
    // What is loaded comes from beside the page.
    let sources = regex::Regex::new(r#"(?:src|href)="([^"?#]+)"#).unwrap();
    let sources: Vec<_> = sources.captures_iter(&page).map(|found| found[1].to_owned()).collect();
    let expected = ["api-keys/icon.svg", "api-keys/page.css", "api-keys/page.js"];
    assert_eq!(sources, expected);
}

#[tokio::test]
async fn c12_files_are_kept_under_the_address_that_the_page_names() {
    let server = server();
    let page = text(&read(&server, PAGE).await.expect(200));
    for (name, kind) in [
        ("page.js", "text/javascript; charset=utf-8"),
        ("page.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let named = page.split('"').find(|part| part.starts_with(&format!("api-keys/{name}?")));
        let answer = read(&server, &format!("/dashboard/{}", named.unwrap())).await.expect(200);
        assert_eq!(answer.header("content-type"), kind);
        assert_eq!(answer.header("cache-control"), "private, max-age=31536000, immutable");
        let other = read(&server, &format!("/dashboard/api-keys/{name}?other")).await.expect(200);
        assert_eq!(other.header("cache-control"), "no-store");
        assert_eq!(answer.body, other.body);
    }
}

#[tokio::test]
async fn m2_nobody_reads_the_page_without_the_operators_password() {
    let server = server();
    for path in [PAGE, LIST, "/dashboard/api-keys/page.js", "/dashboard/x", "/dashboard/api/x"] {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS] {
            let answer = server.send(request(method, path)).await.expect(401);
            assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{path}");
        }
        server.send(get(path).basic("operator", "wrong")).await.expect(401);
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_of_the_page_are_in_the_envelope() {
    let server = server();
    for path in ["/dashboard/api-keys/", "/dashboard/api-keys/x", "/dashboard/x", "/dashboard"] {
        let answer = read(&server, path).await.expect(404);
        assert_eq!(answer.json()["error"]["code"], "not_found", "{path}");
    }
    for method in [Method::PUT, Method::DELETE] {
        let call = request(method, PAGE).basic("operator", OPERATOR);
        let answer = server.send(call).await.expect(405);
        assert_eq!(answer.json()["error"]["code"], "method_not_allowed");
    }
}

#[tokio::test]
async fn c12_names_reasons_and_filters_are_text_and_nothing_else() {
    let server = server();
    for markup in MARKUP {
        let issued = server.issue(NewKey::named(markup)).await;
        server.keys.revoke_because(issued.id(), markup).await.unwrap();
    }
    let encoded = |text: &str| crate::support::encoded(text, "%");
    let mut paths = vec![PAGE.to_owned(), LIST.to_owned()];
    for markup in MARKUP {
        for name in ["search", "mode", "status", "account", "cursor", "x"] {
            paths.push(format!("{PAGE}?{name}={}", encoded(markup)));
        }
    }
    for path in paths {
        let text = text(&read(&server, &path).await);
        for markup in MARKUP {
            assert!(!text.contains(markup), "{path}");
        }
    }
    let page = text(&read(&server, PAGE).await.expect(200));
    assert_eq!(page.matches("&#60;script&#62;alert(1)&#60;/script&#62;").count(), 3);
}

#[tokio::test]
async fn a_filter_that_means_nothing_is_told_on_the_page() {
    let server = server();
    for (query, field) in [
        ("mode=production", "mode"),
        ("status=gone", "status"),
        ("account=a%20b", "account"),
        ("cursor=x", "cursor"),
    ] {
        let answer = read(&server, &format!("{PAGE}?{query}")).await.expect(422);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert!(text(&answer).contains(&format!("</strong> {field}: ")), "{query}");
        read(&server, &format!("{LIST}?{query}")).await.expect(422).json();
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told_on_the_page_and_is_no_empty_list() {
    let server = server();
    server.store.set(Fault::Fail);
    let answer = read(&server, PAGE).await.expect(503);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(text(&answer).contains("The keys cannot be listed."));
    assert!(!text(&answer).contains("No keys yet"));
    read(&server, LIST).await.expect(503).json();
    server.store.set(Fault::None);
    assert!(text(&read(&server, PAGE).await.expect(200)).contains("No keys yet"));
}

#[tokio::test]
async fn c6_the_list_is_filtered_by_mode_status_and_account() {
    let server = server();
    many(&server, 4).await;
    let revoked = server.issue(NewKey::named("revoked")).await;
    server.keys.revoke(revoked.id()).await.unwrap();
    let other = NewKey::named("other").account("shop_7".parse().unwrap());
    let _ = server.issue(other).await;
    for (query, expected) in [
        ("", &["other", "revoked", "key 3", "key 2", "key 1", "key 0"][..]),
        ("?mode=live", &["key 3", "key 1"]),
        ("?mode=test&status=active", &["other", "key 2", "key 0"]),
        ("?status=revoked", &["revoked"]),
        ("?status=expired", &[]),
        ("?account=shop_7", &["other"]),
        ("?search=KEY%202", &["key 2"]),
        ("?search=%20other%20", &["other"]),
        ("?search=key&mode=live", &["key 3", "key 1"]),
        ("?search=%25", &[]),
        (
            "?mode=&status=&account=&search=&cursor=",
            &["other", "revoked", "key 3", "key 2", "key 1", "key 0"],
        ),
    ] {
        let mut listed = names(&read(&server, &format!("{PAGE}{query}")).await.expect(200));
        let mut expected = expected.to_vec();
        // Those of one moment come in the order of their ids.
        listed.sort();
        expected.sort_unstable();
        assert_eq!(listed, expected, "{query}");
        let part = names(&read(&server, &format!("{LIST}{query}")).await.expect(200));
        assert_eq!(part.len(), expected.len(), "{query}");
    }
}

#[tokio::test]
async fn c6_ten_thousand_keys_are_read_page_by_page() {
    let server = server();
    many(&server, 10_000).await;
    let mut next = Some(format!("{PAGE}?mode=test"));
    let (mut pages, mut listed) = (0, Vec::new());
    while let Some(path) = next {
        let answer = read(&server, &path).await.expect(200);
        assert_eq!(link(&answer, "first").is_some(), pages > 0);
        listed.extend(names(&answer));
        pages += 1;
        next = link(&answer, "next");
    }
    let expected: Vec<_> = (0..5_000).rev().map(|number| format!("key {}", 2 * number)).collect();
    assert_eq!((pages, listed.len()), (100, 5_000));
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn k10_the_list_is_sent_again_only_when_it_has_changed() {
    let server = server();
    let issued =
        server.issue(NewKey::named("n").scopes(crate::crypto_checkout::all_scopes())).await;
    let ask = async |tag: &str| {
        let call = get(LIST).basic("operator", OPERATOR).header("if-none-match", tag);
        server.send(call).await
    };
    let first = read(&server, LIST).await.expect(200);
    let tag = first.header("etag").to_owned();
    let same = ask(&tag).await.expect(304);
    assert_eq!((same.header("etag"), same.body.len()), (tag.as_str(), 0));
    server.send(get("/api/v1/events").bearer(issued.key().expose())).await.expect(200);
    let changed = ask(&tag).await.expect(200);
    assert!(text(&changed).contains("<span class=\"count\">1</span>"));
    assert!(text(&changed).contains("aria-label=\"1 request in the last 24 hours, at most 1 "));
    assert_ne!(changed.header("etag"), tag);
    // As something on the way may write it, which compresses.
    ask(&format!("W/{}", changed.header("etag"))).await.expect(304);
}

#[tokio::test]
async fn a_field_that_is_asked_for_twice_is_told_on_the_page() {
    let server = server();
    many(&server, 1).await;
    let answer = read(&server, &format!("{PAGE}?search=a&search=b")).await.expect(422);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(text(&answer).contains("search: must be given once"), "{}", text(&answer));
    let names_of = names(&read(&server, &format!("{PAGE}?colour=a&colour=b")).await.expect(200));
    assert_eq!(names_of, ["key 0"], "what is somebody else's");
}

#[tokio::test]
async fn an_account_can_be_typed_to_its_last_character() {
    let server = server();
    let account = "a".repeat(128);
    let page = text(&read(&server, &format!("{PAGE}?account={account}")).await.expect(200));
    for field in ["name=\"account\" value=", "id=\"create-account\""] {
        let rest = page.split(field).nth(1).unwrap();
        assert!(rest.split('>').next().unwrap().contains("maxlength=\"128\""), "{field}");
    }
    read(&server, &format!("{PAGE}?account={account}a")).await.expect(422);
}

/// What the page's script can read whatever the service's own errors look like.
#[tokio::test]
async fn errors_come_as_problem_details_to_who_accepts_them() {
    for server in [server(), pik::server(), paykore::server()] {
        let body = json!({ "name": " ", "mode": "x", "scopes": [] });
        let ask = |accept: &str, body: &serde_json::Value| {
            let call = post(KEYS).basic("operator", OPERATOR).json(body.clone());
            server.send(call.header("accept", accept))
        };
        let accept = "application/json, Application/Problem+JSON;q=0.9";
        let answer = ask(accept, &body).await.expect(422);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["errors"][0]["name"], "mode");
        assert_eq!(problem["request_id"], answer.header("x-request-id"));
        // Others get the service's own form.
        for accept in ["*/*", "application/json", "application/problem", "text/html"] {
            let own = ask(accept, &body).await.expect(422).json();
            assert!(own["errors"].is_null() && own["error"].is_object(), "{own}");
        }
        // So do those who are not let in.
        let call = post(KEYS).json(body.clone()).header("accept", accept);
        let refused = server.send(call).await.expect(401);
        assert!(refused.header("www-authenticate").starts_with("Basic realm="));
        assert_eq!(refused.header("content-type"), "application/problem+json");
    }
}

/// A page elsewhere can make a browser send these, with the operator's credentials.
#[tokio::test]
async fn m1_no_form_of_another_site_makes_a_change() {
    let server = server();
    let key = server.issue(NewKey::named("n")).await;
    let revoke = format!("{KEYS}/{}/revoke", key.id());
    let rotate = format!("{KEYS}/{}/rotate", key.id());
    let form = "application/x-www-form-urlencoded";
    let elsewhere = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let forms: [(&str, &str, &str); 5] = [
        (form, "name=n&mode=test", KEYS),
        ("multipart/form-data; boundary=x", "--x--", KEYS),
        // A form whose only field's name is the beginning of JSON and whose value is its end.
        ("text/plain", "{\"name\":\"n\",\"mode\":\"test\",\"scopes\":[],\"x\":\"=\"}", KEYS),
        ("text/plain", "", &revoke),
        ("text/plain", "{\"overlap_seconds\":0}", &rotate),
    ];
    for (kind, body, path) in forms {
        let call = || {
            let call = post(path).header("host", "127.0.0.1:3000").basic("operator", OPERATOR);
            call.header("content-type", kind).body(body)
        };
        let told = elsewhere.iter().fold(call(), |call, (name, value)| call.header(name, value));
        server.send(told).await.expect(403);
        // A sandboxed frame tells no origin, and an old browser tells nothing at all.
        server.send(call().header("origin", "null")).await.expect(403);
        server.send(call()).await.expect(415);
    }
    let bare = || post(&revoke).basic("operator", OPERATOR);
    server.send(bare()).await.expect(415);
    let listed = names(&read(&server, PAGE).await.expect(200));
    assert_eq!(listed, ["n"]);
    assert!(text(&read(&server, PAGE).await).contains("status active"));
}

#[tokio::test]
async fn c12_the_page_can_be_nested_under_any_prefix() {
    let format = KeyFormat::base62("ck", 32).unwrap();
    let keys = Keyring::builder(MemoryStore::new(), format).build().unwrap();
    let gate = || BasicAuth::new("operator", OPERATOR);
    let signed = |path: &str| get(path).basic("operator", OPERATOR);
    for prefix in ["/a", "/a/b/c"] {
        let app = axum::Router::new()
            .nest(prefix, manage::dashboard(keys.clone(), gate()))
            .layer(EnvelopeLayer::standard());
        let page = signed(&format!("{prefix}/api-keys")).send(&app).await.expect(200);
        for part in text(&page).split('"').filter(|part| part.starts_with("api-keys/page.")) {
            signed(&format!("{prefix}/{part}")).send(&app).await.expect(200);
        }
        signed(&format!("{prefix}/api/keys")).send(&app).await.expect(200);
    }
    let bare: axum::Router = manage::dashboard(keys, gate());
    signed("/api-keys").send(&bare).await.expect(200);
    get("/api-keys").send(&bare).await.expect(401);
}

/// The services' own words, without the mark-up around them.
#[tokio::test]
async fn c12_each_service_speaks_its_own_words() {
    for (server, words) in [
        (server(), &["Crypto Checkout", "Live", "Test", "links:read", "Moves real funds"][..]),
        (pik::server(), &["PIK", "Production", "Sandbox", "wallet:read", "Platform account"]),
        (paykore::server(), &["PayKore", "Label", "Partner", "Tier", "Expiry", "Publishable"]),
    ] {
        let page = text(&read(&server, PAGE).await.expect(200));
        for word in words {
            assert!(page.contains(&format!(">{word}")), "{word}");
        }
    }
    let plans = text(&read(&paykore::server(), PAGE).await.expect(200));
    assert!(plans.contains("<option value=\"starter\">Starter, 300 requests per minute</option>"));
}

/// What may not be there after a key was issued: its text.
#[tokio::test]
async fn c5_no_address_of_the_page_shows_a_keys_text() {
    let server = server();
    let call = post(KEYS).basic("operator", OPERATOR);
    let body = json!({ "name": "n", "mode": "test", "scopes": [] });
    let issued = server.send(call.json(body)).await.expect(201).json();
    let key = issued["key"].as_str().unwrap();
    for path in [PAGE, LIST, KEYS] {
        let answer: Answer = read(&server, path).await.expect(200);
        assert!(!answer.shown().contains(key), "{path}");
        assert!(answer.shown().contains(issued["hint"].as_str().unwrap()), "{path}");
    }
}
