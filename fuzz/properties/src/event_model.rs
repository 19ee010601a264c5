//! The event model, in both of its forms.

use std::sync::LazyLock;

use serde_json::Value;
use shared::config::Environment;
use shared::event::{
    self, Arrival, DocumentId, Identity, MAX_PAYLOAD_BYTES, Model, Reader, Refusal,
    TimestampSource, Written,
};
use shared::json;

use crate::invocation::now;
use crate::opinion::Opinion;

const ARRIVAL: &[u8] = b"1709296498120";

/// A payload with everything that a reader could remember: an envelope, duplicates, line breaks,
/// escapes.
const BEFORE: &[u8] = br#"{"Type":"Notification","MessageId":"m","Timestamp":"2024-03-01T12:00:00Z",
    "Message":"{\"type\":1,\n\"type\":\"pl\\u0061y\",\"__sluice_reingests\":2,\"__sluice_arrival\":7,
    \"artist\":{\"id\":1,\"id\":2},\"x\":[\n1]}"}"#;

/// Members in which envelopes contain events.
const INSIDE: [&str; 4] = ["Message", "data", "data_base64", "detail"];

static MODELS: LazyLock<[Model; 2]> = LazyLock::new(|| {
    ["mapped", "passthrough"].map(|form| {
        let environment = Environment::default().with("DOCUMENT", form);
        event::model(&environment.with("EXTRA_MAX_BYTES", "32000")).unwrap()
    })
});

/// The document of a payload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) text: Vec<u8>,
    written: Written,
    ids: [Vec<u8>; 2],
    /// The event inside all envelopes.
    event: Vec<u8>,
    put_back: Vec<u8>,
    reingests: u32,
}

impl Document {
    fn write(
        reader: &mut Reader,
        model: &Model,
        payload: &[u8],
        delivery: &[u8],
    ) -> Result<Self, Refusal> {
        let mut event = reader.read(model, payload)?;
        let mut text = Vec::new();
        let arrival = Arrival { time: None, now: now(), identity: Identity::Delivery(delivery) };
        let written = event.write_document(&arrival, &mut text);
        let ids = [DocumentId::Event, DocumentId::Id].map(|how| {
            let mut id = Vec::new();
            event.write_document_id(how, &written, &text, &mut id);
            id
        });
        let reingests = event.reingests();
        let put_back = event.put_back(reingests.saturating_add(1), delivery);
        Ok(Self { written, ids, event: event.text().to_vec(), put_back, reingests, text })
    }
}

/// A payload becomes a document that is JSON on one line and contains all values of the event, or
/// is refused if `serde_json` refuses it. A reader that has read other payloads before, and an
/// event that was put back, give the same result.
pub fn event_model(payload: &[u8]) {
    for model in &*MODELS {
        let document = Document::write(&mut Reader::default(), model, payload, ARRIVAL);
        let mut used = Reader::default();
        let _before = Document::write(&mut used, model, BEFORE, b"1");
        assert_eq!(Document::write(&mut used, model, payload, ARRIVAL), document);
        match &document {
            Ok(document) => {
                check_document(document);
                check_put_back(&mut used, model, document);
            }
            Err(refusal) => check_refusal(payload, *refusal),
        }
        if Opinion::of(payload) == Opinion::Invalid {
            assert!(document.is_err(), "serde_json finds it invalid: {}", payload.escape_ascii());
        }
    }
}

fn check_document(document: &Document) {
    let Document { text, written, ids, event, .. } = document;
    assert!(!text.contains(&b'\n') && !text.contains(&b'\r'));
    for id in ids {
        let id = json::unescaped(id).unwrap();
        assert!((1..=512).contains(&id.len()), "{id}");
    }
    let Some(value) = Opinion::of_valid(text) else { return };
    let time: jiff::Timestamp = value["@timestamp"].as_str().unwrap().parse().unwrap();
    assert_eq!(time.as_nanosecond(), i128::from(written.timestamp.nanoseconds()));
    let Some(event) = Opinion::of_valid(event) else { return };
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    leaves(&event, &mut expected);
    leaves(&value, &mut found);
    expected.sort();
    found.sort();
    let mut found = found.into_iter().peekable();
    let missing: Vec<_> = expected
        .into_iter()
        .filter(|leaf| {
            while found.next_if(|other| other < leaf).is_some() {}
            found.next_if_eq(leaf).is_none()
        })
        .collect();
    // The event's own time has another format, or is rejected and has no place, a numeric id becomes
    // text, and members that this model added itself are removed.
    let has_original = event.get("@timestamp_original").is_some();
    let own = usize::from(written.timestamp_source == TimestampSource::Event || has_original)
        + usize::from(written.own_id)
        + event.as_object().map_or(0, |event| {
            event.keys().filter(|key| key.starts_with("__sluice_")).count() * 1_000
        });
    assert!(missing.len() <= own, "{missing:?} of {event} missing in {value}");
}

/// All strings, numbers and booleans.
fn leaves(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => out.push(value.to_string()),
        Value::String(text) => out.push(text.clone()),
        Value::Array(elements) => elements.iter().for_each(|element| leaves(element, out)),
        Value::Object(members) => members.values().for_each(|member| leaves(member, out)),
    }
}

fn check_put_back(reader: &mut Reader, model: &Model, document: &Document) {
    if document.put_back.len() > MAX_PAYLOAD_BYTES {
        return;
    }
    let again = Document::write(reader, model, &document.put_back, b"2").unwrap();
    assert_eq!(again.reingests, document.reingests.saturating_add(1));
    let shown = (document.put_back.escape_ascii(), document.text.escape_ascii());
    assert_eq!((&again.ids, again.written), (&document.ids, document.written), "{shown:?}");
    // White space around members that this model added is not kept.
    assert_eq!(Opinion::of_valid(&again.text), Opinion::of_valid(&document.text), "{shown:?}");
}

fn check_refusal(payload: &[u8], refusal: Refusal) {
    let Opinion::Value(value) = Opinion::of(payload) else { return };
    let may_be_envelope = match &value {
        Value::Object(members) => INSIDE.iter().any(|name| members.contains_key(*name)),
        Value::String(_) => true,
        _ => false,
    };
    if may_be_envelope || refusal == Refusal::NumberTooLong {
        return;
    }
    let expected = match value {
        _ if payload.len() > MAX_PAYLOAD_BYTES => Refusal::TooLarge,
        Value::Object(_) => panic!("{refusal:?}, but serde_json reads {value}"),
        _ => Refusal::NotAnObject,
    };
    assert_eq!(refusal, expected);
}
