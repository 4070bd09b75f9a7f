//! The page of keys: what it answers, and what becomes of it in a real browser.

mod access;
mod answers;
mod browser;
mod flows;
mod many;
mod on_its_way;
mod pictures;
mod reference;
mod visit;
