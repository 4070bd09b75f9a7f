use std::borrow::Cow;

use crate::Mode;

/// What the service calls things.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) service: Cow<'static, str>,
    pub(super) title: Cow<'static, str>,
    pub(super) name: Cow<'static, str>,
    pub(super) account: Cow<'static, str>,
    pub(super) plan: Cow<'static, str>,
    pub(super) expiry: Cow<'static, str>,
    pub(super) live: Cow<'static, str>,
    pub(super) test: Cow<'static, str>,
    pub(super) example: Cow<'static, str>,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            service: "".into(),
            title: "API keys".into(),
            name: "Name".into(),
            account: "Account".into(),
            plan: "Plan".into(),
            expiry: "Expires".into(),
            live: "Real requests".into(),
            test: "For trying things out".into(),
            example: "curl {origin}/ -H 'Authorization: Bearer {key}'".into(),
        }
    }
}

impl Words {
    /// What keys of a mode are for.
    pub(super) fn hint(&self, mode: Mode) -> &str {
        match mode {
            Mode::Live => &self.live,
            Mode::Test => &self.test,
        }
    }
}
