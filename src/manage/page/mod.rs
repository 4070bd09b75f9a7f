//! The page on which operators manage keys.
//!
//! 1. `list` asks the keyring, `view` decides what is shown of its answers, `templates` and the
//!    files `*.html` write it: nothing is computed in a template.
//! 2. The list is one template, as a part of the page and alone: what the script fetches is what
//!    was there at first. The script formats nothing.
//! 3. Every word that a service may want to call otherwise is in `words`.

mod assets;
mod chart;
mod count;
mod handlers;
mod headers;
mod hours;
mod list;
mod moment;
mod query;
mod templates;
mod view;
mod words;

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::routing::get;

use super::{Gate, gate};
use crate::{Keyring, Mode};
use hours::Hours;
use words::Words;

/// The API-keys page in a service's own words, with the JSON API beside it.
///
/// [`dashboard`](super::dashboard) is one without words of its own.
///
/// ```
/// use axum::Router;
/// use keygate::manage::{BasicAuth, Dashboard};
/// use keygate::{KeyFormat, Keyring, MemoryStore, Mode};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = Keyring::builder(MemoryStore::new(), KeyFormat::base62("ck", 32)?).build()?;
/// let dashboard = Dashboard::new(keys)
///     .service("Crypto Checkout")
///     .name_label("Label")
///     .mode_hint(Mode::Live, "Moves real funds")
///     .example("curl {origin}/api/v1/links -H 'Authorization: Bearer {key}'");
/// let gate = BasicAuth::new("operator", "correct horse battery staple");
/// let app: Router = Router::new().nest("/dashboard", dashboard.router(gate));
/// # let _ = app;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Dashboard {
    keyring: Keyring,
    words: Words,
}

/// What the page's handlers share.
#[derive(Debug, Clone)]
struct Page {
    dashboard: Arc<Dashboard>,
    hours: Arc<Hours>,
}

impl Dashboard {
    /// A page about these keys, in the crate's words.
    pub fn new(keyring: Keyring) -> Self {
        Self { keyring, words: Words::default() }
    }

    /// The service's name, above the heading. None unless set.
    pub fn service(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.words.service = name.into();
        self
    }

    /// The heading. `API keys` unless set.
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.words.title = title.into();
        self
    }

    /// What a key's name is called. `Name` unless set.
    pub fn name_label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.words.name = label.into();
        self
    }

    /// What the account is called that a key belongs to. `Account` unless set.
    pub fn account_label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.words.account = label.into();
        self
    }

    /// What a plan is called. `Plan` unless set.
    pub fn plan_label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.words.plan = label.into();
        self
    }

    /// What the end of a key is called. `Expires` unless set.
    pub fn expiry_label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.words.expiry = label.into();
        self
    }

    /// What keys of a mode are for, told to who chooses one.
    ///
    /// `Real requests` and `For trying things out` unless set. The mode itself is called as in the
    /// keyring's formats.
    pub fn mode_hint(mut self, mode: Mode, hint: impl Into<Cow<'static, str>>) -> Self {
        match mode {
            Mode::Live => self.words.live = hint.into(),
            Mode::Test => self.words.test = hint.into(),
        }
        self
    }

    /// A command to try a new key with, shown beside it.
    ///
    /// `{key}` stands for its text, `{origin}` for where the page was opened, such as
    /// `https://api.example.com`. `curl {origin}/ -H 'Authorization: Bearer {key}'` unless set.
    pub fn example(mut self, command: impl Into<Cow<'static, str>>) -> Self {
        self.words.example = command.into();
        self
    }

    /// The page and the JSON API, to be nested under a prefix. Every request passes the gate.
    pub fn router<S>(self, gate: impl Gate) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let api = super::api().with_state(self.keyring.clone());
        let page = Router::new()
            .route("/api-keys", get(handlers::page))
            .route("/api-keys/list", get(handlers::list))
            .route("/api-keys/page.css", get(assets::style))
            .route("/api-keys/icon.svg", get(assets::icon))
            .route("/api-keys/page.js", get(assets::script))
            .with_state(Page { dashboard: Arc::new(self), hours: Arc::default() });
        Router::new()
            .nest("/api", api)
            .merge(page)
            // With a fallback of its own the gate also stands before unknown paths.
            .fallback(crate::not_found)
            .layer(gate::GateLayer::new(gate))
            .layer(map_response(headers::secure))
    }
}
