//! Events of an event source mapping that fail the invocation.

/// The event is not from SQS, or could only be answered in part. SQS then redelivers all its
/// messages: nothing is lost, but nothing is settled either.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an SQS event: {0}")]
pub struct InvalidEvent(pub String);

impl crate::runtime::Failure for InvalidEvent {
    fn error_type(&self) -> &'static str {
        "InvalidEvent"
    }
}
