//! A queue's attributes as they were set, with their defaults and limits.
//!
//! Source: `CreateQueue` in the Amazon SQS API reference.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::error::{error, out_of_range};
use crate::aws_json::Failure;

/// The largest message and the largest batch, in bytes.
pub(super) const MESSAGE_LIMIT_BYTES: usize = 1 << 20;

/// Attributes that are whole numbers: their names, what they may be, and their defaults.
const NUMBERS: [(&str, RangeInclusive<u64>, u64); 2] =
    [("MessageRetentionPeriod", 60..=1_209_600, 345_600), ("VisibilityTimeout", 0..=43_200, 30)];

/// Attributes that are kept as they are.
const TEXTS: [&str; 3] = ["FifoQueue", "RedriveAllowPolicy", "SqsManagedSseEnabled"];

/// When a message is given up, and where it goes then.
#[derive(Debug, Clone)]
pub(super) struct RedrivePolicy {
    pub(super) dead_letter_queue_arn: String,
    pub(super) max_receive_count: u32,
}

/// The attributes that were set.
#[derive(Debug)]
pub(super) struct Attributes {
    pub(super) set: BTreeMap<String, String>,
    pub(super) redrive_policy: Option<RedrivePolicy>,
}

impl Attributes {
    /// These attributes, if all of them are allowed.
    pub(super) fn new(set: BTreeMap<String, String>) -> Result<Self, Failure> {
        let mut redrive_policy = None;
        for (name, value) in &set {
            if name == "RedrivePolicy" {
                redrive_policy = Some(read_redrive_policy(value)?);
            } else if let Some((_, range, _)) = NUMBERS.iter().find(|(known, ..)| known == name) {
                if !value.parse().is_ok_and(|number| range.contains(&number)) {
                    let message = format!("Invalid value for the parameter {name}.");
                    return Err(error("InvalidAttributeValue", message));
                }
            } else if !TEXTS.contains(&name.as_str()) {
                return Err(error("InvalidAttributeName", format!("Unknown Attribute {name}.")));
            }
        }
        Ok(Self { set, redrive_policy })
    }

    /// All that are set, and the defaults of the others.
    pub(super) fn all(&self) -> BTreeMap<String, String> {
        let defaults =
            NUMBERS.iter().map(|(name, _, value)| ((*name).to_owned(), value.to_string()));
        defaults.chain(self.set.clone()).collect()
    }

    pub(super) fn visibility_timeout_ms(&self) -> u64 {
        let set = self.set.get("VisibilityTimeout").and_then(|value| value.parse::<u64>().ok());
        set.unwrap_or(30) * 1000
    }
}

fn read_redrive_policy(value: &str) -> Result<RedrivePolicy, Failure> {
    let invalid = |reason: &str| out_of_range(value, "RedrivePolicy", reason);
    let policy: Value = serde_json::from_str(value).unwrap_or_default();
    let arn = policy["deadLetterTargetArn"].as_str();
    let arn = arn.ok_or_else(|| invalid("Redrive policy is not a valid JSON map."))?;
    let max_receive_count = policy["maxReceiveCount"]
        .as_u64()
        .and_then(|count| u32::try_from(count).ok())
        .filter(|count| (1..=1000).contains(count))
        .ok_or_else(|| invalid("Invalid value for maxReceiveCount. Must be between 1 and 1000."))?;
    Ok(RedrivePolicy { dead_letter_queue_arn: arn.to_owned(), max_receive_count })
}
