//! Why a call failed.

use std::fmt;

use super::Element;
use crate::aws::CallFailure;
use crate::text::shown;

/// Throttling codes that do not contain `Throttl` (source: "Retry behavior", AWS SDKs and Tools
/// Reference Guide).
const THROTTLING: [&str; 6] = [
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "SlowDown",
    "TooManyRequests",
    "TooManyRequestsException",
];

/// Why a call failed, without the content of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// The service's code, or `Status503` or similar if it has none. Codes of this client:
    /// `NoAnswer`, `Timeout`, `InvalidAnswer`, `Deadline`, and `TooMany` for a list.
    pub code: String,
    /// The message of the service, or why there is no answer.
    pub message: String,
    /// The kind of failure.
    pub kind: ErrorKind,
    /// Whether an earlier attempt of the same call failed in the service, which may have carried it
    /// out.
    pub may_be_done: bool,
}

/// The kind of a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The service rejected the request.
    Refused,
    /// The service throttled, or failed with 5xx: the same request may succeed later.
    Temporary,
    /// There was no readable answer: the request may have been carried out.
    NoAnswer,
}

impl QueryError {
    /// Creates a failure without an answer of the service.
    #[must_use]
    pub fn new(code: &str, message: &str) -> Self {
        let (code, message) = (code.to_owned(), message.to_owned());
        Self { code, message, kind: ErrorKind::NoAnswer, may_be_done: false }
    }

    pub(super) fn no_answer(message: &str) -> Self {
        Self::new("NoAnswer", message)
    }

    /// Creates the error for an invalid answer.
    #[must_use]
    pub fn invalid(message: &str) -> Self {
        Self::new("InvalidAnswer", message)
    }

    /// Reads the error from an answer whose status is a failure.
    pub(super) fn of_answer(status: u16, root: Option<&Element>) -> Self {
        // EC2 has it in `Errors`, other services in the root.
        let errors = |root: &Element| root.child("Errors").unwrap_or(root).clone();
        let error = root.map(errors).and_then(|errors| errors.child("Error").cloned());
        let text = |name: &str| error.as_ref()?.text(name).map(shown);
        let code = text("Code").unwrap_or_else(|| format!("Status{status}"));
        let is_temporary = is_throttling(&code) || status == 429 || status >= 500;
        let kind = if is_temporary { ErrorKind::Temporary } else { ErrorKind::Refused };
        let message = text("Message").unwrap_or_else(|| format!("status {status}"));
        Self { code, message, kind, may_be_done: false }
    }

    /// Whether the service refused the attempt because of too many requests.
    pub(super) fn is_throttled(&self) -> bool {
        is_throttling(&self.code) || self.code == "Status429"
    }
}

fn is_throttling(code: &str) -> bool {
    code.contains("Throttl") || THROTTLING.contains(&code)
}

impl From<QueryError> for CallFailure {
    fn from(error: QueryError) -> Self {
        Self { code: Some(error.code), message: error.message }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for QueryError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_both_protocols() {
        let ec2 = "<Response><Errors><Error><Code>IncorrectState</Code><Message>no\nway</Message>\
                   </Error></Errors><RequestID>1</RequestID></Response>";
        let rds = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code></Error>\
                   </ErrorResponse>";
        for (status, body, shown, kind) in [
            (400, ec2, "IncorrectState: no way", ErrorKind::Refused),
            (500, ec2, "IncorrectState: no way", ErrorKind::Temporary),
            (400, rds, "Throttling: status 400", ErrorKind::Temporary),
            (429, "<html/>", "Status429: status 429", ErrorKind::Temporary),
            (403, "no", "Status403: status 403", ErrorKind::Refused),
        ] {
            let error = QueryError::of_answer(status, Element::parse(body).as_ref());
            assert_eq!((error.to_string(), error.kind), (shown.to_owned(), kind));
        }
    }

    #[test]
    fn long_messages_are_cut() {
        let long = "é".repeat(1_000);
        let body = format!("<R><Error><Code>a</Code><Message>{long}</Message></Error></R>");
        let error = QueryError::of_answer(400, Element::parse(&body).as_ref());
        assert_eq!(error.message, "é".repeat(300));
    }
}
