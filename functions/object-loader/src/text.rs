//! Lines of text as events.

use serde_json::Value;
use shared::event::Timestamp;

/// Writes the event of a line: `{"message":line}`, or `{"timestamp":time,"message":rest}` if the
/// line begins with an RFC 3339 time and a space. A line that is not UTF-8 is returned unchanged:
/// the event model refuses it.
pub(crate) fn event<'a>(line: &'a [u8], out: &'a mut Vec<u8>) -> &'a [u8] {
    let Ok(text) = std::str::from_utf8(line) else { return line };
    out.clear();
    let mut message = text;
    if let Some((time, rest)) = text.split_once(' ').filter(|(time, _)| is_time(time)) {
        out.extend_from_slice(b"{\"timestamp\":\"");
        out.extend_from_slice(time.as_bytes());
        out.extend_from_slice(b"\",\"message\":");
        message = rest;
    } else {
        out.extend_from_slice(b"{\"message\":");
    }
    out.extend_from_slice(Value::from(message).to_string().as_bytes());
    out.push(b'}');
    out
}

/// Whether a text is an RFC 3339 time, with its time of day.
fn is_time(text: &str) -> bool {
    text.len() > "2024-03-01".len() && Timestamp::from_rfc3339(text.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_with_the_time_that_it_begins_with() {
        for (line, expected) in [
            ("a \"b\"\\", r#"{"message":"a \"b\"\\"}"#),
            (
                "2024-03-01T12:34:56.789Z GET / 200",
                r#"{"timestamp":"2024-03-01T12:34:56.789Z","message":"GET / 200"}"#,
            ),
            (
                "2024-03-01T12:34:56+01:00  x",
                r#"{"timestamp":"2024-03-01T12:34:56+01:00","message":" x"}"#,
            ),
            ("2024-03-01 12:34:56 x", r#"{"message":"2024-03-01 12:34:56 x"}"#),
            ("2024-03-01T12:34:56Z", r#"{"message":"2024-03-01T12:34:56Z"}"#),
            ("1709296496 x", r#"{"message":"1709296496 x"}"#),
        ] {
            assert_eq!(event(line.as_bytes(), &mut Vec::new()), expected.as_bytes(), "{line}");
        }
        assert_eq!(event(b"\xFF x", &mut Vec::new()), b"\xFF x");
    }
}
