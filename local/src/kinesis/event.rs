//! The event that a function receives: records in the form in which Lambda writes them.
//!
//! Source: AWS Lambda developer guide, "Using Lambda to process records from Amazon Kinesis Data
//! Streams".

use base64_simd::STANDARD;
use serde_json::json;

use super::stream::{Shard, Stored};
use crate::mapping::Json;
use crate::runtime_api::{ACCOUNT, REGION};

/// A record that the mapping has read.
#[derive(Debug)]
pub struct Record {
    pub(super) partition_key: String,
    /// The record's sequence number.
    pub sequence_number: String,
    /// Arrival time in the stream, in milliseconds since 1970.
    pub arrived_ms: u64,
    /// Its position in its shard.
    pub(super) place: usize,
    json: String,
}

impl Record {
    pub(super) fn new(stored: &Stored, place: usize, shard: &Shard, stream_arn: &str) -> Self {
        let Stored { partition_key, sequence_number, data, arrived_ms } = stored;
        let (seconds, ms) = (arrived_ms / 1_000, arrived_ms % 1_000);
        let id = format!("{}:{sequence_number}", shard.id);
        // Kinesis writes its numbers as text, except the time, which is a number of seconds.
        let json = format!(
            "{{\"kinesis\":{{\"kinesisSchemaVersion\":\"1.0\",\"partitionKey\":{},\
             \"sequenceNumber\":\"{sequence_number}\",\"data\":\"{}\",\
             \"approximateArrivalTimestamp\":{seconds}.{ms:03}}},\"eventSource\":\"aws:kinesis\",\
             \"eventVersion\":\"1.0\",\"eventID\":\"{id}\",\"eventName\":\"aws:kinesis:record\",\
             \"invokeIdentityArn\":\"arn:aws:iam::{ACCOUNT}:role/sluice\",\"awsRegion\":\"{REGION}\",\
             \"eventSourceARN\":\"{stream_arn}\"}}",
            json!(partition_key),
            STANDARD.encode_to_string(data),
        );
        Self {
            partition_key: partition_key.clone(),
            sequence_number: sequence_number.clone(),
            arrived_ms: *arrived_ms,
            place,
            json,
        }
    }
}

impl Json for Record {
    fn json(&self) -> &str {
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinesis::Stream;

    #[test]
    fn a_record_is_as_lambda_writes_it() {
        let mut stream = Stream::new("sensors", 1);
        stream.put("a \"b\"", "{}", 1_545_084_650_087);
        let shard = &stream.shards()[0];
        let record = Record::new(&shard.records()[0], 0, shard, &stream.arn());
        let number = "49600000000000000000000000000000000000000000000000000001";
        let expected = json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0", "partitionKey": "a \"b\"", "sequenceNumber": number,
                "data": "e30=", "approximateArrivalTimestamp": 1_545_084_650.087,
            },
            "eventSource": "aws:kinesis", "eventVersion": "1.0",
            "eventID": format!("shardId-000000000000:{number}"),
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/sluice",
            "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/sensors",
        });
        let found: serde_json::Value = serde_json::from_str(record.json()).unwrap();
        assert_eq!(found, expected);
    }
}
