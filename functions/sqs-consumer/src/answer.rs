//! The answer to the event source mapping: the messages to redeliver.
//!
//! Source: "Reporting batch item failures", AWS Lambda Developer Guide. Messages that it does
//! not name are deleted.

use crate::envelope::Message;
use crate::outcome::Outcome;

/// Writes the answer to `answer`, which is cleared first.
pub(crate) fn write(messages: &[Message<'_>], outcomes: &[Outcome], answer: &mut Vec<u8>) {
    answer.clear();
    answer.extend_from_slice(b"{\"batchItemFailures\":[");
    let mut first = true;
    for (message, outcome) in messages.iter().zip(outcomes) {
        if !matches!(outcome, Outcome::Retry(_)) {
            continue;
        }
        if !first {
            answer.push(b',');
        }
        first = false;
        answer.extend_from_slice(b"{\"itemIdentifier\":\"");
        // As written, so that its escapes stay valid.
        answer.extend_from_slice(message.id.as_bytes());
        answer.extend_from_slice(b"\"}");
    }
    answer.extend_from_slice(b"]}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope;
    use crate::outcome::Retry;

    #[test]
    fn names_the_messages_that_come_again_as_they_were_named() {
        let event = br#"{"Records":[{"messageId":"a","eventSourceARN":"q"},
            {"messageId":"b\"\u0031","eventSourceARN":"q"},{"messageId":"c","eventSourceARN":"q"},
            {"messageId":"a","eventSourceARN":"q"}]}"#;
        let messages = envelope::parse(event).unwrap();
        let retry = Outcome::Retry(Retry::Deadline);
        let mut answer = b"before".to_vec();
        write(&messages, &[retry, retry, Outcome::Quarantined, retry], &mut answer);
        let expected = br#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b\"\u0031"},{"itemIdentifier":"a"}]}"#;
        assert_eq!(answer, expected);
        write(&messages, &[Outcome::Done; 4], &mut answer);
        assert_eq!(answer, br#"{"batchItemFailures":[]}"#);
    }
}
