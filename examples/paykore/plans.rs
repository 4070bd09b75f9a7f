//! The tiers as PayKore's sales keep them, in a table beside the keys.

use std::time::Duration;

use keygate::rate_limit::InvalidPlanName;
use keygate::store::Watch;
use keygate::{PlanName, Plans, Quota};
use sqlx::query_as;
use tokio::time::{sleep, timeout};

use super::pool::{Pool, Table, on};
use super::server::in_one_line;

/// How long a read may take, and the pause after one that failed.
const PATIENCE: Duration = Duration::from_secs(1);

const TABLE: Table = Table {
    name: "paykore_plans",
    sqlite: include_str!("plans.sqlite.sql"),
    postgres: include_str!("plans.postgres.sql"),
    rows: include_str!("plans.rows.sql"),
};

const READ: &str = "SELECT name, CAST(per_minute AS bigint) FROM paykore_plans";

/// The table, and the handle that the keyring and the rate limit share.
pub(crate) struct PlanTable {
    pool: Pool,
    plans: Plans,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum PlansError {
    #[error("the table paykore_plans cannot be read")]
    Database(#[from] sqlx::Error),
    #[error("the table paykore_plans did not answer in time")]
    Late(#[from] tokio::time::error::Elapsed),
    #[error("the plan {0:?} of paykore_plans has no valid name")]
    Name(String, #[source] InvalidPlanName),
    #[error("the plan {0} of paykore_plans has no valid quota: {1} a minute")]
    Quota(String, i64),
}

impl PlanTable {
    /// Makes the table if it is missing, and reads it.
    pub(crate) async fn open(pool: Pool) -> Result<Self, PlansError> {
        pool.create(&TABLE).await?;
        let table = Self { pool, plans: Plans::new() };
        table.read().await?;
        Ok(table)
    }

    pub(crate) fn plans(&self) -> Plans {
        self.plans.clone()
    }

    /// Reads the table again as soon as it is changed, by whomever, and every few seconds while
    /// nobody would tell. Never ends.
    pub(crate) async fn follow(self, mut changes: Watch) {
        loop {
            changes.changed().await;
            // The plans of before hold until the table can be read.
            while let Err(error) = self.read().await {
                tracing::warn!("{}", in_one_line(&error));
                sleep(PATIENCE).await;
            }
        }
    }

    /// All plans or none: a row that makes no sense changes nothing.
    async fn read(&self) -> Result<(), PlansError> {
        let pool = &self.pool;
        let rows = async { on!(pool, |pool| query_as(READ).fetch_all(pool).await) };
        let rows: Vec<(String, i64)> = timeout(PATIENCE, rows).await??;
        let plans: Vec<_> = rows.into_iter().map(plan).collect::<Result<_, _>>()?;
        self.plans.replace(plans);
        Ok(())
    }
}

fn plan((name, per_minute): (String, i64)) -> Result<(PlanName, Quota), PlansError> {
    const MINUTE: Duration = Duration::from_mins(1);
    let quota = u32::try_from(per_minute).ok();
    let quota = quota.and_then(|count| Quota::try_new(count, MINUTE, count).ok());
    let Some(quota) = quota else { return Err(PlansError::Quota(name, per_minute)) };
    let plan = PlanName::parse(&name).map_err(|invalid| PlansError::Name(name, invalid))?;
    Ok((plan, quota))
}
