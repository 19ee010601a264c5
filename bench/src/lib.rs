//! Measures `firehose-transform`, `sqs-consumer`, `object-loader`, `log-metrics` and
//! `sensor-points` against the alternatives that a user would choose, and checks that all of them
//! produce the same documents.
//!
//! Every function runs as a whole process behind a stand-in for the Lambda Runtime API, pinned to
//! one core; the stand-in runs on another core. The tables therefore show everything that Lambda
//! bills: reading the request from the socket, the work, and writing the answer.

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

/// An error of the benchmarks, which is shown to the user unchanged.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
