//! The event of an event source mapping of Kinesis, read without copying.
//!
//! Source: "Using Lambda to process records from Amazon Kinesis Data Streams", AWS Lambda Developer
//! Guide.

use shared::event::Timestamp;
use shared::json::{self, Kind, Scanner, Text};
use shared::runtime::Failure;

/// The event is not from Kinesis, or could not be answered. Kinesis then redelivers all its
/// records.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Kinesis event: {0}")]
pub struct InvalidEvent(String);

impl Failure for InvalidEvent {
    fn error_type(&self) -> &'static str {
        "InvalidEvent"
    }
}

/// A record of the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// `kinesis.sequenceNumber`: the content of the JSON string.
    pub(crate) sequence_number: &'a str,
    /// `eventID`: the shard and the sequence number. Empty if it is missing.
    pub(crate) event_id: &'a str,
    /// `eventSourceARN`: the stream. Empty if it is missing.
    pub(crate) source_arn: &'a str,
    /// `kinesis.data`: the content of the JSON string, which should be base64.
    pub(crate) data: &'a str,
    /// Whether `data` has escapes: some encoders write `\/`.
    pub(crate) is_escaped: bool,
    /// `kinesis.approximateArrivalTimestamp`
    pub(crate) arrived: Option<Timestamp>,
}

fn invalid(problem: impl Into<String>) -> InvalidEvent {
    InvalidEvent(problem.into())
}

/// Reads an event.
///
/// # Errors
/// [`InvalidEvent`], which states what is wrong without quoting a record.
pub(crate) fn parse(event: &[u8]) -> Result<Vec<Record<'_>>, InvalidEvent> {
    let text = simdutf8::basic::from_utf8(event).map_err(|_| invalid("it is not UTF-8"))?;
    let mut records = None;
    let mut has_window = false;
    Scanner::new(event)
        .only_object(|scanner, key| {
            match (key.span.of(event), scanner.peek()) {
                (b"Records", Some(b'[')) => {
                    records = Some(scanner.elements(|scanner| read_record(text, scanner))?);
                }
                (b"window", _) => has_window |= scanner.value(1)? != Kind::Null,
                _ => drop(scanner.value(1)?),
            }
            Ok(())
        })
        .map_err(invalid)?;
    if has_window {
        let problem = "it has a `window`: set TumblingWindowInSeconds of the event source mapping \
                       to 0, the store computes the windows";
        return Err(invalid(problem));
    }
    records
        .ok_or_else(|| invalid("it has no list `Records`"))?
        .map_err(|problem| invalid(format!("Records{problem}")))
}

fn read_record<'a>(
    text: &'a str,
    scanner: &mut Scanner<'a>,
) -> Result<Result<Record<'a>, &'static str>, json::Error> {
    if scanner.peek() != Some(b'{') {
        scanner.value(2)?;
        return Ok(Err("is not an object"));
    }
    let mut record = Record::default();
    let (mut is_of_kinesis, mut has_data) = (true, false);
    scanner.object(|scanner, key| {
        let is_string = scanner.peek() == Some(b'"');
        match key.span.of(text.as_bytes()) {
            b"eventID" if is_string => record.event_id = content(text, scanner.string()?),
            b"eventSourceARN" if is_string => record.source_arn = content(text, scanner.string()?),
            b"eventSource" if is_string => {
                is_of_kinesis = content(text, scanner.string()?) == "aws:kinesis";
            }
            b"kinesis" if scanner.peek() == Some(b'{') => {
                has_data = read_kinesis(text, scanner, &mut record)?;
            }
            _ => drop(scanner.value(3)?),
        }
        Ok(())
    })?;
    Ok(match record {
        _ if !is_of_kinesis => Err("is not from Kinesis"),
        Record { sequence_number: "", .. } => Err("has no `kinesis.sequenceNumber`"),
        _ if !has_data => Err("has no `kinesis.data`"),
        record => Ok(record),
    })
}

