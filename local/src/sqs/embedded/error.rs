//! The errors of SQS, with their old and new codes.
//!
//! Source: the Amazon SQS API reference and the service's Smithy model, whose query-compatible
//! codes SDKs still report.

use std::fmt::Display;

use crate::aws_json::Failure;
use crate::sqs::model::HandleError;

/// An SQS error, by the name of its shape.
pub(super) fn error(shape: &'static str, message: impl Into<String>) -> Failure {
    let query_code = match shape {
        "AccessDeniedException" => "AccessDenied",
        "InvalidParameterValueException" => "InvalidParameterValue",
        "MissingRequiredParameterException" => "MissingParameter",
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists" => "QueueAlreadyExists",
        "InvalidAttributeName"
        | "InvalidAttributeValue"
        | "InvalidMessageContents"
        | "ReceiptHandleIsInvalid"
        | "RequestThrottled"
        | "ResourceNotFoundException" => shape,
        _ => &format!("AWS.SimpleQueueService.{shape}"),
    };
    let query_code = Some(query_code.to_owned());
    let mut failure = Failure::new(shape, message);
    (failure.namespace, failure.query_code) = ("com.amazonaws.sqs#", query_code);
    failure
}

pub(super) fn of_protocol(shape: &'static str, message: impl Into<String>) -> Failure {
    let mut failure = Failure::new(shape, message);
    failure.namespace = "com.amazon.coral.service#";
    failure
}

pub(super) fn invalid_parameter(message: impl Into<String>) -> Failure {
    error("InvalidParameterValueException", message)
}

/// A parameter value outside its range.
pub(super) fn out_of_range(value: impl Display, parameter: &str, reason: &str) -> Failure {
    invalid_parameter(format!(
        "Value {value} for parameter {parameter} is invalid. Reason: {reason}"
    ))
}

pub(super) fn missing_parameter(parameter: &str) -> Failure {
    let message = format!("The request must contain the parameter {parameter}.");
    error("MissingRequiredParameterException", message)
}

pub(super) fn resource_not_found(parameter: &str) -> Failure {
    let message =
        format!("The resource that you specified for the {parameter} parameter doesn't exist.");
    error("ResourceNotFoundException", message)
}

/// An error of a receipt handle.
pub(super) fn of_handle(wrong: HandleError, handle: &str) -> Failure {
    let (name, reason) = match wrong {
        HandleError::Invalid => {
            let message = format!("The input receipt handle \"{handle}\" is not a valid one.");
            return error("ReceiptHandleIsInvalid", message);
        }
        HandleError::NotInFlight => {
            return error("MessageNotInflight", "The message is not in flight.");
        }
        HandleError::Expired => ("ReceiptHandle", "The receipt handle has expired."),
        HandleError::Gone => ("ReceiptHandle", "Message does not exist or is not available."),
        HandleError::BeyondLimit => {
            ("VisibilityTimeout", "It is beyond the limit [43200 seconds].")
        }
    };
    out_of_range(handle, name, reason)
}
