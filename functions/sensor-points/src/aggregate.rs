//! Aggregated records of the Kinesis Producer Library.
//!
//! Source: "KPL Aggregated Record Format", aggregation-format.md of awslabs/amazon-kinesis-producer.

use md5::{Digest, Md5};
use shared::json::Span;

const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// Size of the MD5 at the end, in bytes.
const DIGEST_BYTES: usize = 16;

/// The field numbers of `records` in the aggregate, and `data` in a record.
const RECORDS: u64 = 3;
const DATA: u64 = 3;

/// Appends the span of each record's data in an aggregate; `None` if `data` is not an aggregate.
pub(crate) fn payloads(data: &[u8], payloads: &mut Vec<Span>) -> Option<()> {
    let message = data.strip_prefix(&MAGIC)?;
    let (message, digest) = message.split_at_checked(message.len().checked_sub(DIGEST_BYTES)?)?;
    if Md5::digest(message)[..] != *digest {
        return None;
    }
    let whole = Span { start: MAGIC.len(), end: data.len() - DIGEST_BYTES };
    for_each_bytes(data, whole, |number, record| {
        if number == RECORDS {
            let mut payload = None;
            for_each_bytes(data, record, |number, bytes| {
                if number == DATA {
                    payload = Some(bytes);
                }
                Some(())
            })?;
            payloads.push(payload?);
        }
        Some(())
    })
}

/// Calls `field` with the number and span of each bytes field of a protobuf message; `None` if the
/// message cannot be read, or `field` cannot read the bytes.
fn for_each_bytes(
    data: &[u8],
    message: Span,
    mut field: impl FnMut(u64, Span) -> Option<()>,
) -> Option<()> {
    let mut at = message.start;
    while at < message.end {
        let tag = varint(data, &mut at)?;
        let length = match tag & 7 {
            0 => {
                varint(data, &mut at)?;
                0
            }
            1 => 8,
            2 => usize::try_from(varint(data, &mut at)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let end = at.checked_add(length).filter(|end| *end <= message.end)?;
        if tag & 7 == 2 {
            field(tag >> 3, Span { start: at, end })?;
        }
        at = end;
    }
    (at == message.end).then_some(())
}

fn varint(data: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *data.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aggregate(message: &[u8]) -> Vec<u8> {
        [&MAGIC[..], message, &Md5::digest(message)[..]].concat()
    }

    fn texts(message: &[u8]) -> Option<Vec<String>> {
        let data = aggregate(message);
        let text = |span: Span| String::from_utf8(span.of(&data).to_vec()).unwrap();
        let mut spans = Vec::new();
        payloads(&data, &mut spans)?;
        Some(spans.into_iter().map(text).collect())
    }

    /// Two keys, a hash key and two records, the second with a tag (`{key "t", value "v"}`).
    const MESSAGE: &[u8] = b"\x0a\x02k1\x0a\x02k2\x12\x0242\
        \x1a\x07\x08\x00\x1a\x03{1}\
        \x1a\x11\x08\x01\x10\x00\x1a\x03[2]\x22\x06\x0a\x01t\x12\x01v";

    #[test]
    fn the_records_of_an_aggregate_are_found() {
        assert_eq!(texts(MESSAGE).unwrap(), ["{1}", "[2]"]);
        assert_eq!(texts(b"").unwrap(), [""; 0]);
        // Fields of other types are skipped.
        let message = [b"\x20\x96\x01\x29........\x35....".as_slice(), MESSAGE].concat();
        assert_eq!(texts(&message).unwrap(), ["{1}", "[2]"]);
        let long = [b"\x1a\xcb\x01\x1a\xc8\x01".as_slice(), &[b'x'; 200]].concat();
        assert_eq!(texts(&long).unwrap(), ["x".repeat(200)]);
    }

    #[test]
    fn anything_else_is_not_an_aggregate() {
        let message = b"\x1a\x05\x1a\x03{1}";
        let good = aggregate(message);
        let is_aggregate = |data: &[u8]| payloads(data, &mut Vec::new()).is_some();
        assert!(is_aggregate(&good));
        for at in 0..good.len() {
            let mut broken = good.clone();
            broken[at] ^= 1;
            assert!(!is_aggregate(&broken) && !is_aggregate(&good[..at]), "{at}");
        }
        for message in [
            // Truncated, too long, without data, of an unknown type, an unterminated number.
            &message[..4],
            b"\x1a\x09\x1a\x03{1}",
            b"\x1a\x02\x08\x00",
            b"\x1b",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert_eq!(texts(message), None, "{message:?}");
        }
    }
}
