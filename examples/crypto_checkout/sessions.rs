//! Checkout sessions.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::Path;
use keygate::{ApiError, Idempotent, Json, Scoped};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::by_id::{ById, Named};
use super::collection::{Object, Owner, new_id};
use super::created::Created;
use super::money::{Amount, Currency};
use super::reference::about;
use super::timestamp::Timestamp;
use super::{Page, SessionsRead, SessionsWrite, Shared, State};

/// A checkout session.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct CheckoutSession {
    id: String,
    #[schemars(extend("const" = "checkout_session"))]
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    amount: Amount,
    currency: Currency,
    #[schemars(extend("const" = "open"))]
    status: &'static str,
}

/// A checkout session to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSession {
    amount: Amount,
    currency: Currency,
}

impl Object for CheckoutSession {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/checkout_sessions",
            get_with(list, about("listCheckoutSessions", "List checkout sessions, newest first"))
                .post_with(create, about("createCheckoutSession", "Create a checkout session")),
        )
        .api_route(
            "/checkout_sessions/{id}",
            get_with(retrieve, about("getCheckoutSession", "Retrieve a checkout session")),
        )
        .with_path_items(|item| item.tag("Checkout sessions"))
}

pub(super) async fn list(
    caller: Scoped<SessionsRead>,
    checkout: Shared,
) -> Json<Page<CheckoutSession>> {
    Json(Page { data: checkout.sessions.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<SessionsRead>,
    checkout: Shared,
    Path(Named { id }): ById,
) -> Result<Json<CheckoutSession>, ApiError> {
    checkout.sessions.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Scoped<SessionsWrite>,
    checkout: Shared,
    Idempotent(Json(new)): Idempotent<Json<NewSession>>,
) -> Created<CheckoutSession> {
    let owner = Owner::of(&caller);
    let session = CheckoutSession {
        id: new_id("cs"),
        object: "checkout_session",
        livemode: owner.livemode(),
        created_at: checkout.now(),
        amount: new.amount,
        currency: new.currency,
        // Nobody pays an example.
        status: "open",
    };
    checkout.sessions.insert(&owner, session.clone());
    checkout.note(&owner, "session.created", &session);
    Created(session)
}
