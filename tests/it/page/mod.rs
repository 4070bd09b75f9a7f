//! The page of keys: what it answers, and what becomes of it in a real browser.

mod answers;
mod browser;
mod pictures;
