//! What an operator is told of the requests: metrics, the hook, what a new rule would refuse.

mod metrics;
mod shadow;
