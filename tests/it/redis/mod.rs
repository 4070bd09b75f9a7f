//! What needs a Redis.

mod limiter;
mod servers;
