//! What this machine has and runs: short commands, Java, Maven's downloads, and servers in
//! processes of their own that end with their owner.

mod cache;
pub(crate) mod command;
mod error;
pub(crate) mod java;
pub(crate) mod maven;
mod ready;
mod supervisor;
pub(crate) mod user;

pub(crate) use cache::once;
pub use error::MachineError;
pub(crate) use ready::ready;
pub(crate) use supervisor::Supervised;
