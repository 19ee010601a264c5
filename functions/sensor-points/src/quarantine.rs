//! Quarantine messages of refused readings.

use base64_simd::STANDARD;
use shared::aws::Aws;
use shared::event::Reason;
use shared::sqs::attributes::{BYTES, ENCODING};
use shared::sqs::{
    Attribute, Failure, LazyClient, MAX_MESSAGE_BYTES, Quarantined, hex_digest, is_text,
    reason_attributes, send_to_quarantine,
};

use crate::batch::At;
use crate::kinesis::Record;

/// The quarantine queue, without retries or time limits: the caller drops the call when the time is
/// up.
pub trait Queue: 'static {
    /// Sends at most [`MAX_ENTRIES`](shared::sqs::MAX_ENTRIES) messages. Returns the failure of
    /// each, in order; `None` only for those that SQS confirmed.
    fn quarantine(&self, entries: &[Quarantined]) -> impl Future<Output = Vec<Option<Failure>>>;
}

/// A queue of SQS.
#[derive(Debug)]
pub struct AwsQueue {
    url: String,
    client: LazyClient,
}

impl AwsQueue {
    /// Makes no calls.
    #[must_use]
    pub const fn new(url: String, aws: Aws) -> Self {
        Self { url, client: LazyClient::new(aws) }
    }
}

impl Queue for AwsQueue {
    async fn quarantine(&self, entries: &[Quarantined]) -> Vec<Option<Failure>> {
        send_to_quarantine(&self.client, &self.url, entries).await
    }
}

/// Replaces an id or an ARN that is missing in the event: SQS does not accept empty attributes.
const UNKNOWN: &str = "unknown";

/// Maximum size of the attributes of a message, in bytes: the detail is the longest.
const MAX_ATTRIBUTE_BYTES: usize = 4_096;

/// Maximum size of a part of a record, in bytes, so that a message can hold it in base64.
pub(crate) const MAX_PART_BYTES: usize = (MAX_MESSAGE_BYTES - MAX_ATTRIBUTE_BYTES) / 4 * 3;

/// Whether a message can hold all data of a record, also in base64.
pub(crate) const fn fits(record: &Record<'_>) -> bool {
    record.data.len() + MAX_ATTRIBUTE_BYTES <= MAX_MESSAGE_BYTES
}

/// The message for a refused reading with this text. A body that SQS does not accept is in base64,
/// and one that is too long is cut.
pub(crate) fn entry(record: &Record<'_>, at: At, reason: &Reason, text: &[u8]) -> Quarantined {
    let [source_arn, event_id] = [record.source_arn, record.event_id]
        .map(|value| if value.is_empty() { UNKNOWN } else { value });
    let mut attributes = reason_attributes(reason, source_arn, event_id, at.place as u64);
    let plain = std::str::from_utf8(text).ok().filter(|text| is_text(text));
    let body = plain.map_or_else(
        || {
            attributes.push((ENCODING.to_owned(), Attribute::string("base64")));
            // More would never fit.
            STANDARD.encode_to_string(&text[..text.len().min(MAX_MESSAGE_BYTES)])
        },
        str::to_owned,
    );
    let mut entry = Quarantined {
        message: at.record,
        body,
        attributes,
        group_id: None,
        is_fair: false,
        deduplication_id: hex_digest(format!("{}/{}", record.sequence_number, at.place)),
    };
    if entry.bytes() > MAX_MESSAGE_BYTES {
        entry.attributes.push((BYTES.to_owned(), Attribute::number(text.len() as u64)));
        let length = MAX_MESSAGE_BYTES.saturating_sub(entry.bytes() - entry.body.len());
        // Base64 is cut between groups of four characters.
        let length = match plain {
            Some(text) => text.floor_char_boundary(length),
            None => length / 4 * 4,
        };
        entry.body.truncate(length);
    }
    entry
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn kept(text: &[u8]) -> (String, Vec<(String, String)>) {
        let record = Record { sequence_number: "1", ..Record::default() };
        let (code, detail) = (Cow::Borrowed("too_large"), Cow::Borrowed("why"));
        let reason = Reason { code, detail, advice: "" };
        let entry = entry(&record, At { record: 0, place: 7 }, &reason, text);
        assert!(entry.bytes() <= MAX_MESSAGE_BYTES);
        let value = |(name, value): (String, Attribute)| (name, value.text().unwrap().to_owned());
        (entry.body, entry.attributes.into_iter().map(value).collect())
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const ALWAYS: [(&str, &str); 5] = [
        ("sluice.reason", "too_large"),
        ("sluice.detail", "why"),
        ("sluice.source_arn", "unknown"),
        ("sluice.message_id", "unknown"),
        ("sluice.position", "7"),
    ];

    #[test]
    fn a_text_is_kept_as_it_is_and_anything_else_in_base64() {
        assert_eq!(kept("oops é\n".as_bytes()), ("oops é\n".to_owned(), owned(&ALWAYS)));
        let encoded = [&ALWAYS[..], &[("sluice.encoding", "base64")]].concat();
        for text in [&b"\xff\x00"[..], b"a\x00"] {
            let expected = (STANDARD.encode_to_string(text), owned(&encoded));
            assert_eq!(kept(text), expected);
        }
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        let text = "é".repeat(MAX_MESSAGE_BYTES);
        let (body, attributes) = kept(text.as_bytes());
        assert!(text.starts_with(&body) && body.len() > MAX_MESSAGE_BYTES - 300, "{}", body.len());
        let length = text.len().to_string();
        let cut = [&ALWAYS[..], &[("sluice.bytes", &*length)]].concat();
        assert_eq!(attributes, owned(&cut));

        let bytes = vec![0xFF; 2 * MAX_MESSAGE_BYTES];
        let (body, attributes) = kept(&bytes);
        let decoded = STANDARD.decode_to_vec(&body).unwrap();
        assert!(bytes.starts_with(&decoded) && body.len() > MAX_MESSAGE_BYTES - 300);
        let cut = [&ALWAYS[..], &[("sluice.encoding", "base64"), ("sluice.bytes", &*length)]];
        assert_eq!(attributes, owned(&cut.concat()));
    }
}
