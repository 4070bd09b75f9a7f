//! Lists that are long, filtered, hostile, or cannot be had.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fantoccini::Locator;
use http::request::Parts;
use keygate::manage;
use keygate::test_util::Fault;
use keygate::{ApiError, EnvelopeLayer, ErrorCode, Mode, NewKey};
use serde_json::json;

use super::browser::{Browser, LIGHT, Look};
use super::visit::visit;
use crate::crypto_checkout::server;
use crate::support::{Loopback, Server};

async fn many(server: &Server, count: usize) {
    for number in 0..count {
        let mode = if number % 2 == 0 { Mode::Test } else { Mode::Live };
        let _ = server.issue(NewKey::named(format!("key {number:04}")).mode(mode)).await;
        server.clock.advance(Duration::from_secs(1));
    }
}

async fn count(browser: &Browser) -> usize {
    browser.client.find_all(Locator::Css("[data-key]")).await.unwrap().len()
}

#[tokio::test]
async fn c6_many_keys_are_searched_filtered_and_read_page_by_page() {
    let server = server();
    many(&server, 2_000).await;
    let Some((browser, _loopback)) = visit(&server).await else { return };
    browser.says("tbody th", "key 1999").await;
    assert_eq!(count(&browser).await, 50);
    browser.click("[rel=next]").await;
    browser.says("tbody th", "key 1949").await;
    browser.click("[rel=first]").await;
    browser.says("tbody th", "key 1999").await;

    browser.fill("[name=search]", "KEY 19").await;
    browser.is_there("[name=mode]").await.select_by_value("live").await.unwrap();
    browser.click(".filter button").await;
    browser.says("tbody th", "key 1999").await;
    browser.becomes("fifty live ones", async || (count(&browser).await == 50).then_some(())).await;
    browser.fill("[name=search]", "key 000").await;
    browser.click(".filter button").await;
    browser.says("tbody th", "key 0009").await;
    assert_eq!(count(&browser).await, 5);
    browser.is_there("[name=status]").await.select_by_value("revoked").await.unwrap();
    browser.click(".filter button").await;
    browser.says("#list", "No key fits").await;
    browser.click(".clear").await;
    browser.says("tbody th", "key 1999").await;
    assert_eq!(browser.complaints().await, [""; 0]);
    browser.close().await;
}

#[tokio::test]
async fn c12_the_page_is_read_without_script() {
    let server = server();
    many(&server, 60).await;
    let Some((browser, loopback)) = visit(&server).await else { return };
    browser.tools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.client.goto(&loopback.url("/dashboard/api-keys")).await.unwrap();
    browser.says("main", "Without JavaScript").await;
    browser.is_gone("[data-action]").await;
    browser.click("[rel=next]").await;
    browser.says("tbody th", "key 0009").await;
    browser.fill("[name=search]", "0042").await;
    browser.click(".filter button").await;
    browser.says("tbody th", "key 0042").await;
    browser.close().await;
}

#[tokio::test]
async fn c12_a_key_that_others_issue_appears_by_itself() {
    let server = server();
    many(&server, 2).await;
    let Some((browser, _loopback)) = visit(&server).await else { return };
    // The focus of who works with the keyboard stays where it is.
    browser.tab_to("[data-name='key 0000'] [data-action=revoke]").await;
    let issued = server.issue(NewKey::named("from elsewhere")).await;
    browser.says("tbody th", "from elsewhere").await;
    let name = "return document.activeElement.closest('[data-key]')?.dataset.name";
    assert_eq!(browser.run(name, json!([])).await, json!("key 0000"));
    server.keys.revoke_because(issued.id(), "elsewhere too").await.unwrap();
    browser.says("[data-name='from elsewhere']", "elsewhere too").await;
    browser.is_gone("[data-name='from elsewhere'] button").await;
    browser.close().await;
}

#[tokio::test]
async fn c13_a_predecessor_that_was_quiet_for_a_day_is_called_safe() {
    let server = server();
    let old = server.issue(NewKey::named("old")).await;
    let week = Duration::from_hours(7 * 24);
    let _new = server.keys.rotate(old.id(), week).await.unwrap();
    let Some((browser, _loopback)) = visit(&server).await else { return };
    let row = format!("[data-key='{}']", old.id());
    browser.says(&row, "Not used in the few seconds since the rotation").await;
    browser.is_gone(&format!("{row} .safe")).await;
    server.clock.advance(Duration::from_hours(24));
    browser.says(&row, "Not used in the day since the rotation").await;
    browser.is_gone(&format!("{row} .safe")).await;
    server.clock.advance(Duration::from_hours(1));
    browser.says(&row, "Not used in the day since the rotation: safe to revoke").await;
    server.keys.verify(old.key().expose()).await.unwrap();
    browser.says(&row, "Still in use, last just now").await;
    browser.is_gone(&format!("{row} .safe")).await;
    browser.close().await;
}

