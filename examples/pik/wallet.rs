//! The balance of whom the request is scoped to.

use keygate::{Json, Scoped};
use serde::Serialize;

use super::collection::Owner;
use super::{Shared, WalletRead};

#[derive(Debug, Serialize)]
pub(super) struct Wallet {
    object: &'static str,
    livemode: bool,
    account: String,
    balance: &'static str,
    currency: &'static str,
}

pub(super) async fn retrieve(caller: Scoped<WalletRead>, pik: Shared) -> Json<Wallet> {
    let owner = Owner::of(&caller);
    Json(Wallet {
        object: "wallet",
        livemode: owner.livemode(),
        account: owner.account().to_string(),
        balance: pik.accounts.balance(&owner),
        currency: "USDT",
    })
}
