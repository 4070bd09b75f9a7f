//! The balance of whom the request is scoped to.

use keygate::{ApiError, Json, Scoped};
use serde::Serialize;

use super::collection::Owner;
use super::{Shared, WalletRead};

#[derive(Debug, Serialize)]
pub(super) struct Wallet {
    object: &'static str,
    livemode: bool,
    account: String,
    balance: String,
    currency: &'static str,
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
