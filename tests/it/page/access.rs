//! What axe-core finds wrong for who does not see the page, or holds no mouse: nothing.

use serde_json::{Value, json};

use super::browser::{Browser, DARK, LIGHT, Look, PHONE};
use super::visit::Visit;
use crate::support::throwaway::{skip, variable};

/// With axe-core's text, or `None` where either cannot be had.
async fn visit(example: &str) -> Option<(Visit, String)> {
    let Some(axe) = variable("KEYGATE_AXE") else { return skip("no axe-core") };
    let axe = std::fs::read_to_string(axe).unwrap();
    Some((Visit::to(example).await?, axe))
}

/// Everything that every rule of axe-core says about what is shown now.
async fn check(browser: &Browser, axe: &str, what: &str, look: Look) {
    browser.look(look).await;
    browser.run(axe, json!([])).await;
    let run = "const [done] = arguments;
        axe.run(document, { resultTypes: ['violations'] }).then((found) => done(
            [found.passes.length, found.violations.map((it) => [it.id, it.help,
                it.nodes.map((node) => node.html + ' ' + node.failureSummary)])]))";
    let found = browser.client.execute_async(run, Vec::new()).await.unwrap();
    assert!(found[0].as_u64().unwrap() > 10, "rules were tried");
    assert_eq!(found[1], json!([]), "{what}, {}", look.name);
    let wider = "return document.documentElement.scrollWidth - innerWidth";
    assert!(browser.run(wider, json!([])).await.as_i64().unwrap() <= 0, "{what}, {}", look.name);
}

/// In every look.
async fn check_all(browser: &Browser, axe: &str, what: &str) {
    for look in [LIGHT, DARK, PHONE] {
        check(browser, axe, what, look).await;
    }
    browser.look(LIGHT).await;
}

#[tokio::test]
async fn c12_axe_finds_nothing_in_the_list_and_in_any_dialog() {
    let Some((visit, axe)) = visit("crypto_checkout").await else { return };
    let browser = &visit.browser;
    browser.click("[data-action=create]").await;
    check_all(browser, &axe, "to create").await;
    browser.click("#create .primary").await;
    browser.is_there("#create-name-problem").await;
    check_all(browser, &axe, "a problem").await;
    browser.fill("#create-name", "A plugin with a name that is long enough to be broken").await;
    browser.click("#create .primary").await;
    let key = visit.shown().await;
    check_all(browser, &axe, "a key shown").await;
    visit.keep().await;
    visit.press(&key, "rotate").await;
    check_all(browser, &axe, "to rotate").await;
    browser.click("#rotate .primary").await;
    let new = visit.shown().await;
    visit.keep().await;
    visit.row_says(&key, "since the rotation").await;
    visit.press(&new, "revoke").await;
    check_all(browser, &axe, "to revoke").await;
    browser.click("#revoke .danger").await;
    visit.row_says(&new, "Revoked").await;
    check_all(browser, &axe, "the list").await;
    let nothing = format!("{}/dashboard/api-keys?search=nothing", visit.process.origin);
    browser.client.goto(&nothing).await.unwrap();
    browser.says("#list", "No key fits").await;
    check_all(browser, &axe, "no key").await;
    let wrong = format!("{}/dashboard/api-keys?mode=wrong", visit.process.origin);
    browser.client.goto(&wrong).await.unwrap();
    browser.says("#list", "cannot be listed").await;
    check_all(browser, &axe, "a failure").await;
    visit.browser.close().await;
}

#[tokio::test]
async fn c12_axe_finds_nothing_at_pik_and_paykore() {
    for example in ["pik", "paykore"] {
        let Some((visit, axe)) = visit(example).await else { return };
        check_all(&visit.browser, &axe, "the list").await;
        visit.browser.click("[data-action=create]").await;
        check_all(&visit.browser, &axe, "to create").await;
        visit.end().await;
    }
}

/// That the tests above would see it.
#[tokio::test]
async fn axe_finds_what_is_wrong() {
    let Some((visit, axe)) = visit("crypto_checkout").await else { return };
    visit.browser.run("document.querySelector('#create-name').labels[0].remove()", json!([])).await;
    visit.browser.click("[data-action=create]").await;
    visit.browser.run(&axe, json!([])).await;
    let run = "const [done] = arguments;
        axe.run().then((found) => done(found.violations.map((it) => it.id)))";
    let found = visit.browser.client.execute_async(run, Vec::new()).await.unwrap();
    assert_eq!(found, Value::from(vec!["label-title-only", "label"]));
    visit.browser.close().await;
}
