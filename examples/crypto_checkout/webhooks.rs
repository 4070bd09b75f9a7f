//! Webhook endpoints. The example keeps them and sends nothing.

use std::sync::LazyLock;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::extract::Path;
use keygate::{ApiError, Idempotent, Json, Scoped};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::by_id::{ById, Named};
use super::collection::{Object, Owner, new_id};
use super::created::Created;
use super::events::Event;
use super::reference::about;
use super::timestamp::Timestamp;
use super::{Page, Shared, State, WebhooksRead, WebhooksWrite};

/// The most types of events that one endpoint listens to.
const MAX_EVENTS: usize = 32;

/// A webhook endpoint.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Webhook {
    id: String,
    #[schemars(extend("const" = "webhook"))]
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    url: Endpoint,
    events: Vec<EventType>,
}

/// A webhook endpoint that is no more.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeletedWebhook {
    id: String,
    #[schemars(extend("const" = "webhook"))]
    object: &'static str,
    livemode: bool,
    deleted: bool,
}

/// A webhook endpoint to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    url: Endpoint,
    #[schemars(length(min = 1, max = MAX_EVENTS))]
    events: Vec<EventType>,
}

/// An `https` address with a host, of up to 2,048 characters.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(example = &"https://example.com/hooks")]
struct Endpoint(#[schemars(regex(pattern = ENDPOINT), length(max = MAX_ENDPOINT))] String);

/// A thing and what happened to it, such as `session.completed`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(example = &"session.completed")]
struct EventType(#[schemars(regex(pattern = EVENT_TYPE), length(max = MAX_EVENT_TYPE))] String);

/// A name or an IPv4 address, and what follows it; nobody's name and password.
const ENDPOINT: &str =
    r"^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?([/?][!-~]*)?$";
const MAX_ENDPOINT: usize = 2048;

const EVENT_TYPE: &str = r"^[a-z_]+\.[a-z_]+$";
const MAX_EVENT_TYPE: usize = 64;

impl Object for Webhook {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/webhooks",
            get_with(list, about("listWebhooks", "List webhook endpoints, newest first"))
                .post_with(create, about("createWebhook", "Create a webhook endpoint")),
        )
        .api_route(
            "/webhooks/{id}",
            get_with(retrieve, about("getWebhook", "Retrieve a webhook endpoint"))
                .delete_with(delete, about("deleteWebhook", "Delete a webhook endpoint")),
        )
        .api_route(
            "/webhooks/{id}/test",
            post_with(test, about("testWebhook", "Retrieve the event that it would be sent")),
        )
        .with_path_items(|item| item.tag("Webhooks"))
}

pub(super) async fn list(caller: Scoped<WebhooksRead>, checkout: Shared) -> Json<Page<Webhook>> {
    Json(Page { data: checkout.webhooks.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<WebhooksRead>,
    checkout: Shared,
    Path(Named { id }): ById,
) -> Result<Json<Webhook>, ApiError> {
    checkout.webhooks.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Scoped<WebhooksWrite>,
    checkout: Shared,
    Idempotent(Json(new)): Idempotent<Json<NewWebhook>>,
) -> Result<Created<Webhook>, ApiError> {
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
    Ok(Created(webhook))
}

pub(super) async fn delete(
    caller: Scoped<WebhooksWrite>,
    checkout: Shared,
    Path(Named { id }): ById,
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
    Path(Named { id }): ById,
    _: Idempotent,
) -> Result<Json<Event>, ApiError> {
    let owner = Owner::of(&caller);
    let webhook = checkout.webhooks.get(&owner, &id)?;
    Ok(Json(checkout.note(&owner, "webhook.test", &webhook)))
}

impl TryFrom<String> for Endpoint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(ENDPOINT).ok());
        let is_https = FORM.as_ref().is_some_and(|form| form.is_match(&text));
        let fits = text.len() <= MAX_ENDPOINT;
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
        static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(EVENT_TYPE).ok());
        let is_one = FORM.as_ref().is_some_and(|form| form.is_match(&text));
        if is_one && text.len() <= MAX_EVENT_TYPE {
            Ok(Self(text))
        } else {
            Err("must be a type such as \"session.completed\"")
        }
    }
}

impl From<EventType> for String {
    fn from(event: EventType) -> Self {
        event.0
    }
}
