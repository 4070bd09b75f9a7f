//! What the tests of the three servers share.

mod authorization;
mod call;
mod folder;
mod kept;
mod lines;
mod loopback;
mod patient;
mod place;
pub(crate) mod postgres;
mod process;
pub(crate) mod redis;
mod server;
mod size;
mod spellings;
pub(crate) mod throwaway;
mod watched;

pub(crate) use authorization::Api;
pub(crate) use call::{Answer, Call, delete, encoded, get, patch, post, request};
pub(crate) use folder::Folder;
pub(crate) use kept::Kept;
pub(crate) use lines::Lines;
pub(crate) use loopback::Loopback;
pub(crate) use patient::answer;
pub(crate) use place::{Place, becomes};
pub(crate) use process::Process;
pub(crate) use server::{OPERATOR, Server};
pub(crate) use size::size;
pub(crate) use spellings::spellings;
pub(crate) use watched::WatchedBody;
