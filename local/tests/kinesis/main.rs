//! A stream's event source mapping: its position in the stream on the test's clock, and in real
//! time.

#![cfg(test)]

mod mapping;
mod reader;

use base64_simd::STANDARD;
use local::kinesis::Batch;
use serde_json::Value;

/// The data of a batch's records.
fn texts(batch: &Batch) -> Vec<String> {
    data(&serde_json::from_slice(&batch.payload()).unwrap())
}

/// The data of an event's records.
fn data(event: &Value) -> Vec<String> {
    let data = |record: &Value| {
        let data = record["kinesis"]["data"].as_str().unwrap();
        String::from_utf8(STANDARD.decode_to_vec(data).unwrap()).unwrap()
    };
    event["Records"].as_array().unwrap().iter().map(data).collect()
}
