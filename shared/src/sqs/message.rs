//! The attributes of a message.

use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// `String`, `Number`, `Binary`, or one of these with a label.
    pub data_type: String,
    /// The value.
    pub value: AttributeValue,
}

/// A message attribute's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// Text, also of a number.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl Attribute {
    /// A String.
    #[must_use]
    pub fn string(text: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: AttributeValue::Text(text.into()) }
    }

    /// A Number.
    #[must_use]
    pub fn number(number: u64) -> Self {
        Self { data_type: "Number".to_owned(), value: AttributeValue::Text(number.to_string()) }
    }

    /// The value of a String or a Number.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Binary(_) => None,
        }
    }
}

impl TryFrom<&Attribute> for MessageAttributeValue {
    type Error = BuildError;

    fn try_from(attribute: &Attribute) -> Result<Self, BuildError> {
        let builder = Self::builder().data_type(&attribute.data_type);
        match &attribute.value {
            AttributeValue::Text(text) => builder.string_value(text),
            AttributeValue::Binary(bytes) => builder.binary_value(Blob::new(bytes.clone())),
        }
        .build()
    }
}

/// A message's size in bytes as SQS counts it: body, and the attributes' names, types and values.
pub fn message_bytes<'a>(
    body: &str,
    attributes: impl IntoIterator<Item = (&'a String, &'a Attribute)>,
) -> usize {
    let attribute = |(name, Attribute { data_type, value }): (&String, &Attribute)| {
        let value = match value {
            AttributeValue::Text(text) => text.len(),
            AttributeValue::Binary(bytes) => bytes.len(),
        };
        name.len() + data_type.len() + value
    };
    body.len() + attributes.into_iter().map(attribute).sum::<usize>()
}
