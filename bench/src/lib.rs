//! Measures `firehose-transform`, `sqs-consumer`, `object-loader`, `log-metrics` and `sensor-points` against
//! what a user would pick instead, and checks that all of them give the same documents.
//!
//! Every function runs as a whole process behind a stand-in for the Lambda Runtime API, pinned to
//! one core; the stand-in runs on another. What the tables show is therefore all that Lambda
//! would bill: reading the request from the socket, the work, and writing the answer.

mod accounts;
mod bulk_api;
mod check;
mod command;
mod compare;
mod edges;
mod functions;
mod gigabyte;
mod http;
mod instructions;
mod invoke;
mod logs;
mod measure;
mod numbers;
mod objects;
mod pinned;
mod price;
mod report;
mod request;
mod runtime_api;
mod sensors;
mod shapes;
mod valgrind;

pub use command::run;
pub use functions::Function;
pub use instructions::{Figures, SEED, counted};
pub use request::{ARRIVAL_MS, Request};
pub use valgrind::Valgrind;

/// What can go wrong here, shown to the user as it is.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
