//! The expected fate of each event, computed by the event model itself, which is pure. Tests use it
//! for what they do not specify themselves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use local::firehose::Clock;
use serde::Deserialize;
use shared::config::Environment;
use shared::event::{
    Arrival, DocumentId, Event, Identity, Model, Reader, Refusal, Timestamp, Written,
};

/// The fate of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Document(Document),
    Dropped,
    /// Refused, with the reason in the function's log.
    Refused(&'static str),
}

/// A document as the model writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// `event.id`
    pub(crate) id: String,
    /// The text, without the value of `event.ingested`.
    pub(crate) text: String,
}

/// The fate of a payload that Firehose receives at this time.
pub(crate) fn fate(payload: &[u8], arrival_ms: u64) -> Fate {
    fate_of_delivery(payload, arrival_ms, arrival_ms.to_string().as_bytes())
}

/// Replaces an `_id` that is derived from the id of a message, which SQS chooses.
pub(crate) const DERIVED: &str = "derived";

/// The fate of an event in a message that is sent at this time; its id is the `_id`, or
/// [`DERIVED`].
pub(crate) fn fate_of_message(body: &[u8], sent_ms: u64) -> Fate {
    fate_by(body, sent_ms, b"", |event, written, text| {
        let mut id = Vec::new();
        event.write_document_id(DocumentId::Event, written, text, &mut id);
        // The content of a JSON string.
        let id = serde_json::from_str(&format!("\"{}\"", String::from_utf8(id).unwrap())).unwrap();
        if written.own_id { id } else { DERIVED.to_owned() }
    })
}

/// The fate of a payload that arrives at this time in a delivery with this identity.
fn fate_of_delivery(payload: &[u8], arrival_ms: u64, identity: &[u8]) -> Fate {
    fate_by(payload, arrival_ms, identity, |_, _, text| id(std::str::from_utf8(text).unwrap()))
}

fn fate_by(
    payload: &[u8],
    arrival_ms: u64,
    identity: &[u8],
    id: impl FnOnce(&Event<'_>, &Written, &[u8]) -> String,
) -> Fate {
    let mut reader = Reader::default();
    let mut event = match reader.read(model(), payload) {
        Ok(event) => event,
        Err(Refusal::Empty) => return Fate::Dropped,
        Err(refusal) => return Fate::Refused(refusal.reason()),
    };
    let time = Timestamp::from_milliseconds(arrival_ms.to_string().as_bytes()).unwrap();
    // The functions use the system's clock, which determines what is plausible.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let now = Timestamp::from_nanos(now).unwrap();
    let mut text = Vec::new();
    let identity = Identity::Delivery(identity);
    let written = event.write_document(&Arrival { time: Some(time), now, identity }, &mut text);
    let id = id(&event, &written, &text);
    Fate::Document(Document { id, text: without_ingested(std::str::from_utf8(&text).unwrap()) })
}

/// The documents of payloads that all become documents.
pub(crate) fn documents(payloads: &[Vec<u8>], arrival_ms: u64) -> Vec<Document> {
    let one = |payload: &Vec<u8>| match fate(payload, arrival_ms) {
        Fate::Document(document) => document,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(payload)),
    };
    payloads.iter().map(one).collect()
}

/// A document that was found somewhere.
pub(crate) fn document(text: &str) -> Document {
    Document { id: id(text), text: without_ingested(text) }
}

/// The `event.id` of a document.
pub(crate) fn id(document: &str) -> String {
    // Typed, because some documents contain numbers that are too large for a `Value`.
    #[derive(Deserialize)]
    struct Text {
        event: Group,
    }
    #[derive(Deserialize)]
    struct Group {
        id: String,
    }
    serde_json::from_str::<Text>(document).unwrap().event.id
}

/// The document without the only value that depends on the clock.
pub(crate) fn without_ingested(document: &str) -> String {
    // Within texts, the quotes would be escaped.
    const INGESTED: &str = "\"ingested\":\"";
    let (before, from_value) = document.split_once(INGESTED).unwrap();
    let (value, after) = from_value.split_once('"').unwrap();
    assert!(Timestamp::from_text(value.as_bytes()).is_some(), "{value}");
    format!("{before}{INGESTED}\"{after}")
}

/// The model with all settings at their defaults.
fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| shared::event::model(&Environment::default()).unwrap())
}

/// A clock that stands still until it is set.
#[derive(Clone, Debug)]
pub(crate) struct Hands(Arc<AtomicU64>);

impl Hands {
    pub(crate) fn at(milliseconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(milliseconds)))
    }

    pub(crate) fn set(&self, milliseconds: u64) {
        self.0.store(milliseconds, Ordering::Relaxed);
    }

    pub(crate) fn clock(&self) -> Clock {
        let hands = Arc::clone(&self.0);
        Clock::new(move || {
            SystemTime::UNIX_EPOCH + Duration::from_millis(hands.load(Ordering::Relaxed))
        })
    }
}
