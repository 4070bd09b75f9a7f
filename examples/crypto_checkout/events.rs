//! What happened: every change leaves an event.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::Path;
use keygate::{ApiError, Json, Scoped};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::by_id::{ById, Named};
use super::collection::{Object, Owner, new_id};
use super::reference::about;
use super::timestamp::Timestamp;
use super::{EventsRead, Page, Shared, State};

/// What happened to an object.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Event {
    id: String,
    #[schemars(extend("const" = "event"))]
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    r#type: &'static str,
    /// The object as it was right after.
    #[schemars(with = "serde_json::Map<String, Value>")]
    data: Value,
}

impl Event {
    pub(super) fn new(
        owner: &Owner,
        what: &'static str,
        object: &impl Serialize,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id: new_id("evt"),
            object: "event",
            livemode: owner.livemode(),
            created_at,
            r#type: what,
            // Only maps with keys that are no text fail, and our objects have none.
            data: serde_json::to_value(object).unwrap_or_default(),
        }
    }
}

impl Object for Event {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route("/events", get_with(list, about("listEvents", "List events, newest first")))
        .api_route("/events/{id}", get_with(retrieve, about("getEvent", "Retrieve an event")))
        .with_path_items(|item| item.tag("Events"))
}

pub(super) async fn list(caller: Scoped<EventsRead>, checkout: Shared) -> Json<Page<Event>> {
    Json(Page { data: checkout.events.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<EventsRead>,
    checkout: Shared,
    Path(Named { id }): ById,
) -> Result<Json<Event>, ApiError> {
    checkout.events.get(&Owner::of(&caller), &id).map(Json)
}
