//! The errors of SQS, with their codes old and new.
//!
//! Source: the Amazon SQS API reference and the service's Smithy model, whose query-compatible
//! codes SDKs still tell.

use std::fmt::Display;

use crate::aws_json::Failure;

pub(super) fn queue_does_not_exist() -> Failure {
    let message = "The specified queue does not exist.";
    Failure::new("com.amazonaws.sqs#QueueDoesNotExist", message)
        .with_query_code("AWS.SimpleQueueService.NonExistentQueue")
}

pub(super) fn queue_name_exists(attribute: &str) -> Failure {
    let message = format!(
        "A queue already exists with the same name and a different value for attribute {attribute}"
    );
    Failure::new("com.amazonaws.sqs#QueueNameExists", message).with_query_code("QueueAlreadyExists")
}

pub(super) fn invalid_attribute_name(name: &str) -> Failure {
    Failure::new("com.amazonaws.sqs#InvalidAttributeName", format!("Unknown Attribute {name}."))
        .with_query_code("InvalidAttributeName")
}

pub(super) fn invalid_attribute_value(name: &str) -> Failure {
    let message = format!("Invalid value for the parameter {name}.");
    Failure::new("com.amazonaws.sqs#InvalidAttributeValue", message)
        .with_query_code("InvalidAttributeValue")
}

pub(super) fn invalid_parameter(message: impl Into<String>) -> Failure {
    Failure::new("com.amazonaws.sqs#InvalidParameterValueException", message)
        .with_query_code("InvalidParameterValue")
}

/// A value outside of what a parameter may have.
pub(super) fn out_of_range(value: impl Display, parameter: &str, reason: &str) -> Failure {
    invalid_parameter(format!(
        "Value {value} for parameter {parameter} is invalid. Reason: {reason}"
    ))
}

pub(super) fn missing_parameter(parameter: &str) -> Failure {
    let message = format!("The request must contain the parameter {parameter}.");
    Failure::new("com.amazonaws.sqs#MissingRequiredParameterException", message)
        .with_query_code("MissingParameter")
}

pub(super) fn invalid_message_contents() -> Failure {
    let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 \
                   to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
    Failure::new("com.amazonaws.sqs#InvalidMessageContents", message)
        .with_query_code("InvalidMessageContents")
}

pub(super) fn receipt_handle_is_invalid(handle: &str) -> Failure {
    let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
    Failure::new("com.amazonaws.sqs#ReceiptHandleIsInvalid", message)
        .with_query_code("ReceiptHandleIsInvalid")
}

pub(super) fn message_not_in_flight() -> Failure {
    Failure::new("com.amazonaws.sqs#MessageNotInflight", "The message is not in flight.")
        .with_query_code("AWS.SimpleQueueService.MessageNotInflight")
}

pub(super) fn over_limit() -> Failure {
    let message = "Too many messages are in flight.";
    Failure::new("com.amazonaws.sqs#OverLimit", message).with_query_code("OverLimit")
}

pub(super) fn purge_in_progress() -> Failure {
    let message = "Only one PurgeQueue operation is allowed every 60 seconds.";
    Failure::new("com.amazonaws.sqs#PurgeQueueInProgress", message)
        .with_query_code("AWS.SimpleQueueService.PurgeQueueInProgress")
}

pub(super) fn empty_batch() -> Failure {
    let message = "There should be at least one entry in the request.";
    Failure::new("com.amazonaws.sqs#EmptyBatchRequest", message)
        .with_query_code("AWS.SimpleQueueService.EmptyBatchRequest")
}

pub(super) fn too_many_entries(entries: usize) -> Failure {
    let message = format!("Maximum number of entries per request are 10. You have sent {entries}.");
    Failure::new("com.amazonaws.sqs#TooManyEntriesInBatchRequest", message)
        .with_query_code("AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
}

pub(super) fn entry_ids_not_distinct(id: &str) -> Failure {
    Failure::new("com.amazonaws.sqs#BatchEntryIdsNotDistinct", format!("Id {id} repeated."))
        .with_query_code("AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
}

pub(super) fn invalid_entry_id() -> Failure {
    let message = "A batch entry id can only contain alphanumeric characters, hyphens and \
                   underscores. It can be at most 80 letters long.";
    Failure::new("com.amazonaws.sqs#InvalidBatchEntryId", message)
        .with_query_code("AWS.SimpleQueueService.InvalidBatchEntryId")
}

pub(super) fn batch_too_long(limit: usize, bytes: usize) -> Failure {
    let message =
        format!("Batch requests cannot be longer than {limit} bytes. You have sent {bytes} bytes.");
    Failure::new("com.amazonaws.sqs#BatchRequestTooLong", message)
        .with_query_code("AWS.SimpleQueueService.BatchRequestTooLong")
}

pub(super) fn resource_not_found(message: &str) -> Failure {
    Failure::new("com.amazonaws.sqs#ResourceNotFoundException", message)
        .with_query_code("ResourceNotFoundException")
}

pub(super) fn unsupported_operation(message: &str) -> Failure {
    Failure::new("com.amazonaws.sqs#UnsupportedOperation", message)
        .with_query_code("AWS.SimpleQueueService.UnsupportedOperation")
}

pub(super) fn throttled() -> Failure {
    Failure::new("com.amazonaws.sqs#RequestThrottled", "Request is throttled.")
        .with_query_code("RequestThrottled")
}

pub(super) fn denied() -> Failure {
    let message = "User: local is not authorized to perform this action on this resource.";
    Failure::new("com.amazonaws.sqs#AccessDeniedException", message).with_query_code("AccessDenied")
}

/// A failure of the service's own: status 500.
pub(super) fn internal() -> Failure {
    Failure::new("InternalFailure", "We encountered an internal error. Please try again.")
}

/// Status 503.
pub(super) fn unavailable() -> Failure {
    Failure::new("ServiceUnavailable", "Service is currently unavailable.")
}