/// Reads the member `kinesis` of a record; returns whether it has data.
fn read_kinesis<'a>(
    text: &'a str,
    scanner: &mut Scanner<'a>,
    record: &mut Record<'a>,
) -> Result<bool, json::Error> {
    let mut has_data = false;
    scanner.object(|scanner, key| {
        let start = scanner.position();
        match (key.span.of(text.as_bytes()), scanner.peek()) {
            (b"sequenceNumber", Some(b'"')) => {
                record.sequence_number = content(text, scanner.string()?);
            }
            (b"data", Some(b'"')) => {
                let data = scanner.string()?;
                (record.data, record.is_escaped) = (content(text, data), data.escaped);
                has_data = true;
            }
            (b"approximateArrivalTimestamp", Some(b'"')) => {
                record.arrived =
                    Timestamp::from_number(content(text, scanner.string()?).as_bytes());
            }
            (b"approximateArrivalTimestamp", _) => {
                scanner.value(4)?;
                // In seconds; some emulators write milliseconds.
                let number = &text.as_bytes()[start..scanner.position()];
                record.arrived = Timestamp::from_number(number);
            }
            _ => drop(scanner.value(4)?),
        }
        Ok(())
    })?;
    Ok(has_data)
}

/// The content of a string.
fn content(text: &str, string: Text) -> &str {
    &text[string.span.start..string.span.end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(event: &str) -> String {
        parse(event.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn reads_what_the_answer_and_the_points_need() {
        let event = r#" {"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"1",
            "sequenceNumber":"49590338271490256608559692538361571095921575989136588898",
            "data":"e30\/","approximateArrivalTimestamp":1545084650.987},
            "eventSource":"aws:kinesis","eventID":"shardId-000000000006:4959",
            "eventSourceARN":"arn:aws:kinesis:r:1:stream/s","awsRegion":"r"}]} "#;
        let expected = Record {
            sequence_number: "49590338271490256608559692538361571095921575989136588898",
            event_id: "shardId-000000000006:4959",
            source_arn: "arn:aws:kinesis:r:1:stream/s",
            data: "e30\\/",
            is_escaped: true,
            arrived: Timestamp::from_milliseconds(b"1545084650987"),
        };
        assert_eq!(parse(event.as_bytes()).unwrap(), [expected]);
        assert_eq!(parse(br#"{"Records":[],"window":null}"#).unwrap(), []);
    }

    #[test]
    fn what_cannot_be_answered_fails_as_a_whole() {
        let record = |kinesis: &str| {
            let good = r#"{"kinesis":{"sequenceNumber":"1","data":""}}"#;
            problem(&format!(r#"{{"Records":[{good},{{"kinesis":{kinesis}}}]}}"#))
        };
        for (found, expected) in [
            (problem("[]"), "it is not an object"),
            (problem("{}"), "it has no list `Records`"),
            (problem(r#"{"Records":null}"#), "it has no list `Records`"),
            (problem(r#"{"Records":[]} x"#), "it continues after its end"),
            (problem(r#"{"Records":[1]}"#), "Records[0] is not an object"),
            (problem(r#"{"Records":[{"messageId":"1"}]}"#), "Records[0] has no `kinesis.seq"),
            (
                problem(r#"{"Records":[{"eventSource":"aws:sqs"}]}"#),
                "Records[0] is not from Kinesis",
            ),
            (record(r#"{"data":""}"#), "Records[1] has no `kinesis.sequenceNumber`"),
            (record(r#"{"sequenceNumber":"","data":""}"#), "Records[1] has no `kinesis.seq"),
            (record(r#"{"sequenceNumber":"2"}"#), "Records[1] has no `kinesis.data`"),
            (record(r#"{"sequenceNumber":"2","data":null}"#), "Records[1] has no `kinesis.data`"),
            (
                problem(r#"{"Records":[],"window":{"start":"a"}}"#),
                "it has a `window`: set Tumbling",
            ),
        ] {
            let expected = format!("not a Kinesis event: {expected}");
            assert!(found.starts_with(&expected), "{found}");
        }
    }
}
