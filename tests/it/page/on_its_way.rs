//! Answers that are on their way, and what others have changed meanwhile.

use fantoccini::key::Key;
use keygate::{KeyUpdate, NewKey};
use serde_json::{Value, json};

use super::browser::Browser;
use super::visit::visit;
use crate::crypto_checkout::{all_scopes, server};
use crate::support::Server;

/// Holds the answer to each change in the page.
const HOLD: &str = "const real = window.fetch;
    window.held = [];
    window.fetch = async (address, request) => {
        const answer = await real(address, request);
        if (request.method === 'POST') await new Promise((go) => window.held.push(go));
        return answer;
    };";

/// Nothing is answered any more, and whoever has patience loses it at once.
const SILENCE: &str = "window.patience = [];
    AbortSignal.timeout = (milliseconds) => {
        window.patience.push(milliseconds);
        return AbortSignal.abort(new DOMException('', 'TimeoutError'));
    };
    window.fetch = (address, { signal }) => new Promise((_, fail) => {
        if (signal?.aborted) fail(signal.reason);
    });";

async fn evaluate(browser: &Browser, script: &str) -> Value {
    browser.run(&format!("return {script}"), json!([])).await
}

/// Waits until so many answers are held.
async fn are_held(browser: &Browser, count: usize) {
    let look =
        async || (evaluate(browser, "window.held.length").await == json!(count)).then_some(());
    browser.becomes("the answer is held", look).await;
}

/// The dialog goes without the page's leave, as a phone's way back may take it.
async fn take_away(browser: &Browser, dialog: &str) {
    browser.run("document.getElementById(arguments[0]).close()", json!([dialog])).await;
    browser.is_gone(&format!("#{dialog}")).await;
}

async fn is_accepted(server: &Server, key: &str) {
    server.keys.verify(key).await.unwrap();
}

#[tokio::test]
async fn c5_a_dialog_stays_until_its_answer_is_there() {
    let server = server();
    let Some((browser, _loopback)) = visit(&server).await else { return };
    browser.run(HOLD, json!([])).await;
    browser.click("[data-action=create]").await;
    browser.fill("#create-name", "n").await;
    browser.click("#create .primary").await;
    are_held(&browser, 1).await;
    for _ in 0..3 {
        browser.press(&Key::Escape.to_string()).await;
        browser.click("#create [data-close]").await;
        browser.click("#create .primary").await;
        assert_eq!(evaluate(&browser, "document.getElementById('create').open").await, true);
    }
    browser.run("window.held.pop()()", json!([])).await;
    let key = browser.text("#shown [data-key-text]").await;
    // A slip does not lose it, however often.
    for _ in 0..3 {
        browser.press(&Key::Escape.to_string()).await;
    }
    assert_eq!(browser.text("#shown [data-key-text]").await, key);
    is_accepted(&server, &key).await;
    browser.click("#shown [data-close]").await;
    browser.is_gone("#shown").await;
    // What is not on its way can be left.
    browser.click("[data-action=create]").await;
    browser.press(&Key::Escape.to_string()).await;
    browser.is_gone("#create").await;
    assert_eq!(evaluate(&browser, "window.held.length").await, 0, "it was asked once");
    browser.close().await;
}

#[tokio::test]
async fn c5_no_key_is_lost_whatever_is_open_when_it_arrives() {
    let server = server();
    for name in ["one", "two"] {
        let _ = server.issue(NewKey::named(name)).await;
    }
    let Some((browser, _loopback)) = visit(&server).await else { return };
    browser.run(HOLD, json!([])).await;
    browser.click("[data-action=create]").await;
    browser.fill("#create-name", "made").await;
    browser.click("#create .primary").await;
    are_held(&browser, 1).await;
    take_away(&browser, "create").await;
    browser.click("[data-name=one] [data-action=rotate]").await;
    browser.click("#rotate .primary").await;
    are_held(&browser, 2).await;
    take_away(&browser, "rotate").await;
    browser.click("[data-name=two] [data-action=revoke]").await;
    browser.says("#revoke [data-name]", "two").await;

    browser.run("window.held.splice(0).forEach((go) => go())", json!([])).await;
    browser.says("#shown [data-name]", "made").await;
    let made = browser.text("#shown [data-key-text]").await;
    browser.click("#shown [data-close]").await;
    browser.says("#shown [data-name]", "one").await;
    let next = browser.text("#shown [data-key-text]").await;
    browser.click("#shown [data-close]").await;
    browser.is_gone("#shown").await;
    assert_eq!(evaluate(&browser, "document.getElementById('note').textContent").await, "");

    // The dialog below is about what it was about.
    browser.click("#revoke .danger").await;
    are_held(&browser, 1).await;
    browser.run("window.held.pop()()", json!([])).await;
    browser.says("#note", "Revoked two.").await;
    browser.says("[data-name=two]", "Revoked").await;
    is_accepted(&server, &made).await;
    is_accepted(&server, &next).await;
    browser.close().await;
}

#[tokio::test]
async fn k10_an_answer_that_does_not_come_is_not_waited_for() {
    let server = server();
    let Some((browser, _loopback)) = visit(&server).await else { return };
    browser.run(SILENCE, json!([])).await;
    browser.says("#note", "the service does not answer").await;
    browser.click("[data-action=create]").await;
    browser.fill("#create-name", "n").await;
    browser.click("#create .primary").await;
    browser.says("#create [data-problem='']", "No answer came within 10 seconds.").await;
    browser.says("#create [data-problem='']", "look at the list").await;
    browser.click("#create [data-close]").await;
    browser.is_gone("#create").await;
    let patience = evaluate(&browser, "window.patience").await;
    let patience = patience.as_array().unwrap();
    assert!(patience.len() > 1 && patience.iter().all(|it| *it == 10_000), "{patience:?}");
    browser.close().await;
}

#[tokio::test]
async fn k10_whatever_others_change_of_a_key_is_shown() {
    let server = server();
    let issued = server.issue(NewKey::named("before").scopes(all_scopes())).await;
    let Some((browser, _loopback)) = visit(&server).await else { return };
    browser.click("summary").await;
    let scopes: Vec<_> = all_scopes().skip(1).collect();
    let left = format!("{} more", scopes.len() - 3);
    let update = KeyUpdate::default().name("after").scopes(scopes);
    server.keys.update(issued.id(), update).await.unwrap();
    browser.says("[data-name=after] .name", "after").await;
    browser.says("[data-name=after] summary", &left).await;
    let is_open = "document.querySelector('details').open";
    assert_eq!(evaluate(&browser, is_open).await, true, "what was opened stays open");
    browser.click("[data-action=revoke]").await;
    browser.says("#revoke [data-name]", "after").await;
    browser.click("#revoke [data-close]").await;
    browser.is_gone("#revoke").await;

    // What is open is no change: the cell is left as it is.
    browser.run("window.cell = document.querySelector('details').closest('td')", json!([])).await;
    is_accepted(&server, issued.key().expose()).await;
    browser.says("[data-name=after] .count", "1").await;
    assert_eq!(evaluate(&browser, "window.cell.isConnected").await, true);
    // A column that was not there comes with its head.
    let quota = KeyUpdate::default().quota(Some(keygate::Quota::per_minute(7)));
    server.keys.update(issued.id(), quota).await.unwrap();
    browser.says("[data-name=after] [data-label=Plan]", "7 requests per minute").await;
    browser.says("thead", "Plan").await;
    browser.close().await;
}
