//! Operations that are carried out once, on every store and over real HTTP.

mod concurrent;
mod hang_up;
mod killed;
mod log;
mod node;
mod outage;
mod service;
mod stores;
mod transaction;
