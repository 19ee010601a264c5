//! A queue's attributes as it was given them, with their defaults and limits.
//!
//! Source: `SetQueueAttributes` in the Amazon SQS API reference.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::Value;

use super::error;
use crate::aws_json::Failure;

/// The largest message and the largest batch, in bytes.
pub(super) const MESSAGE_LIMIT_BYTES: usize = 1 << 20;

/// The longest visibility timeout, and the longest time in all that a message may be in flight
/// since it was first received, in seconds.
pub(super) const VISIBILITY_LIMIT_SECONDS: u64 = 43_200;

/// Attributes that are whole numbers: their names, what they may be, and their defaults.
const NUMBERS: [(&str, RangeInclusive<u64>, u64); 5] = [
    ("DelaySeconds", 0..=900, 0),
    ("MaximumMessageSize", 1024..=MESSAGE_LIMIT_BYTES as u64, MESSAGE_LIMIT_BYTES as u64),
    ("MessageRetentionPeriod", 60..=1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0..=20, 0),
    ("VisibilityTimeout", 0..=VISIBILITY_LIMIT_SECONDS, 30),
];

/// Attributes that are kept as they are.
const TEXTS: [&str; 8] = [
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

/// When a message is given up, and where it goes then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RedrivePolicy {
    pub(super) dead_letter_queue_arn: String,
    pub(super) max_receive_count: u32,
}

/// The attributes that were set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    set: BTreeMap<String, String>,
    pub(super) redrive_policy: Option<RedrivePolicy>,
    pub(super) is_fifo: bool,
}

impl Attributes {
    pub(super) fn new(is_fifo: bool) -> Self {
        Self { is_fifo, ..Self::default() }
    }

    /// Sets these, or none of them.
    pub(super) fn set(&mut self, attributes: &BTreeMap<String, String>) -> Result<(), Failure> {
        let mut changed = self.clone();
        for (name, value) in attributes {
            changed.set_one(name, value)?;
        }
        *self = changed;
        Ok(())
    }

    fn set_one(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let invalid = || error::invalid_attribute_value(name);
        match name {
            // Only a queue that is being created takes it, and then by its name.
            "FifoQueue" if value == "true" && self.is_fifo => {}
            "FifoQueue" => return Err(invalid()),
            "RedrivePolicy" if value.is_empty() => {
                self.redrive_policy = None;
                self.set.remove(name);
                return Ok(());
            }
            "RedrivePolicy" => self.redrive_policy = Some(redrive_policy(value)?),
            _ if TEXTS.contains(&name) => {}
            _ => {
                let (_, range, _) = NUMBERS
                    .iter()
                    .find(|(known, ..)| *known == name)
                    .ok_or_else(|| error::invalid_attribute_name(name))?;
                if !value.parse().is_ok_and(|number| range.contains(&number)) {
                    return Err(invalid());
                }
            }
        }
        self.set.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// The name of an attribute that is asked for with another value than it has.
    pub(super) fn difference<'a>(&self, asked: &'a BTreeMap<String, String>) -> Option<&'a str> {
        let mut other = self.clone();
        let (name, _) = asked.iter().find(|(name, value)| {
            let has = self.all().into_iter().find(|(has, _)| has == *name);
            has.is_none_or(|(_, has)| has != **value) && {
                // The same policy may be written in other ways.
                other.set_one(name, value).is_err()
                    || *name != "RedrivePolicy"
                    || other.redrive_policy != self.redrive_policy
            }
        })?;
        Some(name)
    }

    /// An attribute that is a whole number, as it was set or by default.
    pub(super) fn number(&self, name: &str) -> u64 {
        let set = self.set.get(name).and_then(|value| value.parse().ok());
        let default = || NUMBERS.iter().find(|(known, ..)| *known == name).map(|known| known.2);
        set.or_else(default).unwrap_or_default()
    }

    pub(super) fn is_set(&self, name: &str, value: &str) -> bool {
        self.set.get(name).is_some_and(|set| set == value)
    }

    /// All that are set, and the defaults of the others.
    pub(super) fn all(&self) -> Vec<(String, String)> {
        let defaults = NUMBERS.iter().filter(|(name, ..)| !self.set.contains_key(*name));
        let defaults = defaults.map(|(name, _, default)| ((*name).to_owned(), default.to_string()));
        let set = self.set.iter().map(|(name, value)| (name.clone(), value.clone()));
        defaults.chain(set).collect()
    }
}

