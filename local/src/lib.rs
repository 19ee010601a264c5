//! Stand-ins for the AWS side, on one machine.
mod aws_json;
pub mod binaries;
mod calendar;
mod choice;
mod clock;
pub mod cloud;
mod environment;
mod faults;
pub mod firehose;
mod identifier;
mod machine;
pub mod monitoring;
pub mod opensearch;
pub mod runtime_api;
pub mod sample;
pub mod server;
pub mod sqs;
