use super::super::handlers;
use crate::{ApiError, KeyFilter, Keyring};

/// The keys on one page.
const LIMIT: &str = "50";

/// What the page's address asks for, as it was written. Unknown names are somebody else's.
#[derive(Debug, Default, Clone)]
pub(super) struct Query {
    pub(super) search: String,
    pub(super) mode: String,
    pub(super) status: String,
    pub(super) account: String,
    pub(super) cursor: String,
}

impl Query {
    /// The query, and whether it can be answered: of what is given twice it has the first.
    pub(super) fn new(fields: Vec<(String, String)>) -> (Self, Result<(), ApiError>) {
        let (mut query, mut asked) = (Self::default(), Ok(()));
        let mut seen = Vec::new();
        for (name, value) in fields {
            let field = match name.as_str() {
                "search" => &mut query.search,
                "mode" => &mut query.mode,
                "status" => &mut query.status,
                "account" => &mut query.account,
                "cursor" => &mut query.cursor,
                _ => continue,
            };
            if seen.contains(&name) {
                asked = Err(ApiError::invalid_field(name, "must be given once"));
            } else {
                *field = value;
                seen.push(name);
            }
        }
        (query, asked)
    }

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
