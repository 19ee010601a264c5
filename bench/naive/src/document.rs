//! Converts an event to its document.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use crate::mapping::{FIELDS, Field, GROUPS, Path, TIMESTAMPS};
use crate::{parse, timestamp};

const EXTRA_MAX_BYTES: usize = 16_384;
const MAX_PATH_BYTES: usize = 512;
const MAX_ID_BYTES: usize = 512;

/// The delivery of an event.
#[derive(Clone, Debug)]
pub struct Delivery<'a> {
    /// When the invoker received it, in decimal digits: milliseconds since 1970, or seconds from
    /// some emulators.
    pub arrival: &'a str,
    /// Identifies an event without its own id: hashed after its text.
    pub identity: &'a [u8],
    /// The same, hashed before its text.
    pub place: &'a [u8],
}

/// The document of one event.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    /// The document itself.
    pub json: Value,
    /// The event's text, from which ids are derived.
    text: Cow<'a, [u8]>,
    /// Whether `event.id` is the producer's own.
    own_id: bool,
}

impl<'a> Document<'a> {
    /// Converts the event in `payload`, which may also be a JSON string that contains the event.
    ///
    /// # Errors
    /// The reason, in `snake_case`, why the payload contains no event.
    pub fn of(
        payload: &'a [u8],
        delivery: &Delivery<'_>,
        now: DateTime<Utc>,
    ) -> Result<Self, &'static str> {
        parse::check_size(payload)?;
        let mut text = Cow::Borrowed(parse::trim(payload));
        if let Ok(inside) = serde_json::from_slice::<String>(&text) {
            text = Cow::Owned(parse::trim(inside.as_bytes()).to_vec());
        }
        let mut input = parse::object(&text)?;
        let mut document = Map::new();

        for added in ["__sluice_reingests", "__sluice_arrival"] {
            input.remove(added);
        }
        let time = add_time(&mut document, &mut input, delivery.arrival, now);
        for field in FIELDS {
            if let Some(value) = claim(&mut input, field) {
                group(&mut document, field.group).insert(field.name.to_owned(), value);
            }
        }
        let event = group(&mut document, "event");
        let own_id = event.contains_key("id");
        if !own_id {
            event.insert("id".to_owned(), id_of(&text, delivery).into());
        }
        add_analytics(&mut document, time);
        remove_leftovers(&mut input);
        if !input.is_empty() {
            document.insert(name_of_extra(&input, &text).to_owned(), Value::Object(input));
        }
        Ok(Self { json: Value::Object(document), text, own_id })
    }

    /// The `_id`: the same event has it again, and another event with the same id does not.
    #[must_use]
    pub fn id(&self) -> String {
        let id = self.json["event"]["id"].as_str().unwrap_or_default();
        if !self.own_id {
            return id.to_owned();
        }
        let with_hash = format!("{id}.{}", hash(&[&self.text], 8));
        if with_hash.len() <= MAX_ID_BYTES {
            with_hash
        } else {
            hash(&[id.as_bytes(), &self.text], 32)
        }
    }
}

/// The id of an event without its own id.
fn id_of(text: &[u8], delivery: &Delivery<'_>) -> String {
    hash(&[delivery.place, text, delivery.identity], 16)
}

/// The first `bytes` bytes of the SHA-256 of concatenated texts, in hexadecimal.
fn hash(texts: &[&[u8]], bytes: usize) -> String {
    let hashed = texts.iter().fold(Sha256::new(), Sha256::chain_update);
    hex::encode(&hashed.finalize()[..bytes])
}

/// Writes `@timestamp` and the time members of `event`; returns the event's time.
fn add_time(
    document: &mut Map<String, Value>,
    input: &mut Map<String, Value>,
    arrival: &str,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let own = TIMESTAMPS.iter().find_map(|path| {
        let time = timestamp::read(lookup(input, path)?, now)?;
        take(input, path);
        Some((time, None))
    });
    let arrival = || Some((timestamp::read_number(arrival, now)?, Some("arrival")));
    let (time, source) = own.or_else(arrival).unwrap_or((now, Some("now")));
    document.insert("@timestamp".to_owned(), timestamp::format(time).into());
    let event = group(document, "event");
    let ingested = now.to_rfc3339_opts(SecondsFormat::Millis, true);
    event.insert("ingested".to_owned(), ingested.into());
    if let Some(source) = source {
        event.insert("timestamp_source".to_owned(), source.into());
    }
    time
}

