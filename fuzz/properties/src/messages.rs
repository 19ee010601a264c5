//! Message bodies with their envelopes, and the SQS events that contain them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::LazyLock;

use aws_lambda_events::sns::SnsMessage;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use bytes::Bytes;
use serde_json::{Value, json};
use shared::config::Environment;
use shared::contents::{Contents, Holds};
use shared::envelope::LogMessage;
use shared::event::{self, Model, Reader, Refusal};
use shared::s3::GetError;
use shared::sqs::{Failure, MAX_ENTRIES, MAX_MESSAGE_BYTES, Quarantined, is_text};
use sqs_consumer::{App, Config, Queues, VisibilityChange};
use testkit::{LAMBDA, Output};

use crate::index::Index;
use crate::invocation::invoke;
use crate::opinion::Opinion;

static MODEL: LazyLock<Model> = LazyLock::new(|| event::model(&Environment::default()).unwrap());

/// The events of a body.
struct Found {
    holds: Result<Holds, Refusal>,
    /// Each event, and whether it is in an envelope.
    events: Vec<(Vec<u8>, bool)>,
    /// The number of first events that were read without errors.
    read: usize,
}

/// The events of a body as a function finds them; if one cannot be read, the search is repeated
/// more carefully.
fn find(contents: &mut Contents, body: &[u8]) -> Found {
    let holds = contents.open(|text| text.extend_from_slice(body));
    if holds.is_err() {
        return Found { holds, events: Vec::new(), read: 0 };
    }
    let (quickly, mut read) = (events(contents), read(contents));
    if read < quickly.len() {
        assert!(contents.look_again() && !contents.look_again());
        let carefully = self::read(contents);
        assert!(carefully >= read);
        let events = events(contents);
        assert_eq!(events[..read], quickly[..read]);
        read = carefully;
    }
    Found { holds, events: events(contents), read }
}

fn events(contents: &mut Contents) -> Vec<(Vec<u8>, bool)> {
    let mut events = Vec::with_capacity(contents.count());
    while let Some((event, around)) = contents.event(events.len()) {
        events.push((event.to_vec(), around.is_some()));
    }
    assert_eq!(events.len(), contents.count());
    events
}

/// The number of first events that are read without errors.
fn read(contents: &mut Contents) -> usize {
    let (mut reader, mut count) = (Reader::default(), 0);
    while let Some((event, around)) = contents.event(count)
        && reader.read_inside(&MODEL, event, around).is_ok()
    {
        count += 1;
    }
    count
}

/// The events of a body are those that `serde_json` finds in an array, in lines, and in a
/// notification of SNS. Each is found again on its own. A message with this body becomes a document
/// for each event, or is in quarantine.
pub fn message_bodies(body: &[u8]) {
    let mut contents = Contents::default();
    let found = find(&mut contents, body);
    let is_plain = found.events.iter().all(|(_, has_envelope)| !has_envelope);
    if is_plain {
        check_plain(body, &found);
        check_alone(&contents, &found);
        check_whole(body, &found);
    }
    if let Ok(SnsMessage { sns_message_type, message, .. }) = serde_json::from_slice(body)
        && sns_message_type == "Notification"
    {
        let inside = find(&mut contents, message.as_bytes());
        if inside.events.iter().all(|(_, has_envelope)| !has_envelope) && inside.holds.is_ok() {
            let texts = |found: &Found| found.events.iter().map(|(text, _)| text.clone()).collect();
            let [expected, texts]: [Vec<_>; 2] = [texts(&inside), texts(&found)];
            assert_eq!(texts, expected, "{message}");
        }
    }
    // SQS delivers no other bodies.
    if let Some(body) = std::str::from_utf8(body).ok().filter(|body| is_text(body)) {
        check_consumed(body, &found);
    }
}

fn check_plain(body: &[u8], found: &Found) {
    let value = match Opinion::of(body) {
        Opinion::Value(value) => value,
        Opinion::Invalid if found.holds.is_ok() => return check_lines(body, found),
        Opinion::Invalid | Opinion::BeyondLimits => return,
    };
    let expected = match value {
        Value::Array(elements) => elements,
        Value::Object(members) => vec![Value::Object(members)],
        _ => return,
    };
    match found.holds {
        Ok(Holds::NoLogEvents) => assert!(found.events.is_empty()),
        Ok(_) => {
            let values = found.events.iter().map(|(event, _)| Opinion::of(event).value().unwrap());
            assert_eq!(values.collect::<Vec<_>>(), expected);
        }
        // In an envelope, which may contain nothing that can be opened.
        Err(refusal) => assert!(
            expected.is_empty()
                || matches!(
                    refusal,
                    Refusal::Empty | Refusal::EmptyEnvelope | Refusal::InvalidBase64
                ),
            "{refusal:?}"
        ),
    }
}

/// Checks that a body contains only its events and what separates them. A message of CloudWatch
/// Logs may contain no event, also in a string.
fn check_whole(body: &[u8], found: &Found) {
    let is_text = body.trim_ascii().starts_with(b"\"") && found.events.len() == 1;
    let may_be_empty = matches!(found.holds, Ok(Holds::NoLogEvents)) || LogMessage::may_be_in(body);
    if found.holds.is_err() || is_text || may_be_empty {
        return;
    }
    let is_separator = |byte: &u8| b" \t\r\n,[]\xEF\xBB\xBF".contains(byte);
    let mut rest = body;
    for (event, _) in &found.events {
        while !rest.starts_with(event) {
            assert!(rest.first().is_some_and(is_separator), "{}", rest.escape_ascii());
            rest = &rest[1..];
        }
        rest = &rest[event.len()..];
    }
    assert!(rest.iter().all(is_separator), "{}", rest.escape_ascii());
}

