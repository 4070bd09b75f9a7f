//! Payment links.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::extract::Path;
use keygate::{ApiError, ErrorCode, Idempotent, Json, Scoped};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::by_id::{ById, Named};
use super::collection::{Object, Owner, new_id};
use super::created::Created;
use super::money::{Amount, Currency};
use super::patch::given;
use super::reference::about;
use super::timestamp::Timestamp;
use super::{LinksRead, LinksWrite, Page, Shared, State};

/// A payment link.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct PaymentLink {
    id: String,
    #[schemars(extend("const" = "payment_link"))]
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    amount: Amount,
    currency: Currency,
    status: Status,
    archived_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Active,
    Archived,
}

/// A payment link to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLink {
    amount: Amount,
    currency: Currency,
}

/// What is to be changed; what is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkUpdate {
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Amount", skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Currency", skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
}

impl Object for PaymentLink {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/payment_links",
            get_with(list, about("listPaymentLinks", "List payment links, newest first"))
                .post_with(create, about("createPaymentLink", "Create a payment link")),
        )
        .api_route(
            "/payment_links/{id}",
            // One page of the service says "delete", the other "archive": both do the same.
            get_with(retrieve, about("getPaymentLink", "Retrieve a payment link"))
                .patch_with(update, |operation| {
                    about("updatePaymentLink", "Change a payment link that is active")(operation)
                        .response::<409, ApiError>()
                })
                .delete_with(archive, about("deletePaymentLink", "Archive a payment link")),
        )
        .api_route(
            "/payment_links/{id}/archive",
            post_with(archive, about("archivePaymentLink", "Archive a payment link")),
        )
        .with_path_items(|item| item.tag("Payment links"))
}

pub(super) async fn list(caller: Scoped<LinksRead>, checkout: Shared) -> Json<Page<PaymentLink>> {
    Json(Page { data: checkout.links.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<LinksRead>,
    checkout: Shared,
    Path(Named { id }): ById,
) -> Result<Json<PaymentLink>, ApiError> {
    checkout.links.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Scoped<LinksWrite>,
    checkout: Shared,
    Idempotent(Json(new)): Idempotent<Json<NewLink>>,
) -> Created<PaymentLink> {
    let owner = Owner::of(&caller);
    let link = PaymentLink {
        id: new_id("plink"),
        object: "payment_link",
        livemode: owner.livemode(),
        created_at: checkout.now(),
        amount: new.amount,
        currency: new.currency,
        status: Status::Active,
        archived_at: None,
    };
    checkout.links.insert(&owner, link.clone());
    checkout.note(&owner, "link.created", &link);
    Created(link)
}

pub(super) async fn update(
    caller: Scoped<LinksWrite>,
    checkout: Shared,
    Path(Named { id }): ById,
    Idempotent(Json(update)): Idempotent<Json<LinkUpdate>>,
) -> Result<Json<PaymentLink>, ApiError> {
    let owner = Owner::of(&caller);
    let link = checkout.links.change(&owner, &id, |link| {
        if link.status == Status::Archived {
            return Err(
                ApiError::new(ErrorCode::Conflict).with_message("The payment link is archived.")
            );
        }
        link.amount = update.amount.unwrap_or(link.amount.clone());
        link.currency = update.currency.unwrap_or(link.currency.clone());
        Ok(link.clone())
    })?;
    checkout.note(&owner, "link.updated", &link);
    Ok(Json(link))
}

/// A link that is archived already stays as it is.
pub(super) async fn archive(
    caller: Scoped<LinksWrite>,
    checkout: Shared,
    Path(Named { id }): ById,
    _: Idempotent,
) -> Result<Json<PaymentLink>, ApiError> {
    let owner = Owner::of(&caller);
    let now = checkout.now();
    let (link, is_news) = checkout.links.change(&owner, &id, |link| {
        let is_news = link.status == Status::Active;
        if is_news {
            link.status = Status::Archived;
            link.archived_at = Some(now);
        }
        Ok((link.clone(), is_news))
    })?;
    if is_news {
        checkout.note(&owner, "link.archived", &link);
    }
    Ok(Json(link))
}
