//! A message, and the rules for its content.
//!
//! Source: Amazon SQS developer guide, "Amazon SQS message metadata" and "Amazon SQS message
//! quotas".

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::error::{error, invalid_parameter, missing_parameter};
use crate::aws_json::Failure;

/// Maximum size of a message and of a batch, in bytes.
pub(super) const MESSAGE_LIMIT_BYTES: usize = 1 << 20;

const ATTRIBUTES_LIMIT: usize = 10;

/// The request of a producer: the members of `SendMessage`, or of an entry of `SendMessageBatch`.
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

/// A message attribute, in requests and answers.
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

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) body: String,
    attributes: BTreeMap<String, Attribute>,
    pub(super) trace_header: Option<String>,
}

impl Content {
    /// The content of `sent`, if it is valid.
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

    /// Size that counts against the limits: the body, and the names, types and values of the
    /// attributes.
    pub(super) fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, attribute)| {
            name.len() + attribute.data_type.len() + attribute.value().len()
        });
        self.body.len() + attributes.sum::<usize>()
    }

    pub(super) fn md5_of_body(&self) -> String {
        shared::digest::hex(&Md5::digest(&self.body))
    }

    pub(super) fn attributes(&self, asked: &[String]) -> BTreeMap<&String, &Attribute> {
        self.attributes.iter().filter(|(name, _)| is_asked(asked, name)).collect()
    }
}

impl Attribute {
    fn check(&self) -> Result<(), &'static str> {
        let (kind, _) = self.data_type.split_once('.').unwrap_or((&self.data_type, ""));
        if !matches!(kind, "String" | "Number" | "Binary") {
            return Err(
                "has an invalid message attribute type, the set of supported type prefixes \
                        is Binary, Number, and String",
            );
        }
        if self.value().is_empty() || (kind == "Binary") != self.binary_value.is_some() {
            return Err("must contain a non-empty value of its type");
        }
        if !self.string_value.iter().flat_map(|text| text.chars()).all(is_allowed) {
            return Err("has a value with characters that are not allowed");
        }
        Ok(())
    }

    fn value(&self) -> Vec<u8> {
        match &self.binary_value {
            Some(base64) => base64_simd::STANDARD.decode_to_vec(base64).unwrap_or_default(),
            None => self.string_value.clone().unwrap_or_default().into_bytes(),
        }
    }
}

/// Whether a message may contain the character, as defined by XML 1.0.
fn is_allowed(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

pub(super) fn is_asked(asked: &[String], name: &str) -> bool {
    asked.iter().any(|asked| asked == "All" || asked == name)
}
