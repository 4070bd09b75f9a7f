//! What the tests of the three servers share.

mod authorization;
mod call;
mod process;
mod server;
mod watched;

pub(crate) use authorization::Api;
pub(crate) use call::{Answer, Call, delete, get, patch, post, request};
pub(crate) use process::Process;
pub(crate) use server::{OPERATOR, Server};
pub(crate) use watched::WatchedBody;
