//! C12: what an operator does with keys, from their making to their end.

use fantoccini::key::Key;
use serde_json::{Value, json};

use super::visit::{Visit, row};

const LINKS: &str = "/api/v1/payment_links";

async fn call(visit: &Visit, key: &str) -> u16 {
    visit.call(LINKS, "authorization", &format!("Bearer {key}")).await.as_u16()
}

#[tokio::test]
async fn c5_a_key_is_shown_once_and_copied() {
    let Some(visit) = Visit::to("crypto_checkout").await else { return };
    let browser = &visit.browser;
    let permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"];
    let allowed = json!({ "permissions": permissions, "origin": visit.process.origin });
    browser.tools("Browser.grantPermissions", allowed).await;

    let key = visit.create("WooCommerce plugin", &["links:read", "events:read"]).await;
    assert!(key.starts_with("ck_test_"), "the mode that does no harm is chosen");
    browser.says("#shown", "the only time that it is shown").await;
    browser.click("[data-copy=key]").await;
    browser.says("[data-copied]", "The key was copied.").await;
    let copied = "return navigator.clipboard.readText()";
    assert_eq!(browser.run(copied, json!([])).await, json!(key));
    browser.click("[data-copy=command]").await;
    browser.says("[data-copied]", "The command was copied.").await;
    let command = browser.run(copied, json!([])).await;
    let command = command.as_str().unwrap();
    assert!(command.starts_with(&format!("curl {}{LINKS} ", visit.process.origin)), "{command}");
    let answered = browser.becomes("a busy server has time for it", async || {
        let run = tokio::process::Command::new("sh").args(["-c", command]).output().await.unwrap();
        let answered = String::from_utf8(run.stdout).unwrap();
        (!answered.contains("unavailable")).then_some(answered)
    });
    assert_eq!(answered.await, "{\"data\":[]}");

    // A slip does not lose it.
    browser.press(&Key::Escape.to_string()).await;
    assert_eq!(visit.shown().await, key);
    visit.keep().await;
    assert!(!visit.has_kept(&key).await, "nothing of it is left");
    visit.row_says(&key, "WooCommerce plugin").await;
    browser.client.refresh().await.unwrap();
    visit.row_says(&key, "links:read").await;
    assert!(!visit.has_kept(&key).await, "a reload does not show it");
    visit.end().await;
}

#[tokio::test]
async fn c12_without_leave_to_copy_the_key_is_marked() {
    let Some(visit) = Visit::to("crypto_checkout").await else { return };
    let denied = json!({ "permission": { "name": "clipboard-write" }, "setting": "denied" });
    visit.browser.tools("Browser.setPermission", denied).await;
    let key = visit.create("n", &[]).await;
    visit.browser.click("[data-copy=key]").await;
    visit.browser.says("[data-copied]", "It is selected").await;
    let marked = visit.browser.run("return getSelection().toString().trim()", json!([])).await;
    assert_eq!(marked, json!(key));
    visit.keep().await;
    visit.end().await;
}

#[tokio::test]
async fn k10_counts_move_while_requests_come() {
    let Some(visit) = Visit::to("crypto_checkout").await else { return };
    let key = visit.create("counted", &["links:read"]).await;
    visit.keep().await;
    visit.row_says(&key, "never").await;
    for count in 1..=3 {
        assert_eq!(call(&visit, &key).await, 200);
        visit.browser.says(&format!("{} .count", row(&key)), &count.to_string()).await;
    }
    visit.browser.is_there(&format!("{} [data-label='Last used'] time", row(&key))).await;
    let chart = format!("{} svg", row(&key));
    let chart = visit.browser.is_there(&chart).await.attr("aria-label").await.unwrap().unwrap();
    assert!(chart.starts_with("3 requests in the last 24 hours, at most "), "{chart}");
    let exact = format!("{} [data-label='Last used'] time", row(&key));
    let exact = visit.browser.is_there(&exact).await.attr("title").await.unwrap().unwrap();
    assert!(exact.ends_with(" UTC"), "{exact}");
    visit.end().await;
}

#[tokio::test]
async fn c13_c7_a_key_is_rotated_watched_and_revoked() {
    let Some(visit) = Visit::to("crypto_checkout").await else { return };
    let old = visit.create("rotated", &["links:read"]).await;
    visit.keep().await;
    assert_eq!(call(&visit, &old).await, 200);

    visit.press(&old, "rotate").await;
    visit.browser.says("#rotate", "rotated").await;
    visit.browser.click("#rotate [value='3600']").await;
    visit.browser.click("#rotate .primary").await;
    let new = visit.shown().await;
    visit.keep().await;
    assert_ne!(new, old);
    assert!(!visit.has_kept(&new).await);
    visit.row_says(&old, "Ends in 59 minutes").await;
    visit.row_says(&old, "Not used in the ").await;
    visit.row_says(&old, " since the rotation").await;
    assert!(!visit.browser.text(&row(&old)).await.contains("safe"), "who comes later has not come");
    assert_eq!((call(&visit, &old).await, call(&visit, &new).await), (200, 200));
    visit.row_says(&old, "Still in use").await;
    visit.browser.is_gone(&format!("{} [data-action=rotate]", row(&old))).await;

    visit.press(&old, "revoke").await;
    visit.browser.says("#revoke", "There is no way back").await;
    visit.browser.says("#revoke [data-use]", "It was last used").await;
    visit.browser.click("#revoke [data-close]").await;
    assert_eq!(call(&visit, &old).await, 200, "it was asked, and not done");
    visit.press(&old, "revoke").await;
    visit.browser.fill("#revoke-reason", "Replaced & gone").await;
    visit.browser.click("#revoke .danger").await;
    visit.row_says(&old, "Revoked").await;
    assert_eq!((call(&visit, &old).await, call(&visit, &new).await), (401, 200));
    visit.row_says(&old, "Replaced & gone").await;
    visit.browser.says("#note", "Revoked rotated.").await;
    visit.browser.is_gone(&format!("{} button", row(&old))).await;
    // It stays listed, without a way back.
    visit.browser.client.refresh().await.unwrap();
    visit.row_says(&old, "Revoked").await;
    visit.browser.is_gone(&format!("{} button", row(&old))).await;
    visit.end().await;
}

