//! Facts about a stack. The checks read these and call no service. Facts that could not be read are
//! `None`, or missing from their list, and are noted in [`StackFacts::unread`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::doctor::facts::{Facts, Function, Mapping, Queue};

/// Everything that was read of a stack and those nested in it.
#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct StackFacts {
    /// The root stack is the first.
    pub(in crate::doctor) stacks: Vec<Stack>,
    pub(in crate::doctor) functions: Vec<Deployed>,
    /// The functions that consume queues, as `doctor --function` reads them.
    pub(in crate::doctor) consumers: Vec<Facts>,
    pub(in crate::doctor) queues: Vec<StackQueue>,
    pub(in crate::doctor) deliveries: Vec<Delivery>,
    pub(in crate::doctor) streams: Vec<DataStream>,
    pub(in crate::doctor) buckets: Vec<Bucket>,
    pub(in crate::doctor) topics: Vec<Topic>,
    pub(in crate::doctor) alarms: Option<Vec<Alarm>>,
    pub(in crate::doctor) log_groups: Vec<LogGroup>,
    pub(in crate::doctor) rules: Vec<Rule>,
    pub(in crate::doctor) denied: Vec<Denied>,
    pub(in crate::doctor) concurrency: Option<Concurrency>,
    pub(in crate::doctor) chat: Option<Chat>,
    pub(in crate::doctor) network: Option<Network>,
    pub(in crate::doctor) search: Option<Search>,
    pub(in crate::doctor) missing: Vec<Missing>,
    pub(in crate::doctor) unread: Vec<Unread>,
}

/// A stack or a nested one.
#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Stack {
    pub(in crate::doctor) name: String,
    /// The logical ids from the root stack to it, such as `["Health", "LogMetrics"]`.
    pub(in crate::doctor) path: Vec<String>,
    pub(in crate::doctor) status: String,
    pub(in crate::doctor) parameters: BTreeMap<String, String>,
    pub(in crate::doctor) resources: Vec<Resource>,
    /// As it was deployed, before transformations.
    pub(in crate::doctor) template: Option<Value>,
}

#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Resource {
    pub(in crate::doctor) logical_id: String,
    pub(in crate::doctor) kind: String,
    pub(in crate::doctor) physical_id: String,
    pub(in crate::doctor) status: String,
}

/// A function of the stack.
#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Deployed {
    pub(in crate::doctor) function: Function,
    pub(in crate::doctor) mappings: Vec<Mapping>,
    /// Where Lambda sends asynchronous events that failed: an ARN, or empty. `None` if it was not
    /// read.
    pub(in crate::doctor) failure_destination: Option<String>,
}

impl Deployed {
    /// Returns the value of a variable, if it is set.
    pub(in crate::doctor) fn variable(&self, name: &str) -> Option<&str> {
        let value = self.function.environment.as_ref()?.get(name)?;
        (!value.is_empty()).then_some(value)
    }
}

#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct StackQueue {
    pub(in crate::doctor) queue: Queue,
    /// All event source mappings of the queue, including those of functions in other stacks.
    pub(in crate::doctor) mappings: Vec<Mapping>,
}

/// A delivery stream of Firehose to OpenSearch.
#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Delivery {
    pub(in crate::doctor) name: String,
    pub(in crate::doctor) arn: String,
    pub(in crate::doctor) status: String,
    /// The ARN of the Kinesis data stream. `None` for Direct PUT.
    pub(in crate::doctor) source: Option<String>,
    pub(in crate::doctor) is_encrypted: bool,
    /// `None` if the destination is neither a domain nor a collection.
    pub(in crate::doctor) destination: Option<Destination>,
    /// Records and reads that were throttled within a day.
    pub(in crate::doctor) throttled: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Destination {
    pub(in crate::doctor) role_arn: String,
    /// The ARN of the domain. A collection has none here.
    pub(in crate::doctor) domain_arn: Option<String>,
    pub(in crate::doctor) buffer_megabytes: Option<u64>,
    pub(in crate::doctor) retry_seconds: Option<u64>,
    /// Whether Firehose chooses the id of a document, so that a retry does not write a second one.
    /// `None` for collections, which have no such setting.
    pub(in crate::doctor) has_own_ids: Option<bool>,
    pub(in crate::doctor) is_processed: bool,
    /// The ARN of the processor's function, with or without a version.
    pub(in crate::doctor) processor_arn: Option<String>,
    pub(in crate::doctor) processor_megabytes: Option<f64>,
    pub(in crate::doctor) backup_arn: Option<String>,
    pub(in crate::doctor) is_logged: bool,
}

