//! Wallets. PayKore's keys have no scopes: whoever has one may do everything of its account.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::Path;
use keygate::{ApiError, Json, Principal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::by_id::{ById, Named};
use super::collection::{Object, Owner, new_id};
use super::created::Created;
use super::money::Currency;
use super::reference::about;
use super::timestamp::Timestamp;
use super::{Shared, State};

/// A wallet.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Wallet {
    id: String,
    #[schemars(extend("const" = "wallet"))]
    object: &'static str,
    livemode: bool,
    created_at: Timestamp,
    currency: Currency,
    label: Option<Label>,
    #[schemars(extend("const" = "0.00"))]
    balance: &'static str,
}

/// A wallet to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWallet {
    currency: Currency,
    label: Option<Label>,
}

/// 1 to 100 characters.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
struct Label(#[schemars(length(min = 1, max = 100))] String);

/// Wallets, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WalletList")]
pub(super) struct Page {
    data: Vec<Wallet>,
}

impl Object for Wallet {
    fn id(&self) -> &str {
        &self.id
    }
}

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/wallets",
            get_with(list, about("listWallets", "List wallets, newest first"))
                .post_with(create, about("createWallet", "Create a wallet")),
        )
        .api_route("/wallets/{id}", get_with(retrieve, about("getWallet", "Retrieve a wallet")))
        .with_path_items(|item| item.tag("Wallets"))
}

pub(super) async fn list(caller: Principal, paykore: Shared) -> Json<Page> {
    Json(Page { data: paykore.wallets.list(&Owner::of(&caller)) })
}

pub(super) async fn retrieve(
    caller: Principal,
    paykore: Shared,
    Path(Named { id }): ById,
) -> Result<Json<Wallet>, ApiError> {
    paykore.wallets.get(&Owner::of(&caller), &id).map(Json)
}

pub(super) async fn create(
    caller: Principal,
    paykore: Shared,
    Json(new): Json<NewWallet>,
) -> Created<Wallet> {
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
    Created(wallet)
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
