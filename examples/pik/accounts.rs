//! The accounts that are connected to platforms, as PIK's own back office knows them.

use std::collections::HashMap;
use std::sync::Arc;

use keygate::on_behalf_of::{AccountDirectory, Connection, DirectoryError};
use keygate::{AccountId, InvalidAccountId, Mode, Scope, ScopeName, ScopeSet};

use super::collection::Owner;
use super::{LinksRead, LinksWrite, WalletRead};

/// Whom a key belongs to that was issued without an account.
pub(super) const PLATFORM: &str = "acct_platform";

/// Every account. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Accounts(Arc<HashMap<AccountId, Account>>);

#[derive(Debug)]
struct Account {
    /// The platform that it is connected to; a platform itself has none.
    platform: Option<AccountId>,
    verified: bool,
    capabilities: ScopeSet,
    /// In production and in the sandbox.
    balances: (&'static str, &'static str),
}

impl Accounts {
    /// The platform with a bakery, a florist and a newcomer, and another platform's customer.
    pub(super) fn connected_to_the_platform() -> Result<Self, InvalidAccountId> {
        let ours = AccountId::parse(PLATFORM)?;
        let theirs = AccountId::parse("acct_other_platform")?;
        let everything = || set([LinksRead::NAME, LinksWrite::NAME, WalletRead::NAME]);
        let account = |platform: &AccountId, verified, capabilities, balances| Account {
            platform: Some(platform.clone()),
            verified,
            capabilities,
            balances,
        };
        let platform = Account {
            platform: None,
            verified: true,
            capabilities: everything(),
            balances: ("12500.00", "1000.00"),
        };
        let accounts = [
            (PLATFORM, platform),
            ("acct_bakery", account(&ours, true, everything(), ("480.50", "50.00"))),
            ("acct_florist", account(&ours, true, set([WalletRead::NAME]), ("99.90", "25.00"))),
            ("acct_newcomer", account(&ours, false, everything(), ("0.00", "0.00"))),
            ("acct_stranger", account(&theirs, true, everything(), ("7.00", "7.00"))),
        ];
        let parsed = accounts.map(|(id, account)| Ok((AccountId::parse(id)?, account)));
        parsed.into_iter().collect::<Result<_, _>>().map(|accounts| Self(Arc::new(accounts)))
    }

    /// What the owner has, as a decimal string.
    pub(super) fn balance(&self, owner: &Owner) -> &'static str {
        let balances = self.0.get(owner.account()).map_or(("0.00", "0.00"), |a| a.balances);
        if owner.livemode() { balances.0 } else { balances.1 }
    }
}

impl AccountDirectory for Accounts {
    async fn connection(
        &self,
        platform: &AccountId,
        account: &AccountId,
        _mode: Mode,
    ) -> Result<Option<Connection>, DirectoryError> {
        let account = self.0.get(account).filter(|found| found.platform.as_ref() == Some(platform));
        Ok(account.map(|found| Connection {
            verified: found.verified,
            capabilities: found.capabilities.clone(),
        }))
    }
}

fn set<const N: usize>(scopes: [ScopeName; N]) -> ScopeSet {
    scopes.into_iter().collect()
}
