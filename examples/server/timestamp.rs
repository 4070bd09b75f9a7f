//! Moments as RFC 3339 text.

use std::time::SystemTime;

use keygate::Clock;
use schemars::JsonSchema;
use serde::Serialize;

/// A moment in whole seconds, written as `2025-01-01T00:00:00Z`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("format" = "date-time"))]
pub(crate) struct Timestamp(String);

impl Timestamp {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self::from(clock.wall())
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        // Only a clock that is off by millennia is outside jiff's years.
        let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Self(format!("{time:.0}"))
    }
}
