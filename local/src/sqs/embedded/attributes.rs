//! A queue's attributes as they were set, with their defaults and limits.
//!
//! Source: `SetQueueAttributes` in the Amazon SQS API reference.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::error::{error, out_of_range};
use crate::aws_json::Failure;

/// The largest message and the largest batch, in bytes.
pub(super) const MESSAGE_LIMIT_BYTES: usize = 1 << 20;

/// Attributes that are whole numbers: their names, what they may be, and their defaults.
const NUMBERS: [(&str, RangeInclusive<u64>, u64); 5] = [
    ("DelaySeconds", 0..=900, 0),
    ("MaximumMessageSize", 1024..=MESSAGE_LIMIT_BYTES as u64, MESSAGE_LIMIT_BYTES as u64),
    ("MessageRetentionPeriod", 60..=1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0..=20, 0),
    ("VisibilityTimeout", 0..=43_200, 30),
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

    /// These with others set, if all of them are allowed.
    pub(super) fn with(&self, attributes: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let mut changed = self.clone();
        for (name, value) in attributes {
            changed.set_one(name, value)?;
        }
        Ok(changed)
    }

    fn set_one(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let invalid =
            || error("InvalidAttributeValue", format!("Invalid value for the parameter {name}."));
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
                let known = NUMBERS.iter().find(|(known, ..)| *known == name);
                let unknown =
                    || error("InvalidAttributeName", format!("Unknown Attribute {name}."));
                let (_, range, _) = known.ok_or_else(unknown)?;
                if !value.parse().is_ok_and(|number| range.contains(&number)) {
                    return Err(invalid());
                }
            }
        }
        self.set.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// The name of an attribute that is asked for with another value than it has. A policy is
    /// compared by what it says.
    pub(super) fn difference<'a>(&self, asked: &'a BTreeMap<String, String>) -> Option<&'a str> {
        let all = self.all();
        let differs = |(name, value): &(&String, &String)| match name.as_str() {
            "RedrivePolicy" if !value.is_empty() => {
                redrive_policy(value).ok() != self.redrive_policy
            }
            name => all.get(name) != Some(*value),
        };
        asked.iter().find(differs).map(|(name, _)| name.as_str())
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
    pub(super) fn all(&self) -> BTreeMap<String, String> {
        let defaults =
            NUMBERS.iter().map(|(name, _, value)| ((*name).to_owned(), value.to_string()));
        defaults.chain(self.set.clone()).collect()
    }
}

fn redrive_policy(value: &str) -> Result<RedrivePolicy, Failure> {
    let invalid = |reason: &str| out_of_range(value, "RedrivePolicy", reason);
    let policy: Value = serde_json::from_str(value).unwrap_or_default();
    let arn = policy["deadLetterTargetArn"].as_str();
    let arn = arn.ok_or_else(|| invalid("Redrive policy is not a valid JSON map."))?;
    // A text with a number in it is taken as well.
    let count = match &policy["maxReceiveCount"] {
        Value::String(count) => count.parse().ok(),
        count => count.as_u64().and_then(|count| u32::try_from(count).ok()),
    };
    let max_receive_count = count
        .filter(|count| (1..=1000).contains(count))
        .ok_or_else(|| invalid("Invalid value for maxReceiveCount. Must be between 1 and 1000."))?;
    Ok(RedrivePolicy { dead_letter_queue_arn: arn.to_owned(), max_receive_count })
}
