//! Payloads in, documents out: the model with fixed times.

pub(crate) mod envelopes;
pub(crate) mod expected;
pub(crate) mod payloads;
pub(crate) mod tree;

use self::tree::{Duplicates, Tree};
use shared::event::{
    Arrival, DocumentId, Identity, Model, Reader, Refusal, Timestamp, TimestampSource,
};

/// The model as these variables set it.
pub(crate) fn model(variables: &[(&str, &str)]) -> Model {
    shared::event::model(&variables.iter().copied().collect()).unwrap()
}

pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::from_text(text.as_bytes()).unwrap()
}

/// Arrived at 2024-03-01T12:34:58.000Z, a Friday, and read a millisecond later.
pub(crate) fn arrival() -> Arrival<'static> {
    Arrival {
        time: Some(time("2024-03-01T12:34:58Z")),
        now: time("2024-03-01T12:34:58.001Z"),
        identity: Identity::Delivery(b""),
    }
}

/// The result of `model` for a payload.
pub(crate) fn transform(
    model: &Model,
    arrival: &Arrival<'_>,
    payload: &[u8],
) -> Result<(String, TimestampSource), Refusal> {
    let mut out = b"before".to_vec();
    let written = Reader::default().read(model, payload)?.write_document(arrival, &mut out);
    let filed_under = |member: &[u8], value: &[u8]| [member, b"\"", value, b"\""].concat();
    let mut time = Vec::new();
    written.timestamp.write(&mut time);
    assert!(out.starts_with(&filed_under(b"before{\"@timestamp\":", &time)));
    if let Some(id) = written.id {
        let id = filed_under(b"\"event\":{\"id\":", id.of(&out));
        assert_eq!(out.windows(id.len()).position(|part| part == id), Some(23 + time.len()));
    }
    let document = out.strip_prefix(b"before").unwrap().to_vec();
    Ok((String::from_utf8(document).unwrap(), written.timestamp_source))
}

/// The document of a payload, with all settings at their defaults.
pub(crate) fn document(payload: impl AsRef<[u8]>) -> String {
    document_by(&model(&[]), payload)
}

/// The document that `model` makes of a payload.
pub(crate) fn document_by(model: &Model, payload: impl AsRef<[u8]>) -> String {
    transform(model, &arrival(), payload.as_ref()).unwrap().0
}

/// The `_id` of the document that `model` makes of a payload, and whether it comes from an own id.
pub(crate) fn ids_by(model: &Model, how: DocumentId, payload: &str) -> (String, bool) {
    let mut reader = Reader::default();
    let mut event = reader.read(model, payload.as_bytes()).unwrap();
    let (mut document, mut id) = (Vec::new(), Vec::new());
    let arrival = Arrival { identity: Identity::Delivery(b"m/1"), ..arrival() };
    let written = event.write_document(&arrival, &mut document);
    event.write_document_id(how, &written, &document, &mut id);
    (String::from_utf8(id).unwrap(), written.own_id)
}

/// The document of an event with these members in addition to its id and time, without
/// `@timestamp`, `event` and the two `analytics` that every document has; starts with a comma.
pub(crate) fn rest(members: &str) -> String {
    rest_by(&model(&[]), members)
}

/// [`rest`] by this model.
pub(crate) fn rest_by(model: &Model, members: &str) -> String {
    let payload = format!(r#"{{"event_id":"x","ts":1709296496789,{members}}}"#);
    let document = document_by(model, payload);
    let head = concat!(
        r#"{"@timestamp":"2024-03-01T12:34:56.789Z","#,
        r#""event":{"id":"x","ingested":"2024-03-01T12:34:58.001Z"}"#
    );
    let rest = document
        .strip_prefix(head)
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or_else(|| panic!("{document}"));
    let (groups, extra) = rest
        .split_once(r#","analytics":{"hour":12,"weekday":5}"#)
        .unwrap_or_else(|| panic!("{document}"));
    format!("{groups}{extra}")
}

/// The `event.id` of a document, unescaped.
pub(crate) fn id_of(document: &str) -> String {
    let document = Tree::parse(document, Duplicates::Refused).unwrap();
    let id = document.get("event").and_then(|event| event.get("id"));
    serde_json::from_str(&id.unwrap().to_string()).unwrap()
}
