//! Aggregates of several records, in the format of the Kinesis Producer Library.
//!
//! Source: "KPL Aggregated Record Format", aggregation-format.md of awslabs/amazon-kinesis-producer.

use md5::{Digest, Md5};

/// The first bytes of an aggregate.
pub(super) const MAGIC: &[u8] = b"\xF3\x89\x9A\xC2";

/// The data of a record that aggregates these payloads, each of less than 16 kB.
pub fn aggregate(payloads: &[impl AsRef<[u8]>]) -> Vec<u8> {
    // A number of at most 14 bits.
    let varint = |number: usize| {
        let [low, high] = [number % 128, number / 128].map(|part| part.to_le_bytes()[0]);
        [low | 0x80, high]
    };
    // The table of partition keys has one entry.
    let mut message = b"\x0a\x01m".to_vec();
    for payload in payloads {
        let payload = payload.as_ref();
        let data = [&[0x08, 0x00, 0x1a][..], &varint(payload.len()), payload].concat();
        message.push(0x1a);
        message.extend(varint(data.len()));
        message.extend(data);
    }
    let digest = Md5::digest(&message);
    [MAGIC, &message, &digest[..]].concat()
}
