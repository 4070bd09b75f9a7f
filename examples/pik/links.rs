//! Payment links, of the platform or of a connected account.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::Path;
use keygate::{ApiError, Json, Scoped};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::by_id::{ById, Named};
use super::collection::{Object, Owner, new_id};
use super::created::Created;
use super::money::{Amount, Currency};
use super::reference::about;
use super::timestamp::Timestamp;
use super::{LinksRead, LinksWrite, Shared, State};

/// A payment link.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct PaymentLink {
    id: String,
    #[schemars(extend("const" = "payment_link"))]
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    account: String,
    amount: Amount,
    currency: Currency,
}

/// A payment link to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLink {
    amount: Amount,
    currency: Currency,
}

/// Payment links, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PaymentLinkList")]
pub(super) struct Page {
    data: Vec<PaymentLink>,
}

impl Object for PaymentLink {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/payment-links",
            get_with(list, about("listPaymentLinks", "List payment links, newest first"))
                .post_with(create, about("createPaymentLink", "Create a payment link")),
        )
        .api_route(
            "/payment-links/{id}",
            get_with(retrieve, about("getPaymentLink", "Retrieve a payment link")),
        )
        .with_path_items(|item| item.tag("Payment links"))
}

pub(super) async fn list(caller: Scoped<LinksRead>, pik: Shared) -> Json<Page> {
    Json(Page { data: pik.links.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<LinksRead>,
    pik: Shared,
    Path(Named { id }): ById,
) -> Result<Json<PaymentLink>, ApiError> {
    pik.links.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Scoped<LinksWrite>,
    pik: Shared,
    Json(new): Json<NewLink>,
) -> Created<PaymentLink> {
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
    Created(link)
}
