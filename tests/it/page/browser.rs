//! A Chromium without a window, driven as its driver lets anybody drive it.

use std::process::Stdio;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use crate::support::Folder;
use crate::support::throwaway::{PATIENCE, skip, variable};

type ParseError = <Url as std::str::FromStr>::Err;

/// Between two looks at whether something has come true.
const LOOK: Duration = Duration::from_millis(50);

/// A browser is a quarter of a gigabyte and several processes: not one for each core of a large
/// machine.
static TURNS: Semaphore = Semaphore::const_new(3);

pub(super) struct Browser {
    pub(super) client: Client,
    driver: Driver,
    // What it keeps of its profile.
    _folder: Folder,
    _turn: SemaphorePermit<'static>,
}

/// The driver's process, which leads a group with every process of the browser.
struct Driver(Child);

/// A command of the browser's own protocol, past its driver's.
#[derive(Debug)]
struct DevTools(Value);

/// What the browser has written into its console since it was asked last.
#[derive(Debug)]
struct Console;

/// A size of the window, and what its owner prefers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) name: &'static str,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) is_dark: bool,
    pub(super) is_phone: bool,
}

pub(super) const LIGHT: Look =
    Look { name: "light", width: 1280, height: 860, is_dark: false, is_phone: false };
pub(super) const DARK: Look = Look { name: "dark", is_dark: true, ..LIGHT };
pub(super) const PHONE: Look =
    Look { name: "phone", width: 375, height: 812, is_dark: false, is_phone: true };

