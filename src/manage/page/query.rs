use serde::Deserialize;

use super::super::handlers;
use crate::{ApiError, KeyFilter, Keyring};

/// The keys on one page.
const LIMIT: &str = "50";

/// What the page's address asks for, as it was written. Unknown names are somebody else's.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Query {
    pub(super) search: String,
    pub(super) mode: String,
    pub(super) status: String,
    pub(super) account: String,
    pub(super) cursor: String,
}

impl Query {
    /// Whether it leaves any key out, its place in the list aside.
    pub(super) fn narrows(&self) -> bool {
        [&self.search, &self.mode, &self.status, &self.account]
            .into_iter()
            .any(|value| !value.is_empty())
    }

    /// The keys that it asks for, by the rules of the JSON API.
    pub(super) fn filter(&self, keyring: &Keyring) -> Result<KeyFilter, ApiError> {
        let query = handlers::ListQuery {
            search: Some(self.search.trim().to_owned()),
            status: Some(self.status.clone()),
            mode: Some(self.mode.clone()),
            account: Some(self.account.clone()),
            limit: Some(LIMIT.to_owned()),
            cursor: Some(self.cursor.clone()),
        };
        query.into_filter(keyring)
    }
}
