//! Webhook endpoints. The example keeps them and sends nothing.

use axum::extract::Path;
use axum::http::{StatusCode, Uri};
use keygate::{ApiError, Idempotent, Json, Scoped};
use serde::{Deserialize, Serialize};

use super::collection::{Object, Owner, new_id};
use super::events::Event;
use super::timestamp::Timestamp;
use super::{Page, Shared, WebhooksRead, WebhooksWrite};

/// The most types of events that one endpoint listens to.
const MAX_EVENTS: usize = 32;

#[derive(Debug, Clone, Serialize)]
pub(super) struct Webhook {
    id: String,
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    url: Endpoint,
    events: Vec<EventType>,
}

#[derive(Debug, Serialize)]
pub(super) struct DeletedWebhook {
    id: String,
    object: &'static str,
    livemode: bool,
    deleted: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    url: Endpoint,
    events: Vec<EventType>,
}

/// An `https` address with a host, of up to 2,048 characters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Endpoint(String);

/// A thing and what happened to it, such as `session.completed`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct EventType(String);

impl Object for Webhook {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) async fn list(caller: Scoped<WebhooksRead>, checkout: Shared) -> Json<Page<Webhook>> {
    Json(Page { data: checkout.webhooks.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<WebhooksRead>,
    checkout: Shared,
    Path(id): Path<String>,
) -> Result<Json<Webhook>, ApiError> {
    checkout.webhooks.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Scoped<WebhooksWrite>,
    checkout: Shared,
    Idempotent(Json(new)): Idempotent<Json<NewWebhook>>,
) -> Result<(StatusCode, Json<Webhook>), ApiError> {
    if !(1..=MAX_EVENTS).contains(&new.events.len()) {
        return Err(ApiError::invalid_field("events", "must name 1 to 32 types of events"));
    }
    let owner = Owner::of(&caller);
    let webhook = Webhook {
        id: new_id("we"),
        object: "webhook",
        livemode: owner.livemode(),
        created_at: checkout.now(),
        url: new.url,
        events: new.events,
    };
    checkout.webhooks.insert(&owner, webhook.clone());
    checkout.note(&owner, "webhook.created", &webhook);
    Ok((StatusCode::CREATED, Json(webhook)))
}

pub(super) async fn delete(
    caller: Scoped<WebhooksWrite>,
    checkout: Shared,
    Path(id): Path<String>,
    _: Idempotent,
) -> Result<Json<DeletedWebhook>, ApiError> {
    let owner = Owner::of(&caller);
    let webhook = checkout.webhooks.remove(&owner, &id)?;
    checkout.note(&owner, "webhook.deleted", &webhook);
    let Webhook { id, object, livemode, .. } = webhook;
    Ok(Json(DeletedWebhook { id, object, livemode, deleted: true }))
}

/// Answers with the event that the endpoint would be sent.
pub(super) async fn test(
    caller: Scoped<WebhooksWrite>,
    checkout: Shared,
    Path(id): Path<String>,
    _: Idempotent,
) -> Result<Json<Event>, ApiError> {
    let owner = Owner::of(&caller);
    let webhook = checkout.webhooks.get(&owner, &id)?;
    Ok(Json(checkout.note(&owner, "webhook.test", &webhook)))
}

impl TryFrom<String> for Endpoint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let uri: Option<Uri> = text.parse().ok();
        let is_https = uri.is_some_and(|uri| {
            uri.scheme_str() == Some("https")
                && uri.authority().is_some_and(|host| !host.as_str().contains('@'))
        });
        let fits = text.len() <= 2048;
        if is_https && fits { Ok(Self(text)) } else { Err("must be an https:// address") }
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0
    }
}

impl TryFrom<String> for EventType {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        let valid = text.len() <= 64
            && text.split_once('.').is_some_and(|(thing, what)| word(thing) && word(what));
        if valid { Ok(Self(text)) } else { Err("must be a type such as \"session.completed\"") }
    }
}

impl From<EventType> for String {
    fn from(event: EventType) -> Self {
        event.0
    }
}