/// Removes the first value that is valid for the field from the input.
fn claim(input: &mut Map<String, Value>, field: &Field) -> Option<Value> {
    let is_id = field.group == "event" && field.name == "id";
    let accepts = if is_id { is_event_id } else { is_plain };
    let path = field.paths.iter().find(|path| lookup(input, path).is_some_and(accepts))?;
    match take(input, path)? {
        Value::Number(number) if is_id => Some(number.to_string().into()),
        value => Some(value),
    }
}

fn is_event_id(value: &Value) -> bool {
    match value {
        Value::String(id) => !id.is_empty() && id.len() <= MAX_ID_BYTES,
        Value::Number(id) => id.as_str().len() <= MAX_ID_BYTES,
        _ => false,
    }
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(is_scalar),
        value => is_scalar(value),
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

fn add_analytics(document: &mut Map<String, Value>, time: DateTime<Utc>) {
    let listened = document.get("interaction").and_then(|it| it.get("listened_ms"));
    let duration = document.get("song").and_then(|it| it.get("duration_ms"));
    let completion = completion(listened, duration);
    let analytics = group(document, "analytics");
    if let Some(completion) = completion {
        analytics.insert("completion".to_owned(), Value::Number(completion));
    }
    analytics.insert("hour".to_owned(), time.hour().into());
    analytics.insert("weekday".to_owned(), time.weekday().number_from_monday().into());
}

/// The share of the song that was heard, from 0 to 1, rounded to ten-thousandths.
fn completion(listened: Option<&Value>, duration: Option<&Value>) -> Option<Number> {
    let number = |value: &Value| value.as_number()?.as_str().parse::<f64>().ok();
    let (listened, duration) = (number(listened?)?, number(duration?)?);
    if duration <= 0.0 {
        return None;
    }
    let completion = (listened / duration).clamp(0.0, 1.0);
    Number::from_f64((completion * 10_000.0).round() / 10_000.0)
}

/// Removes members without information: null values of the mapping, and empty groups.
fn remove_leftovers(input: &mut Map<String, Value>) {
    for group in GROUPS {
        if let Some(Value::Object(members)) = input.get_mut(*group) {
            members.retain(|name, value| !(value.is_null() && is_mapped(&[group, name])));
        }
    }
    input.retain(|name, value| match value {
        Value::Null => !is_mapped(&[name]),
        Value::Object(members) => !(members.is_empty() && GROUPS.contains(&name.as_str())),
        _ => true,
    });
}

fn is_mapped(path: &[&str]) -> bool {
    let mut paths = FIELDS.iter().flat_map(|field| field.paths).chain(TIMESTAMPS);
    paths.any(|mapped| *mapped == path)
}

/// OpenSearch can search `extra` only within limits; beyond them, it is stored as `overflow`.
fn name_of_extra(extra: &Map<String, Value>, payload: &[u8]) -> &'static str {
    // A part of a payload is never longer than the whole.
    let too_long = payload.len() > EXTRA_MAX_BYTES && written_bytes(extra) > EXTRA_MAX_BYTES;
    if too_long || longest_path(extra) > MAX_PATH_BYTES { "overflow" } else { "extra" }
}

fn written_bytes(extra: &Map<String, Value>) -> usize {
    serde_json::to_string(extra).map_or(0, |text| text.len())
}

/// The length in bytes of the longest dotted path of an object, which has at least one member.
fn longest_path(members: &Map<String, Value>) -> usize {
    let path = |(key, value): (&String, &Value)| match longest_path_below(value) {
        0 => key.len(),
        below => key.len() + 1 + below,
    };
    members.iter().map(path).max().unwrap_or(0)
}

fn longest_path_below(value: &Value) -> usize {
    match value {
        Value::Object(members) => longest_path(members),
        Value::Array(items) => items.iter().map(longest_path_below).max().unwrap_or(0),
        _ => 0,
    }
}

fn group<'a>(document: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let group = document.entry(name).or_insert_with(|| Value::Object(Map::new()));
    match group {
        Value::Object(group) => group,
        _ => unreachable!("the document holds groups only under the names of groups"),
    }
}

fn lookup(input: &Map<String, Value>, path: Path) -> Option<&Value> {
    match path {
        [name] => input.get(*name),
        [group, name] => input.get(*group)?.get(name),
        _ => None,
    }
}

fn take(input: &mut Map<String, Value>, path: Path) -> Option<Value> {
    match path {
        [name] => input.remove(*name),
        [group, name] => input.get_mut(*group)?.as_object_mut()?.remove(*name),
        _ => None,
    }
}
