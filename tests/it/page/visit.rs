//! An operator at the page of a running service.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::browser::Browser;
use crate::support::{Loopback, OPERATOR, Process, Server, answer};

pub(super) const PASSWORD: &str = "open sesame";

pub(super) struct Visit {
    pub(super) browser: Browser,
    pub(super) process: Process,
}

impl Visit {
    /// Starts a server and a browser, and opens the page.
    pub(super) async fn to(example: &str) -> Option<Self> {
        let browser = Browser::start().await?;
        let environment = [("DASHBOARD_PASSWORD", PASSWORD)];
        let process = Process::start(example, &environment).await;
        browser.open(&process.origin, PASSWORD, "").await;
        Some(Self { browser, process })
    }

    /// Ends both; nothing in the page may have been against its own policy, or have failed.
    pub(super) async fn end(self) {
        let mut complaints = self.browser.complaints().await;
        // A field that was wrong was to be told of.
        complaints.retain(|line| !line.contains("the server responded with a status of 422"));
        assert_eq!(complaints, [""; 0]);
        self.browser.close().await;
    }

    /// Creates a key in the dialog, and gives its text. The dialog that shows it stays open.
    pub(super) async fn create(&self, name: &str, choices: &[&str]) -> String {
        self.browser.click("[data-action=create]").await;
        self.browser.fill("#create-name", name).await;
        for choice in choices {
            self.browser.click(&format!("#create [value=\"{choice}\"]")).await;
        }
        self.browser.click("#create .primary").await;
        self.shown().await
    }

    /// The text of the key that is shown now.
    pub(super) async fn shown(&self) -> String {
        self.browser.text("#shown [data-key-text]").await
    }

    /// Closes the dialog that shows a key.
    pub(super) async fn keep(&self) {
        self.browser.click("#shown [data-close]").await;
        self.browser.is_gone("#shown").await;
    }

    /// Presses a button of the key's row.
    pub(super) async fn press(&self, key: &str, action: &str) {
        self.browser.click(&format!("{} [data-action={action}]", row(key))).await;
    }

    /// Waits until the key's row says this.
    pub(super) async fn row_says(&self, key: &str, words: &str) {
        self.browser.says(&row(key), words).await;
    }

    /// What is answered to a request with the key.
    pub(super) async fn call(&self, path: &str, header: &str, key: &str) -> StatusCode {
        let request = reqwest::Client::new().get(format!("{}{path}", self.process.origin));
        let request = request.header("x-forwarded-proto", "https").header(header, key);
        answer(request).await.status()
    }

    /// Whether the page has this text anywhere: in what it shows, holds or keeps.
    pub(super) async fn has_kept(&self, text: &str) -> bool {
        let everything =
            "return [document.documentElement.outerHTML, location.href, document.title,
            JSON.stringify(history.state), JSON.stringify({...localStorage}),
            JSON.stringify({...sessionStorage}), document.cookie,
            ...[...document.querySelectorAll('input, textarea')].map((field) => field.value)]";
        let everything = self.browser.run(everything, json!([])).await;
        let parts = everything.as_array().unwrap().iter();
        parts.filter_map(Value::as_str).any(|part| part.contains(text))
    }
}

/// A browser at the page of an app of this process.
pub(super) async fn visit(server: &Server) -> Option<(Browser, Loopback)> {
    let browser = Browser::start().await?;
    let loopback = Loopback::serve(&server.app).await;
    browser.open(&loopback.url(""), OPERATOR, "").await;
    Some((browser, loopback))
}

/// The row of the key with this text: by what of it is shown.
pub(super) fn row(key: &str) -> String {
    let hint = key.rfind('_').unwrap() + 7;
    format!("[data-hint=\"{}\"]", &key[..hint])
}
