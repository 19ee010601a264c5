//! A message: what may be in one, and its digests.
//!
//! Source: Amazon SQS developer guide, "Amazon SQS message metadata" (which also says how the
//! digest of attributes is made) and "Amazon SQS message quotas".

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::attributes::MESSAGE_LIMIT_BYTES;
use super::error::{error, invalid_parameter, missing_parameter};
use crate::aws_json::Failure;
use crate::hex;

/// Maximum attributes of a message.
const ATTRIBUTES_LIMIT: usize = 10;

/// What a producer sends: the members of `SendMessage`, or of an entry of `SendMessageBatch`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Sent {
    message_body: Option<String>,
    message_attributes: Option<BTreeMap<String, Attribute>>,
    message_system_attributes: Option<BTreeMap<String, Attribute>>,
    #[serde(rename = "MessageGroupId")]
    pub(super) group: Option<String>,
    #[serde(rename = "MessageDeduplicationId")]
    pub(super) deduplication_id: Option<String>,
}

/// An attribute as it is sent and received.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attribute {
    data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

/// What a message holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) body: String,
    attributes: BTreeMap<String, Attribute>,
    pub(super) trace_header: Option<String>,
}

impl Content {
    /// What is in `sent`, if all of it is allowed.
    pub(super) fn new(sent: &Sent) -> Result<Self, Failure> {
        let body = sent.message_body.clone().filter(|body| !body.is_empty());
        let body = body.ok_or_else(|| missing_parameter("MessageBody"))?;
        if !body.chars().all(is_allowed) {
            let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD \
                           | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
            return Err(error("InvalidMessageContents", message));
        }
        let attributes = sent.message_attributes.clone().unwrap_or_default();
        if attributes.len() > ATTRIBUTES_LIMIT {
            return Err(invalid_parameter(format!(
                "Number of message attributes [{}] exceeds the allowed maximum \
                 [{ATTRIBUTES_LIMIT}].",
                attributes.len()
            )));
        }
        for (name, attribute) in &attributes {
            attribute.check().map_err(|what| {
                invalid_parameter(format!("The message attribute '{name}' {what}."))
            })?;
        }
        let system = sent.message_system_attributes.as_ref();
        let trace_header = system.and_then(|of| of.get("AWSTraceHeader")?.string_value.clone());
        let content = Self { body, attributes, trace_header };
        if content.bytes() > MESSAGE_LIMIT_BYTES {
            return Err(invalid_parameter(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than \
                 {MESSAGE_LIMIT_BYTES} bytes."
            )));
        }
        Ok(content)
    }

    /// What counts against the limits: the body, and names, types and values of the attributes.
    pub(super) fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, attribute)| {
            name.len() + attribute.data_type.len() + attribute.value().1.len()
        });
        self.body.len() + attributes.sum::<usize>()
    }

    pub(super) fn md5_of_body(&self) -> String {
        hex(&Md5::digest(&self.body))
    }

    /// The attributes that are asked for, and their digest.
    pub(super) fn attributes(
        &self,
        asked: &[String],
    ) -> Option<(BTreeMap<&String, &Attribute>, String)> {
        let chosen = self.attributes.iter().filter(|(name, _)| is_asked(asked, name));
        let chosen: BTreeMap<_, _> = chosen.collect();
        let mut digest = Md5::new();
        // Of each part its length, then itself.
        let mut update = |bytes: &[u8], transport: Option<u8>| {
            digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            digest.update(bytes);
            digest.update(transport.as_slice());
        };
        for (name, attribute) in &chosen {
            let (transport, value) = attribute.value();
            update(name.as_bytes(), None);
            update(attribute.data_type.as_bytes(), Some(transport));
            update(&value, None);
        }
        (!chosen.is_empty()).then(|| (chosen, hex(&digest.finalize())))
    }
}

impl Attribute {
    /// What is wrong with it.
    fn check(&self) -> Result<(), &'static str> {
        let (kind, _) = self.data_type.split_once('.').unwrap_or((&self.data_type, ""));
        if !matches!(kind, "String" | "Number" | "Binary") {
            return Err(
                "has an invalid message attribute type, the set of supported type prefixes \
                        is Binary, Number, and String",
            );
        }
        if self.value().1.is_empty() || (kind == "Binary") != self.binary_value.is_some() {
            return Err("must contain a non-empty value of its type");
        }
        if !self.string_value.iter().flat_map(|text| text.chars()).all(is_allowed) {
            return Err("has a value with characters that are not allowed");
        }
        Ok(())
    }

    /// How the value is sent (1 as a text, 2 as bytes), and its bytes.
    fn value(&self) -> (u8, Vec<u8>) {
        match &self.binary_value {
            Some(base64) if self.data_type.starts_with("Binary") => {
                (2, base64_simd::STANDARD.decode_to_vec(base64).unwrap_or_default())
            }
            _ => (1, self.string_value.clone().unwrap_or_default().into_bytes()),
        }
    }
}

/// Whether a message may hold the character: those of XML 1.0.
fn is_allowed(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether an attribute is among those asked for.
pub(super) fn is_asked(asked: &[String], name: &str) -> bool {
    asked.iter().any(|asked| asked == "All" || asked == name)
}
