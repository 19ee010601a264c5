//! The event of an event source mapping, as far as an invocation fails with it.

/// The event is not one of SQS, or one that could only be answered in part. SQS then delivers all
/// its messages again: nothing is lost, but nothing is settled either.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an SQS event: {0}")]
pub struct InvalidEvent(pub String);

impl crate::runtime::Failure for InvalidEvent {
    fn error_type(&self) -> &'static str {
        "InvalidEvent"
    }
}
