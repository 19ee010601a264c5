//! Measures `firehose-transform` against what a user would pick instead, and checks that all of
//! them give the same documents.
//!
//! Every function runs as a whole process behind a stand-in for the Lambda Runtime API, pinned to
//! one core; the stand-in runs on another. What the tables show is therefore all that Lambda
//! would bill: reading the request from the socket, the work, and writing the answer.

pub mod batch;
pub mod bulk_api;
pub mod check;
pub mod compare;
pub mod consumers;
pub mod edges;
pub mod functions;
mod http;
pub mod instructions;
pub mod invoke;
pub mod logs;
pub mod measure;
pub mod pinned;
pub mod price;
pub mod report;
pub mod request;
pub mod runtime_api;
pub mod shapes;
pub mod valgrind;

/// What can go wrong here; told to the user as it is.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
