//! The accounts that are connected to platforms, as PIK's own back office keeps them.

use std::time::Duration;

use keygate::on_behalf_of::{AccountDirectory, Connection, DirectoryError};
use keygate::store::{Changed, Watch};
use keygate::{AccountId, ApiError, InvalidScope, Mode, OnBehalfOfLayer, ScopeName, ScopeSet};
use sqlx::query_as;
use tokio::time::timeout;

use super::collection::Owner;
use super::pool::{Pool, Table, on};

/// Whom a key belongs to that was issued without an account.
pub(super) const PLATFORM: &str = "acct_platform";

/// How long a handler waits for the database.
const DEADLINE: Duration = Duration::from_millis(250);

/// The accounts, and the layer that believes what is known of them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    directory: Directory,
    layer: OnBehalfOfLayer,
}

/// Where accounts are looked up.
#[derive(Debug, Clone)]
enum Directory {
    Table(Pool),
    /// For tests without a database: [`fixed`].
    #[allow(dead_code, reason = "the server itself has a database")]
    Fixed,
}

#[derive(Debug, Clone)]
struct Account {
    /// The platform that it is connected to; a platform itself has none.
    platform: Option<String>,
    verified: bool,
    /// Names of scopes, separated by spaces.
    capabilities: String,
    /// Decimal strings: in production and in the sandbox.
    balances: [String; 2],
}

const TABLE: Table = Table {
    name: "pik_accounts",
    sqlite: include_str!("accounts.sqlite.sql"),
    postgres: include_str!("accounts.postgres.sql"),
    rows: include_str!("accounts.rows.sql"),
};

const FIND: &str = "SELECT platform, verified, capabilities, production, sandbox \
                    FROM pik_accounts WHERE id = $1";

type Row = (Option<String>, bool, String, String, String);

impl Accounts {
    /// The accounts in the database's table, which is made if it is missing.
    #[allow(dead_code, reason = "tests of the app alone have no database")]
    pub(crate) async fn in_database(pool: Pool) -> Result<Self, sqlx::Error> {
        pool.create(&TABLE).await?;
        Ok(Self::of(Directory::Table(pool)))
    }

    /// The accounts that a new table has, without a database.
    #[allow(dead_code, reason = "the server itself has a database")]
    pub(crate) fn fixed() -> Self {
        Self::of(Directory::Fixed)
    }

    /// Lets go of what is believed of an account as soon as its row is changed, by whomever, and of
    /// everything while nobody would tell. Never ends.
    #[allow(dead_code, reason = "tests of the app alone have no database")]
    pub(crate) async fn follow(self, mut changes: Watch) {
        loop {
            let account = match changes.changed().await {
                Changed::Item(id) => AccountId::parse(&id).ok(),
                _ => None,
            };
            match account {
                Some(account) => self.layer.invalidate(&account),
                None => self.layer.invalidate_all(),
            }
        }
    }

    pub(super) fn layer(&self) -> OnBehalfOfLayer {
        self.layer.clone()
    }

    /// What the owner has, as a decimal string.
    ///
    /// # Errors
    ///
    /// 503 if the database does not say in time.
    pub(super) async fn balance(&self, owner: &Owner) -> Result<String, ApiError> {
        let unavailable = || ApiError::unavailable(Duration::from_secs(1));
        let found = timeout(DEADLINE, self.directory.find(owner.account())).await;
        let account = found
            .map_err(|late| unavailable().with_source(late))?
            .map_err(|failed| unavailable().with_source(failed))?;
        let [production, sandbox] =
            account.map_or_else(|| ["0.00", "0.00"].map(str::to_owned), |found| found.balances);
        Ok(if owner.livemode() { production } else { sandbox })
    }

    fn of(directory: Directory) -> Self {
        let layer = OnBehalfOfLayer::new(directory.clone());
        Self { directory, layer }
    }
}

impl Directory {
    async fn find(&self, id: &AccountId) -> Result<Option<Account>, sqlx::Error> {
        let pool = match self {
            Self::Table(pool) => pool,
            Self::Fixed => return Ok(fixed(id)),
        };
        let row: Option<Row> =
            on!(pool, |pool| query_as(FIND).bind(id.as_str()).fetch_optional(pool).await)?;
        Ok(row.map(|(platform, verified, capabilities, production, sandbox)| Account {
            platform,
            verified,
            capabilities,
            balances: [production, sandbox],
        }))
    }
}

impl AccountDirectory for Directory {
    async fn connection(
        &self,
        platform: &AccountId,
        account: &AccountId,
        _mode: Mode,
    ) -> Result<Option<Connection>, DirectoryError> {
        let account = self.find(account).await.map_err(DirectoryError::new)?;
        let ours = |account: &Account| account.platform.as_deref() == Some(platform.as_str());
        let Some(account) = account.filter(ours) else { return Ok(None) };
        // A capability that cannot be read opens nothing, and somebody has to look at it.
        let capabilities = account.capabilities().map_err(DirectoryError::new)?;
        Ok(Some(Connection { verified: account.verified, capabilities }))
    }
}

impl Account {
    fn capabilities(&self) -> Result<ScopeSet, InvalidScope> {
        self.capabilities.split_whitespace().map(ScopeName::parse).collect()
    }
}

/// The rows of a new table.
fn fixed(id: &AccountId) -> Option<Account> {
    const EVERYTHING: &str = "payment_links:read payment_links:write wallet:read";
    let account = |platform: Option<&str>, verified, capabilities: &str, balances: [&str; 2]| {
        let platform = platform.map(str::to_owned);
        let (capabilities, balances) = (capabilities.to_owned(), balances.map(str::to_owned));
        Account { platform, verified, capabilities, balances }
    };
    Some(match id.as_str() {
        PLATFORM => account(None, true, EVERYTHING, ["12500.00", "1000.00"]),
        "acct_bakery" => account(Some(PLATFORM), true, EVERYTHING, ["480.50", "50.00"]),
        "acct_florist" => account(Some(PLATFORM), true, "wallet:read", ["99.90", "25.00"]),
        "acct_newcomer" => account(Some(PLATFORM), false, EVERYTHING, ["0.00", "0.00"]),
        "acct_stranger" => account(Some("acct_other_platform"), true, EVERYTHING, ["7.00", "7.00"]),
        _ => return None,
    })
}
