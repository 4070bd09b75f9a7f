//! The pictures in `docs/`, made anew by
//! `KEYGATE_PICTURES=docs ./scripts/test --test it page::pictures`.

use super::browser::{Browser, DARK, LIGHT, PHONE};
use crate::support::Process;

#[tokio::test]
async fn tmp() {
    let Some(browser) = Browser::start().await else { return };
    let process =
        Process::start("crypto_checkout", &[("DASHBOARD_PASSWORD", "pw-of-operator")]).await;
    browser.open(&process.origin, "pw-of-operator", "").await;
    for look in [LIGHT, DARK, PHONE] {
        browser.look(look).await;
        let png = browser.client.screenshot().await.unwrap();
        std::fs::write(format!("/tmp/shot-{}.png", look.name), png).unwrap();
    }
    browser.look(LIGHT).await;
    browser.click("[data-action=create]").await;
    let png = browser.client.screenshot().await.unwrap();
    std::fs::write("/tmp/shot-create.png", png).unwrap();
    println!("{:#?}", browser.complaints().await);
    browser.close().await;
}
