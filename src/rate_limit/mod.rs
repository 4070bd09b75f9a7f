//! How often a caller may call.

#[cfg(feature = "dashboard")]
mod attempts;
mod bucket;
mod decide;
mod future;
mod headers;
mod layer;
mod limit;
mod limiter;
mod local;
mod mark;
mod plan;
mod quota;
mod service;

#[cfg(feature = "dashboard")]
pub(crate) use attempts::Attempts;
pub use future::ResponseFuture;
pub use layer::RateLimitLayer;
pub use limit::{Limit, RequestHead};
pub use plan::{InvalidPlanName, PlanName, Plans};
pub use quota::{InvalidQuota, Quota};
pub use service::RateLimit;

#[cfg(test)]
mod tests;
