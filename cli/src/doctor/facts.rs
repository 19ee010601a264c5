//! Facts about a deployed stack. The checks read these and call no service.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Everything that was read; parts that were not requested are missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) function: Option<Function>,
    /// The function's event source mappings of queues.
    pub(super) mappings: Vec<Mapping>,
    /// The queues of the mappings and that of `--queue`.
    pub(super) queues: Vec<ConsumedQueue>,
    pub(super) quarantine: Option<Lookup>,
    pub(super) opensearch: Option<OpenSearch>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) timeout_seconds: u64,
    /// Such as `provided.al2023`.
    pub(super) runtime: Option<String>,
    /// `arm64` or `x86_64`
    pub(super) architecture: Option<String>,
    pub(super) role_arn: Option<String>,
    pub(super) log_group: Option<String>,
    /// The VPC and the subnets that it is in.
    pub(super) vpc: Option<(String, Vec<String>)>,
    /// `State` with its reason.
    pub(super) state: Option<String>,
    /// `LastUpdateStatus` with its reason.
    pub(super) last_update: Option<String>,
    pub(super) reserved_concurrency: Option<u64>,
    /// The function's variables, secrets among them. `None` if Lambda does not return them.
    pub(super) environment: Option<BTreeMap<String, String>>,
}

/// An event source mapping of a queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapping {
    pub(super) id: String,
    pub(super) queue_arn: String,
    pub(super) state: String,
    pub(super) reports_failures: bool,
    pub(super) window_seconds: u64,
    pub(super) max_concurrency: Option<u64>,
    pub(super) has_filter: bool,
    /// The result of the latest batch.
    pub(super) last_result: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct ConsumedQueue {
    pub(super) queue: Lookup,
    pub(super) dead_letters: Option<Lookup>,
}

/// The result of looking up a queue.
#[derive(Clone, Debug)]
pub(super) enum Lookup {
    Found(Queue),
    /// A queue of this name does not exist.
    Missing(String),
    /// The lookup failed.
    Unknown {
        name: String,
        reason: String,
    },
}

/// A queue with the attributes that SQS returned.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) arn: String,
    pub(super) visibility_seconds: Option<u64>,
    pub(super) retention_seconds: Option<u64>,
    pub(super) redrive: Option<RedrivePolicy>,
    /// Without it, any queue may use this queue as its dead-letter queue.
    pub(super) redrive_allow: Option<RedriveAllowPolicy>,
    pub(super) is_encrypted: Option<bool>,
    /// The access policy; null if it has none.
    pub(super) policy: Value,
}

impl Queue {
    pub(super) fn is_fifo(&self) -> bool {
        self.name.strip_suffix(".fifo").is_some()
    }
}

/// `RedrivePolicy`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RedrivePolicy {
    pub(super) dead_letter_target_arn: String,
    #[serde(deserialize_with = "number")]
    pub(super) max_receive_count: u64,
}

/// Reads a number, or a number in a text: SQS returns the form that was set.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| serde::de::Error::custom("expected a number"))
}

/// `RedriveAllowPolicy`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "redrivePermission", rename_all = "camelCase")]
pub(super) enum RedriveAllowPolicy {
    DenyAll,
    #[serde(rename_all = "camelCase")]
    ByQueue {
        source_queue_arns: Vec<String>,
    },
    #[serde(other)]
    AllowAll,
}

#[derive(Clone, Debug)]
pub(super) struct OpenSearch {
    /// Without user and password.
    pub(super) url: String,
    pub(super) reply: OpenSearchReply,
}

/// The reply of the server at `--opensearch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OpenSearchReply {
    Up {
        version: String,
        /// `green`, `yellow` or `red`
        health: String,
        /// The index that documents are written to now.
        index: String,
        template: Template,
    },
    /// The server rejects the request with this status.
    Rejected(u16),
    /// The server is not an OpenSearch.
    Other(String),
    /// The server does not answer.
    Unreachable(String),
}

/// The index template that applies to a new index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Template {
    /// It maps all fields of the documents.
    Fits,
    /// These fields are missing, or are mapped in a way that rejects or loses documents.
    Unfit(Vec<String>),
    Missing,
    /// OpenSearch answers with this status.
    Unknown(u16),
}
