//! Shared code for SQS: names of queues, contents of messages, and the results of batch calls.
//!
//! Source: Amazon SQS Developer Guide, "Amazon SQS queue and message identifiers" and "Amazon SQS
//! message quotas".

pub mod attributes;
mod backoff;
mod call;
mod event;
mod message;
mod quarantine;

use crate::url::Url;

pub use crate::digest::hex_digest;
pub use backoff::{BACKOFF_VARIABLES, Backoff};
pub use call::{Failure, LazyClient, SQS, by_entry, client};
pub use event::InvalidEvent;
pub use message::{Attribute, AttributeValue, message_bytes};
pub use quarantine::{
    MAX_QUARANTINE_BYTES, Quarantined, is_text, reason_attributes, send_to_quarantine,
};

/// Maximum number of entries in one call (source: Amazon SQS API reference).
pub const MAX_ENTRIES: usize = 10;

/// Maximum size of a message with its attributes, and of a batch of messages, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 1_048_576;

/// Maximum number of attributes of a message (source: Amazon SQS Developer Guide, "Amazon SQS
/// message metadata").
pub const MAX_ATTRIBUTES: usize = 10;

/// The URL of the queue with this ARN, `arn:{partition}:sqs:{region}:{account}:{name}`; under
/// `endpoint` if that overrides the service's endpoint. `None` if the ARN is not that of a queue.
#[must_use]
pub fn queue_url(arn: &str, endpoint: Option<&str>) -> Option<String> {
    let mut parts = arn.split(':');
    let ("arn", partition, "sqs") = (parts.next()?, parts.next()?, parts.next()?) else {
        return None;
    };
    let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    if name.is_empty() || parts.next().is_some() {
        return None;
    }
    if let Some(endpoint) = endpoint {
        return Some(format!("{}/{account}/{name}", endpoint.trim_end_matches('/')));
    }
    let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    Some(format!("https://sqs.{region}.{suffix}/{account}/{name}"))
}

/// Whether a queue is a FIFO queue, by its ARN or URL: the names of FIFO queues end in `.fifo`.
#[must_use]
pub fn is_fifo(queue: &str) -> bool {
    queue.strip_suffix(".fifo").is_some()
}

/// Parses a queue's URL, which must have a path.
#[must_use]
pub fn parse_queue_url(text: &str) -> Option<String> {
    let url = Url::parse(text)?;
    let (_, path) = url.as_str().split_once("://")?.1.split_once('/')?;
    (!path.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queues_url_is_made_of_its_arn() {
        let arn = "arn:aws:sqs:eu-west-1:123456789012:music.fifo";
        let url = queue_url(arn, None).unwrap();
        assert_eq!(url, "https://sqs.eu-west-1.amazonaws.com/123456789012/music.fifo");
        let url = queue_url(arn, Some("http://127.0.0.1:9324/")).unwrap();
        assert_eq!(url, "http://127.0.0.1:9324/123456789012/music.fifo");
        let url = queue_url("arn:aws-cn:sqs:cn-north-1:123456789012:music", None).unwrap();
        assert_eq!(url, "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/music");
        for arn in ["", "music", "arn:aws:s3:::music", "arn:aws:sqs:r:1:", "arn:aws:sqs:r:1:a:b"] {
            assert_eq!(queue_url(arn, None), None, "{arn}");
        }
    }
}
