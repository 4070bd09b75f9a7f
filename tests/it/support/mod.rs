//! What the tests of the three servers share.

mod authorization;
mod call;
mod server;
mod watched;

pub(crate) use authorization::Api;
pub(crate) use call::{Answer, Call, delete, get, patch, post, request};
pub(crate) use server::{OPERATOR, Server, Store, store};
pub(crate) use watched::WatchedBody;
