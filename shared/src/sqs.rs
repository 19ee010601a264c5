//! What more than one function needs to know of SQS: how a queue is named, what a message holds,
//! and what becomes of the entries of a call.
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

/// The most entries of one call (source: Amazon SQS API reference).
pub const MAX_ENTRIES: usize = 10;

/// The largest message, attributes included, and the largest batch of them, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 1_048_576;

/// The most attributes of a message (source: Amazon SQS Developer Guide, "Amazon SQS message
/// metadata").
pub const MAX_ATTRIBUTES: usize = 10;

/// The URL of the queue with this ARN, `arn:{partition}:sqs:{region}:{account}:{name}`; under
/// `endpoint` where the service is called at another place than its own. `None` where it is no
/// queue's.
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

/// Whether a queue, by its ARN or URL, is a FIFO queue: their names all end like this.
#[must_use]
pub fn is_fifo(queue: &str) -> bool {
    queue.strip_suffix(".fifo").is_some()
}

/// A queue's URL, which has a path.
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
