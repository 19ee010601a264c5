//! The message attributes that sluice sets, by name.

/// The first id of the message, which identifies an event without the producer's own id.
pub const MESSAGE_ID: &str = "sluice.message_id";

/// The position of the event among the events of its first message, from 0.
pub const POSITION: &str = "sluice.position";

/// Why the message is in quarantine, in `snake_case` or as the error type of OpenSearch.
pub const REASON: &str = "sluice.reason";

/// A text for people about the reason.
pub const DETAIL: &str = "sluice.detail";

/// The queue or stream that the message in quarantine came from.
pub const SOURCE_ARN: &str = "sluice.source_arn";

/// Number of times that the message was received before it went to quarantine.
pub const RECEIVE_COUNT: &str = "sluice.receive_count";

/// The attributes that did not fit in the message in quarantine:
/// `{name:{DataType,StringValue|BinaryValue}}`.
pub const MORE_ATTRIBUTES: &str = "sluice.attributes";

/// The encoding of the body if SQS does not accept it unchanged: `base64`.
pub const ENCODING: &str = "sluice.encoding";

/// The size of the whole event in bytes, if the body is cut.
pub const BYTES: &str = "sluice.bytes";

/// Number of times that the message was redriven.
pub const REDRIVES: &str = "sluice.redrives";
