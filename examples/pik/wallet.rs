//! The balance of whom the request is scoped to.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use keygate::{ApiError, Json, Scoped};
use schemars::JsonSchema;
use serde::Serialize;

use super::collection::Owner;
use super::reference::about;
use super::{Shared, State, WalletRead};

/// What there is, of whom the request is made for.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Wallet {
    #[schemars(extend("const" = "wallet"))]
    object: &'static str,
    livemode: bool,
    account: String,
    balance: String,
    #[schemars(extend("const" = "USDT"))]
    currency: &'static str,
}

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route("/wallet", get_with(retrieve, about("getWallet", "Retrieve the balance")))
        .with_path_items(|item| item.tag("Wallet"))
}

pub(super) async fn retrieve(
    caller: Scoped<WalletRead>,
    pik: Shared,
) -> Result<Json<Wallet>, ApiError> {
    let owner = Owner::of(&caller);
    let balance = pik.accounts.balance(&owner).await?;
    Ok(Json(Wallet {
        object: "wallet",
        livemode: owner.livemode(),
        account: owner.account().to_string(),
        balance,
        currency: "USDT",
    }))
}