impl Browser {
    /// Starts one, or notes that there is none to be had.
    pub(super) async fn start() -> Option<Self> {
        let (Some(driver), Some(chromium)) =
            (variable("KEYGATE_CHROMEDRIVER"), variable("KEYGATE_CHROMIUM"))
        else {
            return skip("no Chromium");
        };
        let turn = TURNS.acquire().await.unwrap();
        let folder = Folder::new();
        let (driver, url) = Driver::start(&driver, &folder).await;
        let profile = format!("--user-data-dir={}", folder.path().display());
        let arguments = [
            "--headless=new",
            // It refuses to be root's otherwise; what it opens is our own.
            "--no-sandbox",
            // Containers have little of it.
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
            // Nothing is asked or told elsewhere.
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--lang=en-GB",
            profile.as_str(),
        ];
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": chromium, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is one") };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let connecting = builder.capabilities(capabilities).connect(&url);
        let client = timeout(PATIENCE, connecting).await.expect("it starts in time").unwrap();
        let browser = Self { client, driver, _folder: folder, _turn: turn };
        browser.look(LIGHT).await;
        Some(browser)
    }

    /// Ends it in order. One that a failing test leaves behind ends with its driver.
    pub(super) async fn close(self) {
        let _ = timeout(PATIENCE, self.client.clone().close()).await;
        drop(self.driver);
    }

    /// Opens the page of keys, signed in as the operator.
    pub(super) async fn open(&self, origin: &str, password: &str, query: &str) {
        let page = "/dashboard/api-keys";
        let with = origin.replace("http://", &format!("http://operator:{password}@"));
        // The address with the password once: the browser keeps it for this origin.
        self.client.goto(&format!("{with}{page}")).await.unwrap();
        self.client.goto(&format!("{origin}{page}{query}")).await.unwrap();
        self.is_there("#list").await;
    }

    pub(super) async fn look(&self, look: Look) {
        let size = json!({
            "width": look.width, "height": look.height,
            "deviceScaleFactor": 1, "mobile": look.is_phone,
        });
        self.tools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if look.is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.tools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    pub(super) async fn tools(&self, command: &str, parameters: Value) -> Value {
        let command = DevTools(json!({ "cmd": command, "params": parameters }));
        self.client.issue_cmd(command).await.unwrap()
    }

    /// What went to the console as an error or a warning, violations of its policy among it.
    pub(super) async fn complaints(&self) -> Vec<String> {
        let lines = self.client.issue_cmd(Console).await.unwrap();
        let lines = lines.as_array().unwrap().iter();
        let grave =
            lines.filter(|line| matches!(line["level"].as_str(), Some("SEVERE" | "WARNING")));
        grave.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    /// What a function's body returns in the page.
    pub(super) async fn run(&self, script: &str, arguments: Value) -> Value {
        let Value::Array(arguments) = arguments else { panic!("arguments are an array") };
        self.client.execute(script, arguments).await.unwrap()
    }

    /// The first element, once it is there and seen.
    pub(super) async fn is_there(&self, selector: &str) -> Element {
        self.becomes(selector, async || {
            let found = self.client.find(Locator::Css(selector)).await.ok()?;
            found.is_displayed().await.ok().filter(|is| *is).map(|_| found)
        })
        .await
    }

    /// Waits until no such element is seen.
    pub(super) async fn is_gone(&self, selector: &str) {
        self.becomes(selector, async || match self.client.find(Locator::Css(selector)).await {
            Err(_) => Some(()),
            Ok(found) => (!found.is_displayed().await.unwrap_or(false)).then_some(()),
        })
        .await;
    }

    pub(super) async fn click(&self, selector: &str) {
        self.becomes(selector, async || {
            // A row may be redrawn between being found and being clicked.
            self.is_there(selector).await.click().await.ok()
        })
        .await;
    }

    pub(super) async fn fill(&self, selector: &str, text: &str) {
        let field = self.is_there(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// The text of the first element, once it says something.
    pub(super) async fn text(&self, selector: &str) -> String {
        self.becomes(selector, async || {
            let text = self.is_there(selector).await.text().await.ok()?;
            Some(text).filter(|text| !text.is_empty())
        })
        .await
    }

    /// Waits until the element says this, among other things.
    pub(super) async fn says(&self, selector: &str, words: &str) {
        let last = std::cell::RefCell::new(String::new());
        let said = async {
            loop {
                if let Ok(found) = self.client.find(Locator::Css(selector)).await {
                    let text = found.text().await.unwrap_or_default();
                    if text.contains(words) {
                        return;
                    }
                    last.replace(text);
                }
                sleep(LOOK).await;
            }
        };
        let said = timeout(PATIENCE, said).await;
        said.unwrap_or_else(|_| panic!("{selector} says {:?} and not {words:?}", last.take()));
    }

    /// Waits until there is a value.
    pub(super) async fn becomes<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let waiting = async {
            loop {
                if let Some(value) = look().await {
                    return value;
                }
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"))
    }

    /// Presses keys where the focus is.
    pub(super) async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Goes on with the Tab key until the focus is on what the selector names.
    pub(super) async fn tab_to(&self, selector: &str) {
        let is_on = "return document.activeElement?.matches(arguments[0]) ?? false";
        for _ in 0..80 {
            if self.run(is_on, json!([selector])).await == json!(true) {
                return;
            }
            self.press(&Key::Tab.to_string()).await;
        }
        panic!("the Tab key does not lead to {selector}");
    }
}

impl Driver {
    async fn start(program: &str, folder: &Folder) -> (Self, String) {
        let mut command = Command::new(program);
        // What a browser that is killed leaves behind goes with the folder.
        command.env("TMPDIR", folder.path());
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own, so that what it starts ends with it.
        let mut child = command.process_group(0).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let started = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let port = line.split_once("started successfully on port ");
                if let Some((_, port)) = port {
                    return port.trim_end_matches('.').to_owned();
                }
            }
            panic!("the driver has ended");
        };
        let port = timeout(PATIENCE, started).await.expect("it starts in time");
        // What it says further on nobody reads.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        (Self(child), format!("http://127.0.0.1:{port}"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(id) = self.0.id() {
            let group = format!("-{id}");
            let mut kill = std::process::Command::new("kill");
            let _ = kill.args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        }
    }
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.0.to_string()))
    }
}

impl WebDriverCompatibleCommand for Console {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}