#[tokio::test]
async fn c12_a_key_is_created_with_the_keyboard_alone() {
    let Some(visit) = Visit::to("crypto_checkout").await else { return };
    let browser = &visit.browser;
    let (enter, space) = (Key::Enter.to_string(), " ");
    browser.tab_to("[data-action=create]").await;
    browser.press(&enter).await;
    browser.is_there("#create").await;
    browser.press(&Key::Escape.to_string()).await;
    browser.is_gone("#create").await;
    is_focused(&visit, "[data-action=create]").await;

    browser.press(&enter).await;
    is_focused(&visit, "#create-name").await;
    // Without a name: it is told beside the field, which has the focus.
    browser.press(&enter).await;
    browser.says("#create-name-problem", "Must not be empty.").await;
    is_focused(&visit, "#create-name[aria-invalid=true]").await;
    browser.press("by keyboard").await;
    browser.tab_to("#create [name=mode]").await;
    browser.press(&Key::Down.to_string()).await;
    browser.tab_to("#create [value='links:read']").await;
    browser.press(space).await;
    browser.tab_to("#create .primary").await;
    browser.press(&enter).await;
    let key = visit.shown().await;
    assert!(key.starts_with("ck_live_"), "the second mode");
    browser.tab_to("[data-copy=key]").await;
    browser.press(&enter).await;
    browser.tab_to("#shown [data-close]").await;
    browser.press(&enter).await;
    browser.is_gone("#shown").await;
    assert_eq!(call(&visit, &key).await, 200);
    // The focus is where one goes on: at the new key.
    is_focused(&visit, &format!("{} [data-action=rotate]", row(&key))).await;

    browser.tab_to(&format!("{} [data-action=revoke]", row(&key))).await;
    browser.press(&enter).await;
    is_focused(&visit, "#revoke-reason").await;
    browser.press("leaked").await;
    browser.press(&enter).await;
    visit.row_says(&key, "leaked").await;
    assert_eq!(call(&visit, &key).await, 401);
    is_focused(&visit, &format!("{} th", row(&key))).await;
    visit.end().await;
}

async fn is_focused(visit: &Visit, selector: &str) {
    let is_on = "return document.activeElement.matches(arguments[0])";
    let what = format!("the focus is on {selector}");
    let look = async || {
        let is = visit.browser.run(is_on, json!([selector])).await;
        (is == Value::Bool(true)).then_some(())
    };
    visit.browser.becomes(&what, look).await;
}

#[tokio::test]
async fn k10_a_tier_and_an_expiry_are_chosen_at_paykore() {
    let Some(visit) = Visit::to("paykore").await else { return };
    let browser = &visit.browser;
    let wallets = async |key: &str| visit.call("/v1/wallets", "x-api-key", key).await.as_u16();
    browser.click("[data-action=create]").await;
    browser.fill("#create-name", "Till 4").await;
    browser.is_there("#create-plan").await.select_by_value("growth").await.unwrap();
    browser.is_there("#create-lifetime").await.select_by_value("date").await.unwrap();
    browser.click("#create .primary").await;
    browser.says("#create-expires-problem", "Must be an RFC 3339 time").await;
    browser.is_there("#create-day").await;
    let day = "arguments[0].value = '2099-01-01'";
    let field = browser.is_there("#create-day").await;
    browser.run(day, json!([field])).await;
    browser.click("#create .primary").await;
    let key = visit.shown().await;
    assert!(key.starts_with("sk_test_"));
    visit.keep().await;
    for words in ["Till 4", "Growth", "1 Jan 2099"] {
        visit.row_says(&key, words).await;
    }
    assert_eq!(wallets(&key).await, 200);
    browser.says(&format!("{} .count", row(&key)), "1").await;
    visit.press(&key, "revoke").await;
    browser.click("#revoke .danger").await;
    visit.row_says(&key, "Revoked").await;
    assert_eq!(wallets(&key).await, 401);
    visit.end().await;
}

#[tokio::test]
async fn p7_pik_has_production_and_sandbox() {
    let Some(visit) = Visit::to("pik").await else { return };
    let links = async |key: &str| {
        visit.call("/v1/payment-links", "authorization", &format!("Bearer {key}")).await.as_u16()
    };
    let choices = ["production", "payment_links:read"];
    let key = visit.create("shop", &choices).await;
    assert!(key.starts_with("pik_production_"));
    visit.keep().await;
    visit.row_says(&key, "production").await;
    assert_eq!(links(&key).await, 200);
    visit.browser.says(&format!("{} .count", row(&key)), "1").await;
    visit.press(&key, "rotate").await;
    visit.browser.click("#rotate [value='0']").await;
    visit.browser.click("#rotate .primary").await;
    let new = visit.shown().await;
    visit.keep().await;
    visit.row_says(&key, "Revoked").await;
    assert_eq!((links(&key).await, links(&new).await), (401, 200));
    visit.end().await;
}
