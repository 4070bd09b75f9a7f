//! The tools of others.