/// Checks that lines are events if each of them is an object, or a string that contains one.
fn check_lines(body: &[u8], found: &Found) {
    let lines = body.split(|byte| *byte == b'\n');
    let lines: Vec<_> = lines.filter(|line| !line.trim_ascii().is_empty()).collect();
    let values: Vec<_> = lines.iter().filter_map(|line| Opinion::of(line).value()).collect();
    let is_event = |value: &Value| match value {
        Value::String(text) => {
            Opinion::of(text.as_bytes()).value().is_some_and(|it| it.is_object())
        }
        value => value.is_object(),
    };
    let are_events = values.len() == lines.len() && values.iter().all(is_event);
    if are_events && !lines.is_empty() {
        let events = found.events.iter().map(|(event, _)| Opinion::of(event).value().unwrap());
        assert_eq!(events.collect::<Vec<_>>(), values);
    }
}

fn check_alone(contents: &Contents, found: &Found) {
    for (at, (event, _)) in found.events.iter().enumerate().take(found.read) {
        let mut alone = Vec::new();
        contents.write_alone(at, &mut alone);
        assert_eq!(alone, *event);
    }
}

/// Stores the messages sent to quarantine; clones are the same.
#[derive(Clone, Debug, Default)]
struct Quarantine(Rc<RefCell<Vec<Quarantined>>>);

impl Queues for Quarantine {
    async fn payload(&self, _: &str, _: &str) -> Result<Bytes, GetError> {
        panic!("large payloads go to quarantine")
    }

    async fn quarantine(&self, entries: &[Quarantined]) -> Vec<Option<Failure>> {
        assert!((1..=MAX_ENTRIES).contains(&entries.len()));
        for entry in entries {
            let Quarantined { body, .. } = entry;
            assert!(is_text(body) && entry.bytes() <= MAX_MESSAGE_BYTES, "{} bytes", entry.bytes());
        }
        self.0.borrow_mut().extend_from_slice(entries);
        vec![None; entries.len()]
    }

    async fn change_visibility(&self, _: &str, _: &[VisibilityChange]) -> Vec<Failure> {
        Vec::new()
    }
}

type Consumer = App<Index, Quarantine, Output>;

fn consumer() -> (Consumer, Index, Quarantine) {
    let own = [
        ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9200"),
        ("QUARANTINE_QUEUE_URL", "http://127.0.0.1:9324/1/quarantine"),
        ("BULK_MAX_DOCS", "3"),
    ];
    let config = Config::from_environment(&[&LAMBDA, &own[..]].concat().into_iter().collect());
    let (index, quarantine) = (Index::default(), Quarantine::default());
    let random = fastrand::Rng::with_seed(1);
    let ports = (index.clone(), quarantine.clone());
    let app = App::new(config.unwrap(), ports.0, ports.1, random, Output::default());
    (app, index, quarantine)
}

/// The ids of the messages that are redelivered.
fn redelivered(answer: &[u8]) -> Vec<String> {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    let items = answer["batchItemFailures"].as_array().unwrap().iter();
    items.map(|item| item["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

fn check_consumed(body: &str, found: &Found) {
    let (mut app, index, quarantine) = consumer();
    let event = json!({"Records": [{
        "messageId": "m", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:events", "receiptHandle": "r",
        "body": body,
    }]});
    let answer = invoke(&mut app, event.to_string().as_bytes()).unwrap();
    let again = redelivered(&answer);
    let (indexed, refused) = (index.take().len(), quarantine.0.take().len());
    assert_eq!(again, [""; 0]);
    match found.holds {
        Ok(Holds::Events) => {
            let expected = match found.events.len() - indexed {
                ..=1_000 => found.events.len() - indexed,
                // The message as a whole.
                _ => 1,
            };
            assert_eq!(refused, expected);
            assert!(indexed >= found.read);
        }
        Ok(Holds::LargePayloadPointer) => assert_eq!((indexed, refused), (0, 1)),
        Ok(Holds::TestEvent | Holds::NoLogEvents) => assert_eq!((indexed, refused), (0, 0)),
        Err(_) => assert_eq!(indexed, 0),
    }
}

/// An event is refused as a whole, or each message is a document, in quarantine or redelivered. An
/// event that `aws_lambda_events` can parse is accepted, if the messages have ids and a queue.
pub fn sqs_events(event: &[u8]) {
    let (mut app, index, quarantine) = consumer();
    let answer = invoke(&mut app, event);
    let (indexed, refused) = (index.take(), quarantine.0.take());
    // The crate also parses arrays as events.
    let is_object = Opinion::of(event).value().is_some_and(|event| event.is_object());
    let event: Option<SqsEvent> = serde_json::from_slice(event).ok().filter(|_| is_object);
    let Ok(answer) = answer else {
        assert!(indexed.is_empty() && refused.is_empty());
        if let Some(SqsEvent { records, .. }) = event {
            let is_complete = |message: &SqsMessage| {
                let SqsMessage { message_id, event_source_arn, event_source, .. } = message;
                let is_named =
                    |value: &Option<String>| value.as_ref().is_some_and(|it| !it.is_empty());
                let is_of_sqs = event_source.as_deref().is_none_or(|source| source == "aws:sqs");
                is_named(message_id) && is_named(event_source_arn) && is_of_sqs
            };
            assert!(!records.iter().all(is_complete), "refused: {records:?}");
        }
        return;
    };
    let again = redelivered(&answer);
    if let Some(SqsEvent { records, .. }) = event {
        let ids: Vec<_> = records.iter().filter_map(|record| record.message_id.clone()).collect();
        assert!(again.iter().all(|id| ids.contains(id)), "{again:?} of {ids:?}");
    }
}
