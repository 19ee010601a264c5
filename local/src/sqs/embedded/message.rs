//! A message: what may be in one, and its digests.
//!
//! Source: Amazon SQS developer guide, "Amazon SQS message metadata" (which also tells how the
//! digest of attributes is made) and "Amazon SQS message quotas".

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error;
use crate::aws_json::Failure;

/// How many attributes a message may have.
const ATTRIBUTES_LIMIT: usize = 10;

/// The most characters of an attribute's name or type.
const NAME_LIMIT: usize = 256;

/// What a producer sends: the members of `SendMessage`, or of an entry of `SendMessageBatch`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Sent {
    #[serde(rename = "MessageBody")]
    pub(super) body: Option<String>,
    #[serde(rename = "MessageAttributes")]
    attributes: Option<BTreeMap<String, Attribute>>,
    #[serde(rename = "MessageSystemAttributes")]
    system_attributes: Option<BTreeMap<String, Attribute>>,
    pub(super) delay_seconds: Option<i64>,
    #[serde(rename = "MessageGroupId")]
    pub(super) group: Option<String>,
    #[serde(rename = "MessageDeduplicationId")]
    pub(super) deduplication_id: Option<String>,
}

/// An attribute as it is sent and received.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attribute {
    data_type: String,
    string_value: Option<String>,
    /// Base64.
    binary_value: Option<String>,
}

/// What a message holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) body: String,
    pub(super) attributes: BTreeMap<String, Attribute>,
    pub(super) trace_header: Option<String>,
}

impl Content {
    /// What is in `sent`, if all of it is allowed and it takes at most `limit_bytes`.
    pub(super) fn new(sent: &Sent, limit_bytes: u64) -> Result<Self, Failure> {
        let body = sent.body.clone().filter(|body| !body.is_empty());
        let body = body.ok_or_else(|| error::missing_parameter("MessageBody"))?;
        if !body.chars().all(is_allowed) {
            return Err(error::invalid_message_contents());
        }
        let attributes = sent.attributes.clone().unwrap_or_default();
        if attributes.len() > ATTRIBUTES_LIMIT {
            let number = attributes.len();
            return Err(error::invalid_parameter(format!(
                "Number of message attributes [{number}] exceeds the allowed maximum \
                 [{ATTRIBUTES_LIMIT}]."
            )));
        }
        for (name, attribute) in &attributes {
            check_name(name)?;
            attribute.check(name)?;
        }
        let trace = sent.system_attributes.as_ref().and_then(|of| of.get("AWSTraceHeader"));
        let trace_header = trace.and_then(|trace| trace.string_value.clone());
        let content = Self { body, attributes, trace_header };
        if content.bytes() as u64 > limit_bytes {
            return Err(error::invalid_parameter(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than \
                 {limit_bytes} bytes."
            )));
        }
        Ok(content)
    }

    /// What counts against the limits: the body, and names, types and values of the attributes.
    pub(super) fn bytes(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(name, attribute)| {
            name.len() + attribute.data_type.len() + attribute.value().1.len()
        });
        self.body.len() + attributes.sum::<usize>()
    }

    pub(super) fn md5_of_body(&self) -> String {
        hex(Md5::digest(&self.body).as_slice())
    }

    pub(super) fn sha256_of_body(&self) -> String {
        hex(sha2::Sha256::digest(&self.body).as_slice())
    }

    /// The attributes that are asked for, as an answer has them, and their digest.
    pub(super) fn attributes(&self, asked: &[String]) -> Option<(Value, String)> {
        let chosen = self.attributes.iter().filter(|(name, _)| is_asked(asked, name));
        let chosen: BTreeMap<_, _> = chosen.collect();
        if chosen.is_empty() {
            return None;
        }
        let mut digest = Md5::new();
        let mut shown = serde_json::Map::new();
        for (name, attribute) in chosen {
            let (transport, value) = attribute.value();
            update(&mut digest, name.as_bytes());
            update(&mut digest, attribute.data_type.as_bytes());
            digest.update([transport]);
            update(&mut digest, &value);
            shown.insert(name.clone(), attribute.shown());
        }
        Some((shown.into(), hex(&digest.finalize())))
    }
}

/// A part of the attributes' digest: its length, then itself.
fn update(digest: &mut Md5, bytes: &[u8]) {
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

impl Attribute {
    fn check(&self, name: &str) -> Result<(), Failure> {
        let invalid = |what: &str| {
            error::invalid_parameter(format!("The message attribute '{name}' {what}."))
        };
        let (kind, label) = self.data_type.split_once('.').unwrap_or((&self.data_type, ""));
        if self.data_type.len() > NAME_LIMIT || label.chars().any(char::is_control) {
            return Err(invalid("has an invalid message attribute type"));
        }
        let is_number = |text: &str| text.len() <= 38 + 2 && text.parse::<f64>().is_ok();
        match (kind, &self.string_value, &self.binary_value) {
            ("String" | "Number", None, _) | ("Binary", _, None) => {
                Err(invalid(&format!("must contain a non-empty value of type '{kind}'")))
            }
            ("String" | "Number", Some(text), _) if text.is_empty() => {
                Err(invalid(&format!("must contain a non-empty value of type '{kind}'")))
            }
            ("String", Some(text), _) if !text.chars().all(is_allowed) => {
                Err(invalid("has a value with characters that are not allowed"))
            }
            ("Number", Some(text), _) if !is_number(text) => {
                Err(invalid("has a value that is no number"))
            }
            ("Binary", _, Some(base64)) => match decoded(base64) {
                Some(bytes) if !bytes.is_empty() => Ok(()),
                _ => Err(invalid("must contain a non-empty value of type 'Binary'")),
            },
            ("String" | "Number", ..) => Ok(()),
            _ => Err(invalid(
                "has an invalid message attribute type, the set of supported type prefixes is \
                 Binary, Number, and String",
            )),
        }
    }

    /// How the value is sent (1 as a text, 2 as bytes), and its bytes.
    fn value(&self) -> (u8, Vec<u8>) {
        match (&self.string_value, &self.binary_value) {
            (_, Some(base64)) if self.data_type.starts_with("Binary") => {
                (2, decoded(base64).unwrap_or_default())
            }
            (text, _) => (1, text.clone().unwrap_or_default().into_bytes()),
        }
    }

    fn shown(&self) -> Value {
        if self.data_type.starts_with("Binary") {
            json!({"DataType": self.data_type, "BinaryValue": self.binary_value})
        } else {
            json!({"DataType": self.data_type, "StringValue": self.string_value})
        }
    }
}

fn decoded(base64: &str) -> Option<Vec<u8>> {
    base64_simd::STANDARD.decode_to_vec(base64).ok()
}

fn check_name(name: &str) -> Result<(), Failure> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let lower = name.to_ascii_lowercase();
    let is_name = (1..=NAME_LIMIT).contains(&name.len())
        && name.bytes().all(is_allowed)
        && !lower.starts_with("aws.")
        && !lower.starts_with("amazon.")
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..");
    if is_name {
        return Ok(());
    }
    Err(error::invalid_parameter(format!("The message attribute name '{name}' is invalid.")))
}

