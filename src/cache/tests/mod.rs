//! The rules of [the cache](super), one file for each concern.

mod stale;
mod support;

mod epoch_model;
mod feed_model;
mod flood;
mod keep;
mod outage;
mod proof;
mod proof_model;
