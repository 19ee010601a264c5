//! Stand-ins for the AWS side, on one machine.
mod aws_json;
pub mod binaries;
mod clock;
pub mod cloud;
pub mod door;
mod environment;
mod faults;
pub mod firehose;
pub mod kinesis;
mod machine;
mod mapping;
pub mod monitoring;
pub mod opensearch;
pub mod runtime_api;
pub mod s3;
pub mod sample;
pub mod server;
pub mod service;
pub mod sqs;
pub mod timeseries;
pub mod yaml;

/// The bytes as lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
