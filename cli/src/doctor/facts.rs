//! What is known of a deployed stack: data only, so that the checks need no AWS.

use std::collections::BTreeMap;

/// All that was read. What nobody asked for, or nobody tells, is not there.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) function: Option<Function>,
    /// The function's mappings of queues.
    pub(super) mappings: Vec<Mapping>,
    /// Those of the mappings, or the one that was named.
    pub(super) queues: Vec<Consumed>,
    pub(super) quarantine: Option<Found>,
    pub(super) opensearch: Option<OpenSearch>,
}

/// A function.
#[derive(Clone, Debug, Default)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) timeout_seconds: u64,
    /// `State`, with its reason: `Active` where all is well.
    pub(super) state: Option<String>,
    pub(super) last_update: Option<String>,
    /// So many calls at a time at most, if that is reserved.
    pub(super) reserved_concurrency: Option<u64>,
    /// Its variables; none where Lambda does not show them. Secrets are among them.
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
    /// What became of the latest batch.
    pub(super) last_result: Option<String>,
}

/// A queue that is consumed.
#[derive(Clone, Debug)]
pub(super) struct Consumed {
    pub(super) queue: Found,
    /// Its dead-letter queue, if it has one.
    pub(super) dead_letters: Option<Found>,
}

/// A queue that was looked for.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// It is there.
    Queue(Queue),
    /// There is none of that name.
    Missing(String),
    /// Nobody tells.
    Unknown {
        /// Its name.
        name: String,
        /// Why not.
        why: String,
    },
}

/// A queue and its attributes, as far as SQS tells them.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) arn: String,
    pub(super) visibility_seconds: Option<u64>,
    pub(super) retention_seconds: Option<u64>,
    pub(super) redrive: Option<RedrivePolicy>,
    /// Whose dead letters it takes: those of all where it does not tell.
    pub(super) takes_from: Option<TakesFrom>,
    pub(super) is_encrypted: Option<bool>,
}

impl Queue {
    pub(super) fn is_fifo(&self) -> bool {
        self.name.strip_suffix(".fifo").is_some()
    }
}

/// `RedrivePolicy`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RedrivePolicy {
    pub(super) dead_letter_arn: String,
    pub(super) max_receive_count: u64,
}

/// `RedriveAllowPolicy`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TakesFrom {
    All,
    Nobody,
    These(Vec<String>),
}

/// An OpenSearch as it answers here.
#[derive(Clone, Debug)]
pub(super) struct OpenSearch {
    /// Without user and password.
    pub(super) url: String,
    pub(super) answer: Answer,
}

/// The index template that a new index gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Template {
    /// It maps all fields of the documents.
    Fits,
    /// It lacks these fields, or maps them in a way that refuses or loses documents.
    Unfit(Vec<String>),
    /// No template has a mapping for it.
    Missing,
    /// OpenSearch answers this status instead.
    Unknown(u16),
}

/// How an OpenSearch answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It lets us in.
    Up {
        version: String,
        /// `green`, `yellow`, or `red` where it becomes none of these at once.
        health: String,
        /// The index that documents go to now.
        index: String,
        template: Template,
    },
    /// It answers that it does not.
    Refused(u16),
    /// Something answers that is no OpenSearch.
    Other(String),
    /// Nothing answers.
    Silent(String),
}
