//! What happened: every change leaves an event.

use axum::extract::Path;
use keygate::{ApiError, Json, Scoped};
use serde::Serialize;
use serde_json::Value;

use super::collection::{Object, Owner, new_id};
use super::timestamp::Timestamp;
use super::{EventsRead, Page, Shared};

#[derive(Debug, Clone, Serialize)]
pub(super) struct Event {
    id: String,
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    r#type: &'static str,
    /// The object as it was right after.
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

pub(super) async fn list(caller: Scoped<EventsRead>, checkout: Shared) -> Json<Page<Event>> {
    Json(Page { data: checkout.events.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<EventsRead>,
    checkout: Shared,
    Path(id): Path<String>,
) -> Result<Json<Event>, ApiError> {
    checkout.events.get(&Owner::of(&caller), &id).map(Json)
}
