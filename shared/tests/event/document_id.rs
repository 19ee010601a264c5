//! `_id`: two different events are never one document, and the same delivery twice is one.

use std::collections::HashMap;
use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use shared::envelope::Envelope;
use shared::event::{Around, Arrival, DocumentId, Identity, Reader};

use crate::support::{arrival, model, payloads};
use testkit::holds;

/// `_id` and `event.id` of an event that was delivered with this `identity`.
fn ids(how: DocumentId, payload: &str, identity: &str) -> (String, String) {
    ids_inside(how, payload, identity, None)
}

fn ids_inside(
    how: DocumentId,
    payload: &str,
    identity: &str,
    around: Option<Around<'_>>,
) -> (String, String) {
    ids_known_by(how, payload, Identity::Delivery(identity.as_bytes()), around)
}

fn ids_known_by(
    how: DocumentId,
    payload: &str,
    identity: Identity<'_>,
    around: Option<Around<'_>>,
) -> (String, String) {
    let model = model(&[]);
    let mut reader = Reader::default();
    let mut event = reader.read_inside(&model, payload.as_bytes(), around).unwrap();
    let mut document = Vec::new();
    let arrival = Arrival { identity, ..arrival() };
    let written = event.write_document(&arrival, &mut document);
    let mut id = Vec::new();
    event.write_document_id(how, &written, &document, &mut id);
    let event_id = written.id.unwrap().of(&document).to_vec();
    (String::from_utf8(id).unwrap(), String::from_utf8(event_id).unwrap())
}

