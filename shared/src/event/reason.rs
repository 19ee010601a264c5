//! Why an event never becomes a document, for logs and for the stored event.

use std::borrow::Cow;

use super::Refusal;

/// Why an event can never become a document in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// In `snake_case`, from the event model or OpenSearch.
    pub code: Cow<'static, str>,
    /// For people; it may quote the event, so it must not be logged.
    pub detail: Cow<'static, str>,
    /// Advice for the log; empty if there is none.
    pub advice: &'static str,
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        let detail = match refusal {
            Refusal::NoData => "it has no data",
            Refusal::InvalidBase64 => "it is not base64",
            Refusal::InvalidUtf8 => "it is not UTF-8",
            Refusal::InvalidJson => "it is not one JSON value",
            Refusal::NotAnObject => "it is JSON, but no object",
            Refusal::Empty => "there is no event in it",
            Refusal::EmptyEnvelope => "there is nothing in its envelope",
            Refusal::TooDeep => "it is nested more than 128 levels deep",
            Refusal::TooLarge => "it has more than 1,048,576 bytes",
            Refusal::NumberTooLong => "it has a number of more than 1,000 characters",
        };
        Self { code: Cow::Borrowed(refusal.reason()), detail: Cow::Borrowed(detail), advice: "" }
    }
}
