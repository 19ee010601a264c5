//! Why a call failed.

use std::fmt;

use super::Element;
use crate::aws::CallFailure;
use crate::text::shown;

/// Codes of throttling without `Throttl` in them (source: "Retry behavior", AWS SDKs and Tools
/// Reference Guide).
const THROTTLING: [&str; 6] = [
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "SlowDown",
    "TooManyRequests",
    "TooManyRequestsException",
];

/// Why a call failed, without what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// The service's code; `Status503` where it has none. Of this client: `NoAnswer`, `Timeout`,
    /// `InvalidAnswer`, `Deadline`, and `TooMany` for a list.
    pub code: String,
    /// The message of the service, or why there is no answer.
    pub message: String,
    /// Whether the service refused.
    pub kind: ErrorKind,
}

/// Who failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The service refused the request.
    Refused,
    /// The service throttled, or failed with 5xx: the same request may succeed later.
    Temporary,
    /// No answer came that can be read: the request may have been carried out.
    NoAnswer,
}

impl QueryError {
    /// A failure without an answer of the service.
    #[must_use]
    pub fn new(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), kind: ErrorKind::NoAnswer }
    }

    pub(super) fn no_answer(message: &str) -> Self {
        Self::new("NoAnswer", message)
    }

    /// An answer that does not make sense.
    #[must_use]
    pub fn invalid(message: &str) -> Self {
        Self::new("InvalidAnswer", message)
    }

    /// The error in an answer with a status of failure.
    pub(super) fn of_answer(status: u16, root: Option<&Element>) -> Self {
        // Of EC2 in `Errors`, else in the root.
        let errors = |root: &Element| root.child("Errors").unwrap_or(root).clone();
        let error = root.map(errors).and_then(|errors| errors.child("Error").cloned());
        let text = |name: &str| error.as_ref()?.text(name).map(shown);
        let code = text("Code").unwrap_or_else(|| format!("Status{status}"));
        let is_throttled = code.contains("Throttl") || THROTTLING.contains(&&*code);
        let is_temporary = is_throttled || status == 429 || status >= 500;
        let kind = if is_temporary { ErrorKind::Temporary } else { ErrorKind::Refused };
        let message = text("Message").unwrap_or_else(|| format!("status {status}"));
        Self { code, message, kind }
    }
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
