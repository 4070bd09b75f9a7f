use std::hash::{DefaultHasher, Hash, Hasher};

use askama::Template;
use axum::extract::{Query as QueryOf, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};

use super::Page;
use super::list::List;
use super::query::Query;
use super::templates::{ListTemplate, PageTemplate};
use crate::{ApiError, ErrorCode};

/// The whole page. What is wrong with the filter, or with the store, is told on it.
pub(super) async fn page(
    State(page): State<Page>,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, ApiError> {
    let (list, failure) = match page.load(&query).await {
        Ok(list) => (list, None),
        Err(error) => (List::default(), Some(error)),
    };
    let status = failure.as_ref().map_or(StatusCode::OK, ApiError::status);
    let failure = failure.as_ref().map(ApiError::message);
    let html = render(&PageTemplate::new(&page.dashboard, &query, &list, failure))?;
    Ok((status, html_headers(), html).into_response())
}

/// The list alone, for the page to bring itself up to date; 304 while nothing has changed.
pub(super) async fn list(
    State(page): State<Page>,
    QueryOf(query): QueryOf<Query>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let list = page.load(&query).await?;
    let html = render(&ListTemplate::new(&page.dashboard, &query, &list, None))?;
    let tag = tag(&html);
    let is_known =
        headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let tag = [(ETAG, tag)];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((html_headers(), tag, html).into_response())
}

impl Page {
    async fn load(&self, query: &Query) -> Result<List, ApiError> {
        List::load(query, &self.dashboard.keyring, &self.hours).await
    }
}

fn html_headers() -> [(http::HeaderName, &'static str); 1] {
    [(CONTENT_TYPE, "text/html; charset=utf-8")]
}

fn render(template: &impl Template) -> Result<String, ApiError> {
    template.render().map_err(|error| ApiError::new(ErrorCode::Internal).with_source(error))
}

/// Of this process: another one draws another, and the list is sent once more.
fn tag(html: &str) -> String {
    let mut hasher = DefaultHasher::new();
    html.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}
