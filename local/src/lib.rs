//! Stand-ins for the AWS side, on one machine.
pub mod binaries;
mod calendar;
pub mod firehose;
mod identifier;
pub mod opensearch;
pub mod runtime_api;
pub mod sample;
mod server;
