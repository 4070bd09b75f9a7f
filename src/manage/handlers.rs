use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;

use super::dto::{
    self, HourView, IssueBody, IssuedView, KeyView, Listed, Page, RevokeBody, RotateBody,
    ScopeView, UpdateBody,
};
use crate::store::{KeyRecord, KeyUsage};
use crate::{ApiError, ErrorCode, IssuedKey, Json, KeyFilter, KeyId, Keyring, KeyringError};

/// The longest text that is searched for, in characters: no name is longer.
const MAX_SEARCH: usize = 100;

#[derive(Debug, Default)]
pub(super) struct ListQuery {
    pub(super) status: Option<String>,
    pub(super) mode: Option<String>,
    pub(super) account: Option<String>,
    pub(super) search: Option<String>,
    pub(super) limit: Option<String>,
    pub(super) cursor: Option<String>,
}

pub(super) async fn list(
    State(keyring): State<Keyring>,
    fields: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Json<Page>, ApiError> {
    let Query(fields) =
        fields.map_err(|rejection| ApiError::invalid_field("query", rejection.body_text()))?;
    let filter = ListQuery::new(fields)?.into_filter(&keyring)?;
    let page = keyring.list(filter).await.map_err(to_api_error)?;
    let ids: Vec<_> = page.records.iter().map(|record| record.id.clone()).collect();
    let usage = keyring.usage_of(&ids).await.map_err(to_api_error)?;
    let keys = page.records.into_iter().zip(usage);
    let data = keys.map(|(record, usage)| KeyView::new(record, usage, &keyring)).collect();
    Ok(Json(Page { data, next_cursor: page.next.map(|cursor| cursor.to_string()) }))
}

pub(super) async fn issue(
    State(keyring): State<Keyring>,
    Json(body): Json<IssueBody>,
) -> Result<Response, ApiError> {
    let issued = keyring.issue(body.into_new_key(&keyring)?).await.map_err(to_api_error)?;
    Ok(shown_once(&issued, &keyring))
}

pub(super) async fn find(
    State(keyring): State<Keyring>,
    Path(id): Path<String>,
) -> Result<Json<KeyView>, ApiError> {
    let found = keyring.find(&key_id(&id)?).await.map_err(to_api_error)?;
    let record = found.ok_or_else(no_such_key)?;
    let usage = keyring.usage(&record.id).await.map_err(to_api_error)?;
    Ok(Json(KeyView::new(record, usage, &keyring)))
}

pub(super) async fn usage(
    State(keyring): State<Keyring>,
    Path(id): Path<String>,
) -> Result<Json<Listed<HourView>>, ApiError> {
    let found = keyring.find(&key_id(&id)?).await.map_err(to_api_error)?;
    let record = found.ok_or_else(no_such_key)?;
    let usage = keyring.hourly_usage(&record.id).await.map_err(to_api_error)?;
    Ok(Json(Listed { data: usage.hours().iter().copied().map(HourView::new).collect() }))
}

pub(super) async fn update(
    State(keyring): State<Keyring>,
    Path(id): Path<String>,
    Json(body): Json<UpdateBody>,
) -> Result<Json<KeyView>, ApiError> {
    let update = body.into_update()?;
    let record = keyring.update(&key_id(&id)?, update).await.map_err(to_api_error)?;
    Ok(changed(record, &keyring).await)
}

pub(super) async fn revoke(
    State(keyring): State<Keyring>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<KeyView>, ApiError> {
    let id = key_id(&id)?;
    // The reason is optional, and so is the object around it.
    let body = if body.is_empty() { RevokeBody::default() } else { Json::from_bytes(&body)?.0 };
    let revoked = match body.reason {
        Some(reason) => keyring.revoke_because(&id, reason).await,
        None => keyring.revoke(&id).await,
    };
    Ok(changed(revoked.map_err(to_api_error)?, &keyring).await)
}

pub(super) async fn rotate(
    State(keyring): State<Keyring>,
    Path(id): Path<String>,
    Json(body): Json<RotateBody>,
) -> Result<Response, ApiError> {
    let overlap = Duration::from_secs(body.overlap_seconds);
    let issued = keyring.rotate(&key_id(&id)?, overlap).await.map_err(to_api_error)?;
    Ok(shown_once(&issued, &keyring))
}

pub(super) async fn scopes(State(keyring): State<Keyring>) -> Json<Listed<ScopeView>> {
    let view = |scope: &'static crate::scope::ScopeDefinition| ScopeView {
        name: scope.name.as_str(),
        description: scope.description,
    };
    Json(Listed { data: keyring.catalogue().iter().map(view).collect() })
}

impl ListQuery {
    /// Each field by its name, so that what is wrong is told of the field that it is wrong with.
    fn new(fields: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut query = Self::default();
        for (name, value) in fields {
            let field = match name.as_str() {
                "status" => &mut query.status,
                "mode" => &mut query.mode,
                "account" => &mut query.account,
                "search" => &mut query.search,
                "limit" => &mut query.limit,
                "cursor" => &mut query.cursor,
                _ => return Err(ApiError::invalid_field(name, "is not a known field")),
            };
            if field.replace(value).is_some() {
                return Err(ApiError::invalid_field(name, "must be given once"));
            }
        }
        Ok(query)
    }

    /// An empty value is one that is not given: forms send those.
    pub(super) fn into_filter(self, keyring: &Keyring) -> Result<KeyFilter, ApiError> {
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let mut filter = KeyFilter::default();
        if let Some(word) = given(self.status) {
            filter = filter.status(dto::status(&word)?);
        }
        if let Some(word) = given(self.mode) {
            filter = filter.mode(dto::mode(&word, keyring)?);
        }
        if let Some(id) = given(self.account) {
            filter = filter.account(dto::account(&id)?);
        }
        if let Some(text) = given(self.search) {
            if text.chars().count() > MAX_SEARCH {
                let problem = format!("must have at most {MAX_SEARCH} characters");
                return Err(ApiError::invalid_field("search", problem));
            }
            filter = filter.search(text);
        }
        if let Some(limit) = given(self.limit) {
            let limit = limit.parse().ok().filter(|limit| (1..=200).contains(limit));
            let limit =
                limit.ok_or_else(|| ApiError::invalid_field("limit", "must be 1 to 200"))?;
            filter = filter.limit(limit);
        }
        if let Some(cursor) = given(self.cursor) {
            let cursor = cursor.parse().map_err(|_| {
                ApiError::invalid_field("cursor", "must be the `next_cursor` of an earlier page")
            })?;
            filter = filter.cursor(cursor);
        }
        Ok(filter)
    }
}

/// A key as it is after a change. That was made: the answer does not fail for want of the usage.
async fn changed(record: KeyRecord, keyring: &Keyring) -> Json<KeyView> {
    let usage = keyring.usage_if_known(&record.id).await;
    Json(KeyView::new(record, usage, keyring))
}

fn shown_once(issued: &IssuedKey, keyring: &Keyring) -> Response {
    // A new key has not been used.
    let view = KeyView::new(issued.record().clone(), KeyUsage::default(), keyring);
    let body = Json(IssuedView { view, key: issued.key().expose() });
    (StatusCode::CREATED, body).into_response()
}

fn key_id(text: &str) -> Result<KeyId, ApiError> {
    KeyId::parse(text).map_err(|_| no_such_key())
}

fn no_such_key() -> ApiError {
    ApiError::not_found().with_message("No such key.")
}

pub(super) fn to_api_error(error: KeyringError) -> ApiError {
    let conflict = |message: &'static str| ApiError::new(ErrorCode::Conflict).with_message(message);
    match error {
        KeyringError::UnknownKey => no_such_key(),
        KeyringError::Invalid { field, problem } => ApiError::invalid_field(field, problem),
        KeyringError::Revoked => conflict("The key is revoked."),
        KeyringError::Expired => conflict("The key has expired."),
        KeyringError::AlreadyRotated => conflict("The key was rotated already."),
        KeyringError::NoRuntime => ApiError::new(ErrorCode::Internal).with_source(error),
        failed => ApiError::unavailable(Duration::from_secs(1)).with_source(failed),
    }
}
