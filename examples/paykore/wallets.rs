//! Wallets. PayKore's keys have no scopes: whoever has one may do everything of its account.

use axum::extract::Path;
use axum::http::StatusCode;
use keygate::{ApiError, Json, Principal};
use serde::{Deserialize, Serialize};

use super::Shared;
use super::collection::{Object, Owner, new_id};
use super::money::Currency;
use super::timestamp::Timestamp;

#[derive(Debug, Clone, Serialize)]
pub(super) struct Wallet {
    id: String,
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    currency: Currency,
    label: Option<Label>,
    balance: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWallet {
    currency: Currency,
    label: Option<Label>,
}

/// 1 to 100 characters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Label(String);

#[derive(Debug, Serialize)]
pub(super) struct Page {
    data: Vec<Wallet>,
}

impl Object for Wallet {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) async fn list(caller: Principal, paykore: Shared) -> Json<Page> {
    Json(Page { data: paykore.wallets.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Principal,
    paykore: Shared,
    Path(id): Path<String>,
) -> Result<Json<Wallet>, ApiError> {
    paykore.wallets.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Principal,
    paykore: Shared,
    Json(new): Json<NewWallet>,
) -> (StatusCode, Json<Wallet>) {
    let owner = Owner::of(&caller);
    let wallet = Wallet {
        id: new_id("wal"),
        object: "wallet",
        livemode: owner.livemode(),
        created_at: Timestamp::now(&*paykore.clock),
        currency: new.currency,
        label: new.label,
        // Nobody pays into an example.
        balance: "0.00",
    };
    paykore.wallets.insert(&owner, wallet.clone());
    (StatusCode::CREATED, Json(wallet))
}

impl TryFrom<String> for Label {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=100).contains(&text.chars().count());
        if fits { Ok(Self(text)) } else { Err("must have 1 to 100 characters") }
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}
