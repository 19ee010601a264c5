//! Keeps refused records in objects with lines in Firehose's format, from which they can be loaded
//! again.

use base64_simd::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use shared::event::{Reason, Timestamp};
use shared::json;
use shared::sqs::hex_digest;

use crate::objects::Place;

/// Maximum size of an object, unless the events of one record alone are larger.
const MAX_OBJECT_BYTES: usize = 5 * 1_048_576;

/// A refused record, or a refused event of one.
#[derive(Debug)]
pub(crate) struct Refused<'a> {
    /// The record's offset in the decompressed object.
    pub(crate) offset: u64,
    /// When it arrived.
    pub(crate) arrived: Option<Timestamp>,
    /// Its text; empty if it is too large.
    pub(crate) text: &'a [u8],
    /// Whether the text is a line of failures, which is kept unchanged.
    pub(crate) is_line: bool,
    /// Its id, the content of a JSON string; empty if it is not known.
    pub(crate) id: &'a [u8],
    /// Its document's `_id`, in the same form; empty if it is the id or OpenSearch chooses it.
    pub(crate) document_id: &'a [u8],
    /// The index of a document, in the same form; empty if it is an event.
    pub(crate) index: &'a [u8],
    /// Its size.
    pub(crate) bytes: u64,
    /// The reason of the refusal.
    pub(crate) reason: &'a Reason,
}

/// The object that contained the records.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) place: Place,
    pub(crate) modified: Timestamp,
}

/// An object of refused records to write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Its key, without the prefix: the same for the same records.
    pub(crate) key: String,
    /// Its lines.
    pub(crate) body: Bytes,
}

/// The refused records of one object that are not written yet.
#[derive(Debug)]
pub(crate) struct Keeper {
    origin: Origin,
    lines: Vec<u8>,
    /// The offsets of the first and the last record.
    offsets: Option<(u64, u64)>,
}

impl Keeper {
    pub(crate) const fn new(origin: Origin) -> Self {
        Self { origin, lines: Vec::new(), offsets: None }
    }

    /// Adds a record. If it does not fit, returns the object with those before it.
    pub(crate) fn keep(&mut self, refused: &Refused<'_>, now: Timestamp) -> Option<Kept> {
        let line = self.line(refused, now);
        let is_full = self.lines.len() + line.len() > MAX_OBJECT_BYTES;
        // A record's events stay together: their objects would have one key.
        let is_next = self.offsets.is_some_and(|(_, last)| last != refused.offset);
        let full = if is_full && is_next { self.take() } else { None };
        let first = self.offsets.map_or(refused.offset, |(first, _)| first);
        self.offsets = Some((first, refused.offset));
        self.lines.extend_from_slice(line.as_bytes());
        full
    }

    /// The object with the remaining records, if there are any.
    pub(crate) fn take(&mut self) -> Option<Kept> {
        let (first, _) = self.offsets.take()?;
        let Origin { place: Place { bucket, key, version_id }, modified } = &self.origin;
        let version = version_id.as_deref().unwrap_or_default();
        let hash = &hex_digest([bucket, key, version].join("\0"))[..32];

        let ((year, month, day), hour) = (modified.date(), modified.hour());
        let key = format!("{year:04}/{month:02}/{day:02}/{hour:02}/{hash}-{first:020}.json");
        Some(Kept { key, body: std::mem::take(&mut self.lines).into() })
    }

    fn line(&self, refused: &Refused<'_>, now: Timestamp) -> String {
        let Refused { offset, arrived, text, is_line, id, document_id, index, bytes, reason } =
            refused;
        if *is_line {
            return format!("{}\n", String::from_utf8_lossy(text));
        }
        let Place { bucket, key, version_id } = &self.origin.place;
        let mut source = Map::new();
        source.insert("bucket".to_owned(), json!(bucket));
        source.insert("key".to_owned(), json!(key));
        if let Some(version_id) = version_id {
            source.insert("version_id".to_owned(), json!(version_id));
        }
        source.insert("offset".to_owned(), json!(offset));
        let mut line = json!({
            "attemptsMade": 1,
            "arrivalTimestamp": arrived.unwrap_or(self.origin.modified).milliseconds(),
            "errorCode": reason.code,
            "errorMessage": reason.detail,
            "attemptEndingTimestamp": now.milliseconds(),
            "source": source,
        });
        if text.is_empty() && *bytes > 0 {
            line["bytes"] = json!(bytes);
        } else {
            line["rawData"] = Value::from(STANDARD.encode_to_string(text));
        }
        let [id, document_id, index] =
            [id, document_id, index].map(|content| json::unescaped(content).unwrap_or_default());
        if !index.is_empty() {
            (line["esDocumentId"], line["esIndexName"]) = (id.into(), index.into());
        } else if !id.is_empty() {
            line["eventId"] = id.into();
            if !document_id.is_empty() {
                line["documentId"] = document_id.into();
            }
        }
        format!("{line}\n")
    }
}