fn redrive_policy(value: &str) -> Result<RedrivePolicy, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Policy {
        dead_letter_target_arn: String,
        max_receive_count: Value,
    }

    let invalid = |reason: &str| error::out_of_range(value, "RedrivePolicy", reason);
    let policy: Policy = serde_json::from_str(value)
        .map_err(|_| invalid("Redrive policy is not a valid JSON map."))?;
    // A text with a number in it is taken as well.
    let count = match &policy.max_receive_count {
        Value::String(count) => count.parse().ok(),
        count => count.as_u64().and_then(|count| u32::try_from(count).ok()),
    };
    let max_receive_count = count
        .filter(|count| (1..=1000).contains(count))
        .ok_or_else(|| invalid("Invalid value for maxReceiveCount. Must be between 1 and 1000."))?;
    Ok(RedrivePolicy { dead_letter_queue_arn: policy.dead_letter_target_arn, max_receive_count })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn attributes_have_defaults_and_limits() {
        let mut attributes = Attributes::default();
        assert_eq!(attributes.number("VisibilityTimeout"), 30);
        assert_eq!(attributes.number("MessageRetentionPeriod"), 345_600);
        attributes.set(&map(&[("VisibilityTimeout", "43200"), ("DelaySeconds", "900")])).unwrap();
        assert_eq!(attributes.number("VisibilityTimeout"), 43_200);
        for (name, value, code) in [
            ("VisibilityTimeout", "43201", "InvalidAttributeValue"),
            ("DelaySeconds", "-1", "InvalidAttributeValue"),
            ("MessageRetentionPeriod", "59", "InvalidAttributeValue"),
            ("FifoQueue", "true", "InvalidAttributeValue"),
            ("Colour", "red", "InvalidAttributeName"),
        ] {
            let failure = attributes.set(&map(&[("DelaySeconds", "1"), (name, value)]));
            assert_eq!(failure.unwrap_err().code(), code, "{name}");
        }
        assert_eq!(attributes.number("DelaySeconds"), 900, "all or nothing");
    }

    #[test]
    fn a_redrive_policy_is_read_and_compared_by_what_it_says() {
        let mut attributes = Attributes::default();
        let text = r#"{"deadLetterTargetArn":"arn:d","maxReceiveCount":3}"#;
        attributes.set(&map(&[("RedrivePolicy", text)])).unwrap();
        let policy =
            RedrivePolicy { dead_letter_queue_arn: "arn:d".to_owned(), max_receive_count: 3 };
        assert_eq!(attributes.redrive_policy, Some(policy));
        let same = r#"{"maxReceiveCount":"3", "deadLetterTargetArn":"arn:d"}"#;
        assert_eq!(attributes.difference(&map(&[("RedrivePolicy", same)])), None);
        let other = r#"{"deadLetterTargetArn":"arn:d","maxReceiveCount":4}"#;
        let asked = map(&[("RedrivePolicy", other), ("VisibilityTimeout", "30")]);
        assert_eq!(attributes.difference(&asked), Some("RedrivePolicy"));
        for wrong in ["{", r#"{"deadLetterTargetArn":"a","maxReceiveCount":0}"#] {
            let failure = attributes.set(&map(&[("RedrivePolicy", wrong)])).unwrap_err();
            assert_eq!(failure.code(), "InvalidParameterValue");
        }
        attributes.set(&map(&[("RedrivePolicy", "")])).unwrap();
        assert_eq!(attributes.redrive_policy, None);
    }
}