/// The SHA-256 of these texts in a row, as this number of hex digits.
fn sha(texts: &[&str], digits: usize) -> String {
    hex(&Sha256::digest(texts.concat()))[..digits].to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[test]
fn is_the_own_id_and_the_start_of_the_texts_hash() {
    for (payload, text, own) in [
        (r#"{"id":"track-1"}"#, r#"{"id":"track-1"}"#, "track-1"),
        ("\u{feff} {\"id\":\"track-1\"}\n", r#"{"id":"track-1"}"#, "track-1"),
        (r#"{"id":1.50}"#, r#"{"id":1.50}"#, "1.50"),
        (r#"{"id":"a\u002d\n"}"#, r#"{"id":"a\u002d\n"}"#, r"a\u002d\n"),
    ] {
        let expected = format!("{own}.{}", sha(&[text], 16));
        assert_eq!(ids(DocumentId::Event, payload, "m/0"), (expected, own.to_owned()));
        assert_eq!(ids(DocumentId::Id, payload, "m/0").0, own);
        assert_eq!(ids(DocumentId::None, payload, "m/0").0, "");
    }
    // printf %s '{"id":"track-1"}' | sha256sum
    assert_eq!(ids(DocumentId::Event, r#"{"id":"track-1"}"#, "").0, "track-1.76af7e5c6c628dde");
}

#[test]
fn without_an_own_id_is_the_hash_of_text_and_identity() {
    for payload in ["{}", r#"{"id":""}"#, r#"{"type":"heartbeat"}"#] {
        for identity in ["", "m-1/0", "m-1/1", "m-2/0"] {
            let expected = sha(&[payload, identity], 32);
            let both = (expected.clone(), expected);
            assert_eq!(ids(DocumentId::Event, payload, identity), both);
            assert_eq!(ids(DocumentId::Id, payload, identity), both);
            assert_eq!(ids(DocumentId::None, payload, identity), (String::new(), both.1));
        }
    }
}

#[test]
fn has_at_most_512_bytes() {
    for (content, fits) in [
        ("x".repeat(495), true),
        ("x".repeat(496), false),
        ("x".repeat(512), false),
        (r"\u00e9".repeat(247), true),
        (r"\u00e9".repeat(248), false),
        ("é".repeat(247) + "x", true),
        ("é".repeat(248), false),
    ] {
        let payload = format!(r#"{{"id":"{content}"}}"#);
        let meaning: String = serde_json::from_str(&format!("\"{content}\"")).unwrap();
        let expected = if fits {
            format!("{content}.{}", sha(&[&payload], 16))
        } else {
            sha(&[&meaning, &payload], 64)
        };
        assert_eq!(ids(DocumentId::Event, &payload, "").0, expected);
        // The own id alone always fits.
        assert_eq!(ids(DocumentId::Id, &payload, "").0, content);
    }
}

#[test]
fn depends_on_the_outermost_envelope() {
    let detail = r#"{"n":1}"#;
    let event = |members: &str| format!(r#"{{"detail-type":"t",{members}"detail":{detail}}}"#);
    let inner = event(r#""id":"lent","#);
    assert_eq!(
        ids(DocumentId::Event, &inner, "m"),
        (format!("lent.{}", sha(&[detail, &inner], 16)), "lent".to_owned())
    );
    assert_eq!(ids(DocumentId::Id, &inner, "m").0, "lent");
    let message = serde_json::json!(inner);
    let outer = format!("{{\"Type\":\"Notification\",\"Message\":{message}}}");
    let expected = format!("lent.{}", sha(&[detail, &outer], 16));
    assert_eq!(ids(DocumentId::Event, &format!(" {outer}\n"), "m").0, expected);
    // The same content under the same id in another envelope is another event.
    let other = event(r#""id":"lent","time":"2024-03-01","#);
    assert_ne!(ids(DocumentId::Event, &other, "m"), ids(DocumentId::Event, &inner, "m"));
    // Without any id.
    let none = event("");
    let derived = sha(&[detail, &none, "m"], 32);
    assert_eq!(ids(DocumentId::Event, &none, "m"), (derived.clone(), derived));
}

#[test]
fn a_reader_forgets_what_an_envelope_brought_along() {
    let model = model(&[]);
    let mut reader = Reader::default();
    let mut envelope = Envelope::default();
    let message = r#"{"Type":"Notification","Message":"{}"}"#;
    let (mut text, mut spare) = (message.as_bytes().to_vec(), Vec::new());
    envelope.open(&mut text, &mut spare).unwrap();
    let put_back = r#"{"detail-type":"t","detail":{},"__sluice_arrival":5,"__sluice_reingests":2}"#;
    assert_eq!(reader.read(&model, put_back.as_bytes()).unwrap().reingests(), 2);
    let around = Around { envelope: &envelope, position: None };
    let mut event = reader.read_inside(&model, b"{}", Some(around)).unwrap();
    assert_eq!(event.reingests(), 0);
    let mut document = Vec::new();
    let arrival = Arrival { identity: Identity::Delivery(b"m"), ..arrival() };
    let written = event.write_document(&arrival, &mut document);
    assert_eq!(written.id.unwrap().of(&document), sha(&["{}", message, "m"], 32).as_bytes());
}

#[test]
fn of_an_event_in_an_object_depends_on_its_place_and_on_its_text_as_it_is_kept() {
    let place = Identity::Place { place: b"b\0k\x0012\0", text: None };
    let id = sha(&["b\0k\x0012\0", "{}"], 32);
    assert_eq!(ids_known_by(DocumentId::Event, "{} ", place, None), (id.clone(), id));
    let line = Identity::Place { place: b"b\0k\x0012\0", text: Some(b"line") };
    let id = sha(&["b\0k\x0012\0", "line"], 32);
    assert_eq!(ids_known_by(DocumentId::Event, "{}", line, None), (id.clone(), id));
    let own = ids_known_by(DocumentId::Id, r#"{"id":"own"}"#, line, None);
    assert_eq!(own, ("own".to_owned(), "own".to_owned()));
}

#[test]
fn of_an_event_that_had_one_before_is_the_same() {
    let known = Identity::Known(b"known");
    let expected = ("known".to_owned(), "known".to_owned());
    assert_eq!(ids_known_by(DocumentId::Event, "{}", known, None), expected);
    let own = ids_known_by(DocumentId::Id, r#"{"id":"own"}"#, known, None);
    assert_eq!(own, ("own".to_owned(), "own".to_owned()));
}

#[test]
fn of_several_events_in_a_large_envelope_depends_on_its_hash() {
    for (length, hashed) in [(1_000, false), (20_000, true)] {
        let filler = "x".repeat(length);
        let message = format!(
            r#"{{"Type":"Notification","MessageId":"m","Subject":"{filler}","Message":"[{{}},{{}}]"}}"#
        );
        let mut envelope = Envelope::default();
        let (mut text, mut spare) = (message.clone().into_bytes(), Vec::new());
        envelope.open(&mut text, &mut spare).unwrap();
        envelope.holds_several();
        let around = Around { envelope: &envelope, position: Some(1) };
        let mut hash = Sha256::new();
        hash.update("{}");
        if hashed {
            hash.update(Sha256::digest(&message));
        } else {
            hash.update(&message);
        }
        let start = hex(&hash.finalize()[..8]);
        let (id, event_id) = ids_inside(DocumentId::Event, "{}", "", Some(around));
        assert_eq!((id, event_id), (format!("m.1.{start}"), "m.1".to_owned()));
    }
}

#[test]
fn values_of_the_setting() {
    for (value, how) in [
        ("event", Some(DocumentId::Event)),
        ("id", Some(DocumentId::Id)),
        ("none", Some(DocumentId::None)),
        ("", None),
        ("Event", None),
        ("none ", None),
    ] {
        assert_eq!(DocumentId::parse(value), how, "{value}");
    }
    assert_eq!(DocumentId::default(), DocumentId::Event);
    assert_eq!(DocumentId::ALLOWED, "event, id or none");
}

/// Events many of which share an id, everything but their text, or their text.
fn event() -> impl Strategy<Value = String> {
    let members = ("[ab]?", 0..3_u8, any::<bool>());
    let small = members.prop_map(|(id, n, has_id)| {
        if has_id { format!(r#"{{"id":"{id}","n":{n}}}"#) } else { format!(r#"{{"n":{n}}}"#) }
    });
    prop_oneof![4 => small.boxed(), 1 => payloads::event().boxed()]
}

/// Whether a payload is an event with an own id, by what its document says.
fn has_own_id(payload: &str) -> bool {
    ids(DocumentId::Id, payload, "one") == ids(DocumentId::Id, payload, "other")
}

#[test]
fn different_events_are_never_one_and_a_delivery_twice_is_one() {
    let envelope = (event(), 0..4_u8, "[ab]?").prop_map(|(event, kind, id)| match kind {
        0 => format!(r#"{{"detail-type":"t","id":"{id}","detail":{event}}}"#),
        1 => format!(
            r#"{{"Type":"Notification","MessageId":"{id}","Message":{}}}"#,
            serde_json::json!(event)
        ),
        _ => event,
    });
    let deliveries = vec((envelope, 0..3_u8, 0..3_u8), 2..12);
    holds(500, &deliveries, |deliveries| {
        let mut known = HashMap::new();
        for (payload, message, position) in deliveries {
            let identity = format!("message-{message}/{position}");
            let (id, _) = ids(DocumentId::Event, &payload, &identity);
            assert_eq!(ids(DocumentId::Event, &payload, &identity).0, id);
            let meaning: String = serde_json::from_str(&format!("\"{id}\"")).unwrap();
            assert!((1..=512).contains(&meaning.len()), "{meaning}");
            // An event with an own id is identified by its text, any other also by its delivery.
            let text = payload.trim_matches([' ', '\t', '\r', '\n']).to_owned();
            let event = (text, (!has_own_id(&payload)).then_some(identity));
            let before = known.insert(meaning, event.clone());
            assert!(before.is_none_or(|before| before == event), "{event:?}");
        }
    });
}
