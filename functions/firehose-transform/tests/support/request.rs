//! Transformation requests, as Firehose sends them, and their answers.

use base64_simd::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

/// `approximateArrivalTimestamp` of every record: 2024-03-01T12:34:58.120Z.
pub(crate) const ARRIVED_MS: u64 = 1_709_296_498_120;

/// The id of the record at `index`, of the usual length.
pub(crate) fn record_id(index: usize) -> String {
    format!("49650127734185103902847561029384756102938475{index:012}000000")
}

/// A Direct PUT request with these payloads.
pub(crate) fn direct_put(payloads: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let record = |(index, payload): (usize, &_)| {
        json!({
            "recordId": record_id(index),
            "approximateArrivalTimestamp": ARRIVED_MS,
            "data": STANDARD.encode_to_string(AsRef::<[u8]>::as_ref(payload)),
        })
    };
    let records: Vec<_> = payloads.iter().enumerate().map(record).collect();
    envelope(&records).to_string().into_bytes()
}

/// A request around these records.
pub(crate) fn envelope(records: &[Value]) -> Value {
    json!({
        "invocationId": "4a90dd12-d45f-52be-a86a-7ff2f4b0811e",
        "deliveryStreamArn":
            "arn:aws:firehose:us-east-1:123456789012:deliverystream/music-events",
        "region": "us-east-1",
        "records": records,
    })
}

/// The answer to one record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Answered {
    pub(crate) record_id: String,
    pub(crate) result: String,
    pub(crate) data: Option<String>,
    pub(crate) kafka_record_value: Option<String>,
}

/// The answers to the records of a request, as Firehose reads them.
pub(crate) fn answers(body: &[u8]) -> Vec<Answered> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Answer {
        records: Vec<Answered>,
    }
    let answer: Answer = serde_json::from_slice(body).unwrap_or_else(|error| {
        panic!("invalid answer: {error}: {}", String::from_utf8_lossy(body));
    });
    answer.records
}

impl Answered {
    /// The document in `data`.
    pub(crate) fn document(&self) -> String {
        let data = self.data.as_ref().or(self.kafka_record_value.as_ref());
        let data = data.map_or("", String::as_str);
        String::from_utf8(STANDARD.decode_to_vec(data).unwrap()).unwrap()
    }
}
