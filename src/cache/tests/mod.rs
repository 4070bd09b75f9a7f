//! The rules of [the cache](super), one file for each concern.

mod support;

mod keep;
