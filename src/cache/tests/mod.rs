//! The rules of [the cache](super), one file for each concern.

mod support;

mod flood;
mod keep;
mod outage;
