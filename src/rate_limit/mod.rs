//! How often a caller may call.

mod plan;
mod quota;

pub use plan::{InvalidPlanName, PlanName, Plans};
pub use quota::{InvalidQuota, Quota};
