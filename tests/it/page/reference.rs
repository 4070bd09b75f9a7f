//! The page that shows a service's OpenAPI document.

use serde_json::json;

use super::browser::Browser;
use super::visit::PASSWORD;
use crate::support::Process;

#[tokio::test]
async fn the_reference_shows_the_document_and_asks_nobody_else() {
    let Some(browser) = Browser::start().await else { return };
    for (example, title, words) in [
        ("crypto_checkout", "Crypto Checkout", "Needs the scope links:write."),
        ("pik", "PIK", "x-on-behalf-of"),
        ("paykore", "PayKore", "Create a wallet"),
    ] {
        let process = Process::start(example, &[("DASHBOARD_PASSWORD", PASSWORD)]).await;
        browser.client.goto(&format!("{}/docs", process.origin)).await.unwrap();
        browser.says("h1", title).await;
        browser.says(".api-content", words).await;
        browser.says(".api-content", "No valid API key was provided.").await;
        let fetched = "return performance.getEntriesByType('resource').map((entry) => entry.name)";
        let fetched: Vec<String> =
            serde_json::from_value(browser.run(fetched, json!([])).await).unwrap();
        let is_ours = |url: &&String| {
            url.starts_with(&process.origin) || url.starts_with("data:") || url.starts_with("blob:")
        };
        let others: Vec<_> = fetched.iter().filter(|url| !is_ours(url)).collect();
        assert_eq!(others, [""; 0], "{example}");
        let document = format!("{}/openapi.json", process.origin);
        assert!(fetched.contains(&document), "{example}: {fetched:?}");
        assert_eq!(browser.complaints().await, [""; 0], "{example}");
    }
    browser.close().await;
}
