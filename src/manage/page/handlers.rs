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

/// What stands behind the `?`, as it was sent.
type Fields = QueryOf<Vec<(String, String)>>;

/// The whole page. What is wrong with the filter, or with the store, is told on it.
pub(super) async fn page(State(page): State<Page>, fields: Fields) -> Result<Response, ApiError> {
    let (query, asked) = Query::new(fields.0);
    let loaded = match asked {
        Ok(()) => page.load(&query).await,
        Err(error) => Err(error),
    };
    let (list, failure) = match loaded {
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
    fields: Fields,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (query, asked) = Query::new(fields.0);
    asked?;
    let list = page.load(&query).await?;
    let html = render(&ListTemplate::new(&page.dashboard, &query, &list, None))?;
    let tag = tag(&html);
    let is_known = is_known(&headers, &tag);
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

/// Whether the client has what has this tag, by the weak comparison of RFC 9110, 13.1.2: a proxy
/// that compresses weakens tags. A tag of ours has no comma, so that the lists need no parser.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_one_by_one() {
        for (lists, expected) in [
            (&[][..], false),
            (&["\"a1\""], true),
            (&["W/\"a1\""], true),
            (&["*"], true),
            (&["\"b2\", \"a1\""], true),
            (&["\"b2\",W/\"a1\" , \"c3\""], true),
            (&["\"b2\"", "\"a1\""], true),
            (&[""], false),
            (&["a1"], false),
            (&["w/\"a1\""], false),
            (&["\"a1\"x"], false),
            (&["\"a1, \""], false),
            (&["\"b2\", W/\"c3\""], false),
        ] {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(IF_NONE_MATCH, HeaderValue::from_static(list));
            }
            assert_eq!(is_known(&headers, "\"a1\""), expected, "{headers:?}");
        }
    }
}
