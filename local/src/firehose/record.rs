//! What travels through the stream: records, and the documents they become.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

/// The memory that a record takes of the stream's own; given back when it is dropped.
pub(super) type Room = OwnedSemaphorePermit;

/// A record that was put into the stream.
#[derive(Debug)]
pub(super) struct Record {
    /// 56 digits, as Kinesis and Firehose number records.
    pub(super) sequence_number: String,
    pub(super) arrival_ms: u64,
    pub(super) partition_key: String,
    pub(super) data: Bytes,
    pub(super) room: Room,
}

impl Record {
    /// The id under which the function sees the record.
    pub(super) fn id(&self) -> String {
        format!("{}000000", self.sequence_number)
    }
}

/// What the function made of a record.
#[derive(Debug)]
pub(super) struct Document {
    /// The id that Firehose generates; the same in every try, so that none doubles the document.
    pub(super) id: String,
    pub(super) index: String,
    pub(super) arrival_ms: u64,
    pub(super) body: Bytes,
    pub(super) room: Room,
}

/// Numbers records in the order of their arrival.
#[derive(Debug)]
pub(super) struct SequenceNumbers {
    /// Tells the records of this stream from those of another.
    prefix: u64,
    next: AtomicU64,
}

impl SequenceNumbers {
    pub(super) fn new() -> Self {
        Self { prefix: fastrand::u64(..), next: AtomicU64::new(0) }
    }

    pub(super) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("4966{:032}{number:020}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_have_56_digits_and_grow() {
        let numbers = SequenceNumbers::new();
        let (one, two) = (numbers.next(), numbers.next());
        assert_eq!(one.len(), 56);
        assert!(one.bytes().all(|byte| byte.is_ascii_digit()), "{one}");
        assert!(one < two);
    }
}
