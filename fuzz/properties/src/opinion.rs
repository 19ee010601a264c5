//! The second opinion of `serde_json`.

use serde_json::Value;
use shared::envelope::trimmed;

/// The result of `serde_json` for a text.
#[derive(Debug, PartialEq)]
pub(crate) enum Opinion {
    /// It is valid JSON.
    Value(Value),
    /// It is invalid.
    Invalid,
    /// It has numbers or levels that `serde_json` does not support.
    BeyondLimits,
}

impl Opinion {
    /// The opinion on a text, without a surrounding byte order mark and white space.
    pub(crate) fn of(text: &[u8]) -> Self {
        match serde_json::from_slice(trimmed(text).of(text)) {
            Ok(value) => Self::Value(value),
            Err(error) => {
                let limits = ["number out of range", "recursion limit exceeded"];
                let error = error.to_string();
                if limits.iter().any(|limit| error.starts_with(limit)) {
                    Self::BeyondLimits
                } else {
                    Self::Invalid
                }
            }
        }
    }

    /// The value of a text that must be JSON; `None` beyond the limits.
    pub(crate) fn of_valid(text: &[u8]) -> Option<Value> {
        match Self::of(text) {
            Self::Value(value) => Some(value),
            Self::BeyondLimits => None,
            Self::Invalid => panic!("not JSON: {}", text.escape_ascii()),
        }
    }

    /// The value of JSON within the limits.
    pub(crate) fn value(self) -> Option<Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Invalid | Self::BeyondLimits => None,
        }
    }
}
