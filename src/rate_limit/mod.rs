//! How often a caller may call.

mod plan;
mod quota;

pub use plan::{InvalidPlanName, PlanName};
pub use quota::Quota;