/// Whether a message may hold the character: those of XML 1.0.
fn is_allowed(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether an attribute is among those asked for: by name, by the start of it (`a.*`), or all.
fn is_asked(asked: &[String], name: &str) -> bool {
    asked.iter().any(|asked| match asked.as_str() {
        "All" | ".*" => true,
        asked => asked.strip_suffix(".*").map_or(asked == name, |start| name.starts_with(start)),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(members: &Value) -> Sent {
        Sent::deserialize(members).unwrap()
    }

    fn refusal(members: &Value) -> &'static str {
        Content::new(&sent(members), 1 << 20).unwrap_err().code()
    }

    #[test]
    fn digests_are_those_of_sqs() {
        let content = Content::new(
            &sent(&json!({"MessageBody": "hello", "MessageAttributes": {
                "a": {"DataType": "String", "StringValue": "x"},
                "n": {"DataType": "Number", "StringValue": "1"},
                "b": {"DataType": "Binary", "BinaryValue": "AAE="}
            }})),
            1 << 20,
        )
        .unwrap();
        assert_eq!(content.md5_of_body(), "5d41402abc4b2a76b9719d911017c592");
        // As ElasticMQ answers for the same message.
        let (_, all) = content.attributes(&["All".to_owned()]).unwrap();
        assert_eq!(all, "53974f559c6c7cf8c4df221b4b58d31a");
        let (shown, two) = content.attributes(&["a".to_owned(), "n.*".to_owned()]).unwrap();
        assert_eq!(two, "618202fa27f8e532aefa8b897822714f");
        assert_eq!(shown["n"], json!({"DataType": "Number", "StringValue": "1"}));
        assert_eq!(shown.get("b"), None);
        assert_eq!(content.attributes(&[]), None);
        assert_eq!(content.bytes(), 5 + (1 + 6 + 1) + (1 + 6 + 1) + (1 + 6 + 2));
    }

    #[test]
    fn a_message_holds_what_is_allowed() {
        assert_eq!(refusal(&json!({})), "MissingParameter");
        assert_eq!(refusal(&json!({"MessageBody": ""})), "MissingParameter");
        for text in ["\u{1}", "\u{b}", "\u{fffe}", "\u{ffff}"] {
            assert_eq!(refusal(&json!({"MessageBody": text})), "InvalidMessageContents");
        }
        for text in ["\t\n\r", "\u{7f}", "\u{fffd}", "\u{10ffff}", "\u{e000}"] {
            Content::new(&sent(&json!({"MessageBody": text})), 1 << 20).unwrap();
        }
        let of_bytes = |bytes: usize| sent(&json!({"MessageBody": "x".repeat(bytes)}));
        Content::new(&of_bytes(1024), 1024).unwrap();
        let failure = Content::new(&of_bytes(1025), 1024).unwrap_err();
        assert_eq!(failure.code(), "InvalidParameterValue");
    }

    #[test]
    fn attributes_have_names_types_and_values() {
        let with = |name: &str, attribute: Value| json!({"MessageBody": "x", "MessageAttributes": {name: attribute}});
        let text = |text: &str| json!({"DataType": "String", "StringValue": text});
        for name in ["", "AWS.a", "amazon.b", ".a", "a.", "a..b", "a b", &"a".repeat(257)] {
            assert_eq!(refusal(&with(name, text("x"))), "InvalidParameterValue", "{name}");
        }
        for attribute in [
            text(""),
            text("\u{1}"),
            json!({"DataType": "Text", "StringValue": "x"}),
            json!({"DataType": "Number", "StringValue": "x"}),
            json!({"DataType": "Binary", "StringValue": "x"}),
            json!({"DataType": "Binary", "BinaryValue": "?"}),
        ] {
            assert_eq!(refusal(&with("a", attribute)), "InvalidParameterValue");
        }
        let many: serde_json::Map<_, _> =
            (0..11).map(|number| (format!("a{number}"), text("x"))).collect();
        let failure = refusal(&json!({"MessageBody": "x", "MessageAttributes": many}));
        assert_eq!(failure, "InvalidParameterValue");
        Content::new(
            &sent(&with("a.B-c_1", json!({"DataType": "String.json", "StringValue": "1"}))),
            99,
        )
        .unwrap();
    }
}
