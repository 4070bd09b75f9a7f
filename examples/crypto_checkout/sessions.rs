//! Checkout sessions.

use axum::extract::Path;
use axum::http::StatusCode;
use keygate::{ApiError, Idempotent, Json, Scoped};
use serde::{Deserialize, Serialize};

use super::collection::{Object, Owner, new_id};
use super::money::{Amount, Currency};
use super::timestamp::Timestamp;
use super::{Page, SessionsRead, SessionsWrite, Shared};

#[derive(Debug, Clone, Serialize)]
pub(super) struct CheckoutSession {
    id: String,
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    amount: Amount,
    currency: Currency,
    status: &'static str,
}

#[derive(Debug, Deserialize)]
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

pub(super) async fn list(
    caller: Scoped<SessionsRead>,
    checkout: Shared,
) -> Json<Page<CheckoutSession>> {
    Json(Page { data: checkout.sessions.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<SessionsRead>,
    checkout: Shared,
    Path(id): Path<String>,
) -> Result<Json<CheckoutSession>, ApiError> {
    checkout.sessions.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Scoped<SessionsWrite>,
    checkout: Shared,
    Idempotent(Json(new)): Idempotent<Json<NewSession>>,
) -> (StatusCode, Json<CheckoutSession>) {
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
    (StatusCode::CREATED, Json(session))
}
