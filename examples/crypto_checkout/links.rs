//! Payment links.

use axum::extract::Path;
use axum::http::StatusCode;
use keygate::{ApiError, ErrorCode, Idempotent, Json, Scoped};
use serde::{Deserialize, Serialize};

use super::collection::{Object, Owner, new_id};
use super::money::{Amount, Currency};
use super::patch::given;
use super::timestamp::Timestamp;
use super::{LinksRead, LinksWrite, Page, Shared};

#[derive(Debug, Clone, Serialize)]
pub(super) struct PaymentLink {
    id: String,
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    amount: Amount,
    currency: Currency,
    status: Status,
    archived_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Active,
    Archived,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLink {
    amount: Amount,
    currency: Currency,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkUpdate {
    #[serde(default, deserialize_with = "given")]
    amount: Option<Amount>,
    #[serde(default, deserialize_with = "given")]
    currency: Option<Currency>,
}

impl Object for PaymentLink {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) async fn list(caller: Scoped<LinksRead>, checkout: Shared) -> Json<Page<PaymentLink>> {
    Json(Page { data: checkout.links.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Scoped<LinksRead>,
    checkout: Shared,
    Path(id): Path<String>,
) -> Result<Json<PaymentLink>, ApiError> {
    checkout.links.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Scoped<LinksWrite>,
    checkout: Shared,
    Idempotent(Json(new)): Idempotent<Json<NewLink>>,
) -> (StatusCode, Json<PaymentLink>) {
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
    (StatusCode::CREATED, Json(link))
}

pub(super) async fn update(
    caller: Scoped<LinksWrite>,
    checkout: Shared,
    Path(id): Path<String>,
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
    Path(id): Path<String>,
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