#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct DataStream {
    pub(in crate::doctor) name: String,
    pub(in crate::doctor) retention_hours: u64,
    pub(in crate::doctor) is_encrypted: bool,
}

#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Bucket {
    pub(in crate::doctor) name: String,
    /// The policy; null without one.
    pub(in crate::doctor) policy: Option<Value>,
    /// Whether public access is blocked in all four ways.
    pub(in crate::doctor) is_private: Option<bool>,
}

#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Topic {
    pub(in crate::doctor) arn: String,
    /// Empty if it is not encrypted. `None` if it was not read.
    pub(in crate::doctor) key: Option<String>,
    pub(in crate::doctor) subscriptions: Option<Vec<Subscription>>,
}

#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Subscription {
    pub(in crate::doctor) protocol: String,
    /// An address, an ARN or a URL, which may contain a secret.
    pub(in crate::doctor) endpoint: String,
    pub(in crate::doctor) is_confirmed: bool,
}

#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Alarm {
    pub(in crate::doctor) name: String,
    pub(in crate::doctor) metric: String,
    /// The values of its dimensions.
    pub(in crate::doctor) dimensions: Vec<String>,
    pub(in crate::doctor) actions_enabled: bool,
    /// The ARNs that a change to ALARM notifies.
    pub(in crate::doctor) actions: Vec<String>,
    /// For how long the alarm has had insufficient data, in seconds.
    pub(in crate::doctor) insufficient_seconds: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct LogGroup {
    pub(in crate::doctor) name: String,
    /// `None`: events never expire.
    pub(in crate::doctor) retention_days: Option<u64>,
    /// The ARNs of the destinations of its subscription filters.
    pub(in crate::doctor) subscribers: Option<Vec<String>>,
}

/// A rule of EventBridge.
#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Rule {
    pub(in crate::doctor) logical_id: String,
    pub(in crate::doctor) name: String,
    pub(in crate::doctor) is_enabled: bool,
    /// Number of targets.
    pub(in crate::doctor) targets: Option<usize>,
}

/// A permission that a role does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::doctor) struct Denied {
    /// The function or the delivery stream.
    pub(in crate::doctor) subject: String,
    pub(in crate::doctor) role: String,
    pub(in crate::doctor) action: String,
    pub(in crate::doctor) resource: String,
}

/// Concurrent executions of Lambda in the account.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::doctor) struct Concurrency {
    pub(in crate::doctor) limit: u64,
    /// The concurrency that functions without a reservation share.
    pub(in crate::doctor) unreserved: u64,
}

/// The webhook of Google Chat.
#[derive(Clone, Debug)]
pub(in crate::doctor) struct Chat {
    /// The secret's ARN, or the function with the variable.
    pub(in crate::doctor) name: String,
    pub(in crate::doctor) state: ChatState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::doctor) enum ChatState {
    /// It is the URL of a webhook.
    Valid,
    /// It is not the URL of a webhook.
    NotAWebhook,
    /// The secret does not exist, or is to be deleted.
    Missing(String),
    /// The greeting of `--post` was posted.
    Posted,
    /// The greeting was rejected or not answered.
    Refused(String),
}

/// The subnets of the functions that are in a VPC.
#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Network {
    pub(in crate::doctor) vpc: String,
    /// The subnets without a route to the internet.
    pub(in crate::doctor) isolated: Vec<String>,
    /// The services that have an endpoint in the VPC, such as `sqs`.
    pub(in crate::doctor) endpoints: BTreeSet<String>,
    /// The services that the functions call.
    pub(in crate::doctor) called: BTreeSet<&'static str>,
}

/// The state that OpenSearch reports; the rest is in [`Facts::opensearch`].
#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct Search {
    pub(in crate::doctor) url: String,
    /// The shards that are open, and how many may be.
    pub(in crate::doctor) shards: Option<(u64, u64)>,
    /// The fullest disk, in percent.
    pub(in crate::doctor) disk_percent: Option<u64>,
    /// Writes that nodes rejected since they started.
    pub(in crate::doctor) rejected: Option<u64>,
    /// The pattern of the indices, and its policy of Index State Management.
    pub(in crate::doctor) policy: Option<IndexPolicy>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::doctor) enum IndexPolicy {
    /// No index is managed.
    None,
    Managed,
    /// The policy failed for this index.
    Failed(String),
}

/// A resource of the stack that does not exist in its service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::doctor) struct Missing {
    pub(in crate::doctor) what: &'static str,
    pub(in crate::doctor) name: String,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::doctor) struct Unread {
    pub(in crate::doctor) what: &'static str,
    pub(in crate::doctor) name: String,
    pub(in crate::doctor) reason: String,
}
