//! The pictures in `docs/`. `KEYGATE_PICTURES=docs ./scripts/test --test it page::pictures` makes
//! them anew.

use std::path::Path;
use std::time::Duration;

use keygate::{IssuedKey, Mode, NewKey, ScopeName};

use super::browser::{Browser, DARK, LIGHT, Look, PHONE};
use crate::crypto_checkout::server;
use crate::support::throwaway::variable;
use crate::support::{Loopback, OPERATOR, Server};

/// The most that a picture may weigh, in bytes.
const WEIGHT: usize = 150_000;

/// What is shown, in the order in which it is looked at.
const PICTURES: [&str; 5] = ["light", "dark", "phone", "create", "shown"];

/// Requests in each hour of a day that ends now.
const BUSY: [u32; 24] =
    [4, 3, 2, 1, 1, 2, 5, 11, 24, 38, 44, 41, 36, 39, 47, 52, 49, 40, 33, 27, 22, 15, 9, 6];
const NIGHTLY: [u32; 24] =
    [0, 0, 31, 28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

struct Shop(Server);

impl Shop {
    async fn issue(&self, name: &'static str, mode: Mode, scopes: &[&'static str]) -> IssuedKey {
        let scopes = scopes.iter().map(|name| ScopeName::from_static(name));
        self.0.issue(NewKey::named(name).mode(mode).scopes(scopes)).await
    }

    /// What was counted goes into the hour that it belongs to.
    async fn wait(&self, hours: u64) {
        self.0.keys.shutdown().await;
        self.0.clock.advance(Duration::from_hours(hours));
    }

    async fn call(&self, key: &IssuedKey, times: u32) {
        for _ in 0..times {
            self.0.keys.verify(key.key().expose()).await.unwrap();
        }
    }
}

/// Some months of a small shop.
async fn shop() -> Shop {
    let shop = Shop(server());
    let keys = &shop.0.keys;
    let old = shop.issue("ERP bridge", Mode::Live, &["events:read", "customers:read"]).await;
    shop.call(&old, 1_204).await;
    shop.wait(24 * 40).await;
    let reason = "Found in a public repository";
    keys.revoke_because(old.id(), reason).await.unwrap();
    let export = ["customers:read", "events:read", "links:read"];
    let export = shop.issue("Nightly export", Mode::Live, &export).await;
    shop.wait(24 * 12).await;
    let everything = ["links:read", "links:write", "sessions:read", "sessions:write"];
    let everything = [&everything[..], &["webhooks:read", "webhooks:write"]].concat();
    let shop_key = shop.issue("WooCommerce plugin", Mode::Live, &everything).await;
    let till = shop.issue("Till app", Mode::Live, &["sessions:read", "sessions:write"]).await;
    shop.call(&till, 311).await;
    shop.wait(24 * 3).await;
    let now = shop.0.keys.clock();
    let end = now.wall() + Duration::from_hours(24 * 12);
    let contractor = NewKey::named("Contractor, until the audit").expires_at(end);
    let _ = shop.0.issue(contractor.scope(crate::apps::crypto_checkout::LinksRead)).await;
    let tests = shop.issue("Smoke tests", Mode::Test, &["links:read", "links:write"]).await;
    // A day and an hour before now: whoever used it has switched.
    let next = shop.0.keys.rotate(till.id(), Duration::from_hours(7 * 24)).await.unwrap();
    shop.wait(1).await;
    for (busy, nightly) in BUSY.into_iter().zip(NIGHTLY) {
        shop.wait(1).await;
        shop.call(&shop_key, busy).await;
        shop.call(&export, nightly).await;
        shop.call(&tests, busy % 7).await;
        shop.call(&next, busy / 4).await;
    }
    shop.0.clock.advance(Duration::from_mins(13));
    shop.call(&next, 7).await;
    shop.0.clock.advance(Duration::from_mins(2));
    shop.call(&shop_key, 3).await;
    shop.0.clock.advance(Duration::from_secs(40));
    shop
}

/// Of the window, or of one element.
async fn picture(browser: &Browser, name: &str, of: Option<&str>) {
    let picture = match of {
        None => browser.client.screenshot().await.unwrap(),
        Some(selector) => browser.is_there(selector).await.screenshot().await.unwrap(),
    };
    if let Some(folder) = variable("KEYGATE_PICTURES") {
        // Those that are kept alone: the fonts of another machine may weigh more.
        assert!(picture.len() < WEIGHT, "{name}: {}", picture.len());
        let file = Path::new(&folder).join(format!("page-{name}.png"));
        std::fs::write(file, &picture).unwrap();
    }
}

#[tokio::test]
async fn c12_the_pictures_are_of_the_page_as_it_is() {
    let shop = shop().await;
    let Some(browser) = Browser::start().await else { return };
    let loopback = Loopback::serve(&shop.0.app).await;
    browser.open(&loopback.url(""), OPERATOR, "").await;
    for look in [LIGHT, DARK, Look { height: 900, ..PHONE }] {
        browser.look(look).await;
        picture(&browser, look.name, None).await;
    }
    browser.look(LIGHT).await;
    browser.click("[data-action=create]").await;
    browser.fill("#create-name", "Point-of-sale terminal").await;
    browser.click("#create [value='links:read']").await;
    browser.click("#create [value='sessions:write']").await;
    picture(&browser, "create", Some("#create")).await;
    browser.click("#create .primary").await;
    browser.says("#shown", "the only time").await;
    // The picture is of a text that was never a key.
    let example = format!("ck_test_{}", "EXAMPLE0".repeat(4));
    let script = "for (const place of document.querySelectorAll('#shown code'))
        place.textContent = place.textContent.replace(/ck_test_\\w+/, arguments[0])";
    browser.run(script, serde_json::json!([example])).await;
    picture(&browser, "shown", Some("#shown")).await;
    browser.close().await;
}

#[test]
fn the_readme_shows_pictures_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for name in PICTURES {
        let file = format!("docs/page-{name}.png");
        let weight = std::fs::metadata(root.join(&file)).unwrap().len();
        assert!(usize::try_from(weight).unwrap() < WEIGHT, "{file}");
        assert!(readme.contains(&file), "{file}");
    }
}
