//! Amazon SQS on one machine: a real server (ElasticMQ) where Java and Maven can run it, else a
//! small embedded one; and the event source mapping that hands a queue's messages to a function.
//!
//! [`Sqs::start`] takes a [`Choice`], brings a server up and says which one it took and why;
//! [`Client`] is how the mapping, the demo and the tests talk to it.

mod client;
pub mod embedded;
mod real;

pub use crate::choice::{Choice, InvalidChoice};
pub use crate::clock::Clock;
pub use crate::environment::Environment;
pub use crate::machine::MachineError;
pub use client::{Client, ClientError};
pub use embedded::Embedded;
pub use real::Real;

/// The version of ElasticMQ that is downloaded and run.
pub const ELASTICMQ_VERSION: &str = "1.6.16";
