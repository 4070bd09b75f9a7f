//! Payment links, of the platform or of a connected account.

use axum::extract::Path;
use axum::http::StatusCode;
use keygate::{ApiError, Json, Scoped};
use serde::{Deserialize, Serialize};

use super::collection::{Object, Owner, new_id};
use super::money::{Amount, Currency};
use super::timestamp::Timestamp;
use super::{LinksRead, LinksWrite, Shared};

#[derive(Debug, Clone, Serialize)]
pub(super) struct PaymentLink {
    id: String,
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    account: String,
    amount: Amount,
    currency: Currency,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLink {
    amount: Amount,
    currency: Currency,
}

#[derive(Debug, Serialize)]
pub(super) struct Page {
    data: Vec<PaymentLink>,
}

impl Object for PaymentLink {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) async fn list(caller: Scoped<LinksRead>, pik: Shared) -> Json<Page> {
    Json(Page { data: pik.links.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<LinksRead>,
    pik: Shared,
    Path(id): Path<String>,
) -> Result<Json<PaymentLink>, ApiError> {
    pik.links.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Scoped<LinksWrite>,
    pik: Shared,
    Json(new): Json<NewLink>,
) -> (StatusCode, Json<PaymentLink>) {
    let owner = Owner::of(&caller);
    let link = PaymentLink {
        id: new_id("plink"),
        object: "payment_link",
        livemode: owner.livemode(),
        created_at: Timestamp::now(&*pik.clock),
        account: owner.account().to_string(),
        amount: new.amount,
        currency: new.currency,
    };
    pik.links.insert(&owner, link.clone());
    (StatusCode::CREATED, Json(link))
}