#[tokio::test]
async fn c12_hostile_names_stay_names() {
    let names = [
        "<img src=x onerror=\"window.taken=1\">",
        "\"><script>window.taken=1</script>",
        "' autofocus onfocus='window.taken=1",
        "{{7*7}} ${7*7} </title><svg onload=window.taken=1>",
        "$& {key}",
    ];
    let server = server();
    for name in names {
        let _ = server.issue(NewKey::named(name)).await;
        server.clock.advance(Duration::from_secs(1));
    }
    let Some((browser, loopback)) = visit(&server).await else { return };
    let shown =
        "return [...document.querySelectorAll('[data-key] .name')].map((it) => it.textContent)";
    let mut expected = names.to_vec();
    expected.reverse();
    assert_eq!(browser.run(shown, json!([])).await, json!(expected));
    let rows = browser.client.find_all(Locator::Css("[data-action=rotate]")).await.unwrap().len();
    for (index, name) in (1..=rows).zip(expected) {
        for action in ["rotate", "revoke"] {
            browser.click(&format!("tr:nth-child({index}) [data-action={action}]")).await;
            browser.says(&format!("#{action} [data-name]"), name.trim()).await;
            browser.click(&format!("#{action} [data-close]")).await;
            browser.is_gone(&format!("#{action}")).await;
        }
    }
    browser.click("tr:nth-child(1) [data-action=rotate]").await;
    browser.click("#rotate .primary").await;
    browser.says("#shown [data-command]", "Bearer ck_test_").await;
    browser.click("#shown [data-close]").await;
    let search = crate::support::encoded(names[1], "%");
    browser
        .client
        .goto(&loopback.url(&format!("/dashboard/api-keys?search={search}")))
        .await
        .unwrap();
    browser.says("tbody th", "window.taken").await;
    let taken =
        "return [window.taken ?? null, document.querySelectorAll('main img, main script').length]";
    assert_eq!(browser.run(taken, json!([])).await, json!([null, 0]));
    assert_eq!(browser.complaints().await, [""; 0]);
    browser.close().await;
}

/// That the tests above would see it.
#[tokio::test]
async fn c12_the_policy_stops_what_is_inline_and_tells_of_it() {
    let server = server();
    let Some((browser, _loopback)) = visit(&server).await else { return };
    let inline =
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.taken=1\">');
        const script = document.createElement('script');
        script.textContent = 'window.taken=1';
        document.body.append(script);
        document.body.style.cssText = '';
        return window.taken ?? null";
    assert_eq!(browser.run(inline, json!([])).await, json!(null));
    let told = browser.becomes("it is told", async || {
        let lines = browser.complaints().await;
        lines.into_iter().find(|line| line.contains("Content Security Policy"))
    });
    assert!(told.await.contains("script-src 'self'"));
    assert_eq!(browser.run("return window.taken ?? null", json!([])).await, json!(null));
    browser.close().await;
}

#[tokio::test]
async fn k10_figures_that_cannot_be_had_are_told_quietly_and_come_back() {
    let server = server();
    many(&server, 1).await;
    let Some((browser, _loopback)) = visit(&server).await else { return };
    server.store.set(Fault::Fail);
    browser.says("#note", "The figures are not up to date").await;
    assert_eq!(count(&browser).await, 1, "what was known stays");
    server.store.set(Fault::None);
    browser
        .becomes("the note is gone", async || {
            let note = browser.client.find(Locator::Css("#note")).await.ok()?;
            note.text().await.ok().filter(String::is_empty)
        })
        .await;
    // What cannot be done is told where it was asked for.
    browser.click("[data-action=create]").await;
    server.store.set(Fault::Fail);
    browser.fill("#create-name", "n").await;
    browser.click("#create .primary").await;
    browser.says("#create [data-problem='']", "temporarily unavailable").await;
    browser.close().await;
}

#[tokio::test]
async fn m2_who_is_signed_out_is_told_and_asked_for_no_password() {
    let server = server();
    many(&server, 1).await;
    let Some(browser) = Browser::start().await else { return };
    let is_in = Arc::new(AtomicBool::new(true));
    let session = Arc::clone(&is_in);
    let gate = move |_: &Parts| {
        let refused = ApiError::new(ErrorCode::Forbidden);
        if session.load(Ordering::Relaxed) { Ok(()) } else { Err(refused) }
    };
    let app = axum::Router::new()
        .nest("/dashboard", manage::dashboard(server.keys.clone(), gate))
        .layer(EnvelopeLayer::standard());
    let loopback = Loopback::serve(&app).await;
    browser.client.goto(&loopback.url("/dashboard/api-keys")).await.unwrap();
    browser.says("tbody th", "key 0000").await;
    is_in.store(false, Ordering::Relaxed);
    browser.says("#note", "You are signed out").await;
    browser.close().await;
}

#[tokio::test]
async fn c12_nothing_is_wider_than_the_window() {
    let server = server();
    let long = "x".repeat(100);
    let account = "shop_".repeat(8).trim_end_matches('_').parse().unwrap();
    let new = NewKey::named(&long).account(account).scopes(crate::crypto_checkout::all_scopes());
    let issued = server.issue(new).await;
    let rotated = server.keys.rotate(issued.id(), Duration::from_secs(60)).await.unwrap();
    server.keys.revoke_because(rotated.id(), "y".repeat(500)).await.unwrap();
    let Some((browser, _loopback)) = visit(&server).await else { return };
    browser.click("summary").await;
    let wider = "return document.documentElement.scrollWidth - innerWidth";
    for width in [320, 375, 640, 768, 1024, 1120, 1121, 1280, 1920] {
        browser.look(Look { width, ..LIGHT }).await;
        assert!(browser.run(wider, json!([])).await.as_i64().unwrap() <= 0, "{width}");
    }
    browser.close().await;
}
