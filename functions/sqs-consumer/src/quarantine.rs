//! Messages to the quarantine queue: the original message, with the reason.
//!
//! Source of the limits: Amazon SQS API reference, `SendMessageBatch` and "Amazon SQS message
//! attributes" in its Developer Guide.

use std::collections::BTreeMap;

use base64_simd::STANDARD;
use serde_json::{Map, Value, json};
use shared::event::Reason;
use shared::json::unescaped;
use shared::sqs::attributes::{
    DETAIL, MESSAGE_ID, MORE_ATTRIBUTES, POSITION, REASON, RECEIVE_COUNT, SOURCE_ARN,
};
use shared::sqs::{
    Attribute, AttributeValue, MAX_ATTRIBUTES, MAX_MESSAGE_BYTES, Quarantined, hex_digest, is_text,
    reason_attributes,
};

use crate::envelope::Message;

/// The attributes with the reason; each replaces an existing one.
const OWN: [&str; 7] =
    [REASON, DETAIL, SOURCE_ARN, MESSAGE_ID, POSITION, RECEIVE_COUNT, MORE_ATTRIBUTES];

/// The quarantine message for the event at `position` of a message, whose text is `body`; `None` if
/// SQS would not accept it unchanged.
#[must_use]
pub(crate) fn quarantined(
    index: usize,
    message: &Message<'_>,
    (position, body): (usize, String),
    reason: &Reason,
) -> Option<Quarantined> {
    if !is_text(&body) {
        return None;
    }
    let message_id = unescaped(message.id.as_bytes())?;
    let source_arn = unescaped(message.source_arn.as_bytes())?;
    // An event without the producer's own id is identified by its first message and its position
    // there.
    let (first_id, before) = message.identity();
    let first_id = unescaped(first_id.as_bytes()).unwrap_or_else(|| message_id.clone());
    let position_of_first = before.saturating_add(position as u64);
    let mut attributes = reason_attributes(reason, &source_arn, &first_id, position_of_first);
    let receive_count = Attribute::number(u64::from(message.receive_count));
    attributes.push((RECEIVE_COUNT.to_owned(), receive_count));
    attributes.extend(placed(original(message.attributes), attributes.len()));
    // With the body: at position 0 may be the first of many events, and the message as a whole.
    let deduplication_id = hex_digest(format!("{message_id}/{position}/{body}"));
    let group_id = message.group_id.and_then(|id| unescaped(id.as_bytes()));
    let mut quarantined = Quarantined {
        message: index,
        body,
        attributes,
        is_fair: group_id.is_some() && !message.is_fifo,
        group_id,
        deduplication_id,
    };
    quarantined.shorten_detail();
    (quarantined.bytes() <= MAX_MESSAGE_BYTES).then_some(quarantined)
}

/// Whether a queue's URL, `…/{account}/{name}`, is that of an ARN, `…:{account}:{name}`.
#[must_use]
pub(crate) fn is_queue(url: &str, arn: &str) -> bool {
    let mut of_url = url.trim_end_matches('/').rsplit('/');
    let mut of_arn = arn.rsplit(':');
    of_url.next() == of_arn.next() && of_url.next() == of_arn.next()
}

/// The attributes that the message had before any quarantine, by name.
fn original(attributes: &str) -> BTreeMap<String, Attribute> {
    let Ok(Value::Object(all)) = serde_json::from_str(attributes) else {
        return BTreeMap::new();
    };
    let mut original = BTreeMap::new();
    for (name, value) in all {
        let member = |name: &str| value[name].as_str();
        let Some(data_type) = member("dataType") else { continue };
        if let Some(attribute) = read(data_type, member("stringValue"), member("binaryValue")) {
            original.insert(name, attribute);
        }
    }
    // The attributes that did not fit in an earlier quarantine message.
    let more = original.get(MORE_ATTRIBUTES).and_then(|more| match &more.value {
        AttributeValue::Text(text) => serde_json::from_str::<Map<String, Value>>(text).ok(),
        AttributeValue::Binary(_) => None,
    });
    original.retain(|name, _| !OWN.contains(&&**name));
    for (name, value) in more.into_iter().flatten() {
        let member = |name: &str| value[name].as_str();
        let attribute = member("DataType")
            .and_then(|data_type| read(data_type, member("StringValue"), member("BinaryValue")));
        if let Some(attribute) = attribute {
            original.entry(name).or_insert(attribute);
        }
    }
    original
}

/// Reads an attribute; `None` if SQS cannot have sent it.
fn read(data_type: &str, text: Option<&str>, binary: Option<&str>) -> Option<Attribute> {
    let given = |text: &&str| !text.is_empty();
    let value = if data_type.split('.').next() == Some("Binary") {
        AttributeValue::Binary(STANDARD.decode_to_vec(binary.filter(given)?).ok()?)
    } else {
        AttributeValue::Text(text.filter(given)?.to_owned())
    };
    Some(Attribute { data_type: data_type.to_owned(), value })
}

/// The attributes that fit beside `own` ones, so that there are at most ten.
fn placed(original: BTreeMap<String, Attribute>, own: usize) -> Vec<(String, Attribute)> {
    let places = MAX_ATTRIBUTES - own;
    let mut attributes: Vec<_> = original.into_iter().collect();
    if attributes.len() > places {
        let more: Map<_, _> = attributes
            .split_off(places - 1)
            .into_iter()
            .map(|(name, Attribute { data_type, value })| {
                let value = match value {
                    AttributeValue::Text(text) => {
                        json!({"DataType": data_type, "StringValue": text})
                    }
                    AttributeValue::Binary(bytes) => json!({
                        "DataType": data_type,
                        "BinaryValue": STANDARD.encode_to_string(bytes),
                    }),
                };
                (name, value)
            })
            .collect();
        let more = Attribute::string(Value::Object(more).to_string());
        attributes.push((MORE_ATTRIBUTES.to_owned(), more));
    }
    attributes
}

#[cfg(test)]
mod tests;
