//! The operations: members of a request in, members of an answer out.
//!
//! Source: the Amazon SQS API reference.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::attributes::VISIBILITY_LIMIT_SECONDS;
use super::batch;
use super::error;
use super::message::Sent;
use super::queue::Message;
use super::store::Store;
use crate::aws_json::Failure;
use crate::runtime_api::ACCOUNT;

/// The most messages of one `ReceiveMessage`.
const RECEIVE_LIMIT: i64 = 10;

/// The longest poll, in seconds.
const WAIT_LIMIT_SECONDS: i64 = 20;

/// An operation of the embedded server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "their names are those of the API reference")]
pub enum Operation {
    CancelMessageMoveTask,
    ChangeMessageVisibility,
    ChangeMessageVisibilityBatch,
    CreateQueue,
    DeleteMessage,
    DeleteMessageBatch,
    DeleteQueue,
    GetQueueAttributes,
    GetQueueUrl,
    ListDeadLetterSourceQueues,
    ListMessageMoveTasks,
    ListQueues,
    PurgeQueue,
    ReceiveMessage,
    SendMessage,
    SendMessageBatch,
    SetQueueAttributes,
    StartMessageMoveTask,
}

impl Operation {
    const ALL: [Self; 18] = [
        Self::CancelMessageMoveTask,
        Self::ChangeMessageVisibility,
        Self::ChangeMessageVisibilityBatch,
        Self::CreateQueue,
        Self::DeleteMessage,
        Self::DeleteMessageBatch,
        Self::DeleteQueue,
        Self::GetQueueAttributes,
        Self::GetQueueUrl,
        Self::ListDeadLetterSourceQueues,
        Self::ListMessageMoveTasks,
        Self::ListQueues,
        Self::PurgeQueue,
        Self::ReceiveMessage,
        Self::SendMessage,
        Self::SendMessageBatch,
        Self::SetQueueAttributes,
        Self::StartMessageMoveTask,
    ];

    /// The operation of an `x-amz-target`.
    pub(super) fn of_target(target: &str) -> Option<Self> {
        let name = target.strip_prefix("AmazonSQS.")?;
        Self::ALL.into_iter().find(|operation| format!("{operation:?}") == name)
    }
}

/// A call that is being answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) members: &'a Value,
    /// The server's URL.
    pub(super) url: &'a str,
    /// Milliseconds since 1970.
    pub(super) now: u64,
    /// The positions of a batch's entries that fail on demand.
    pub(super) failing: &'a [usize],
}

/// The members of any operation's request, but for what a message holds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Members {
    queue_name: Option<String>,
    queue_name_prefix: Option<String>,
    queue_url: Option<String>,
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
    attributes: Option<BTreeMap<String, String>>,
    attribute_names: Vec<String>,
    message_system_attribute_names: Vec<String>,
    message_attribute_names: Vec<String>,
    max_number_of_messages: Option<i64>,
    wait_time_seconds: Option<i64>,
    source_arn: Option<String>,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<u64>,
    max_results: Option<usize>,
    task_handle: Option<String>,
}

/// Reads the members of a request or an entry.
pub(super) fn read<T: DeserializeOwned>(members: &Value) -> Result<T, Failure> {
    T::deserialize(members).map_err(|error| {
        Failure::new("com.amazon.coral.service#SerializationException", error.to_string())
    })
}

impl Call<'_> {
    /// Does it.
    pub(super) fn answer(&self, store: &mut Store) -> Result<Value, Failure> {
        store.progress(self.now);
        let members: Members = read(self.members)?;
        match self.operation {
            Operation::CreateQueue => self.create_queue(store, &members),
            Operation::GetQueueUrl => {
                let name = required(members.queue_name.as_deref(), "QueueName")?;
                store.queue(name)?;
                Ok(json!({"QueueUrl": self.queue_url(name)}))
            }
            Operation::ListQueues => {
                let prefix = members.queue_name_prefix.unwrap_or_default();
                let names = store.queues.keys().filter(|name| name.starts_with(&prefix));
                let urls: Vec<_> = names.map(|name| self.queue_url(name)).collect();
                Ok(json!({"QueueUrls": urls}))
            }
            Operation::DeleteQueue => {
                store.queue(members.queue()?)?;
                store.queues.remove(members.queue()?);
                Ok(json!({}))
            }
            Operation::GetQueueAttributes => self.queue_attributes(store, &members),
            Operation::SetQueueAttributes => {
                let attributes = members.attributes.clone().unwrap_or_default();
                store.set_attributes(members.queue()?, &attributes, self.now)?;
                Ok(json!({}))
            }
            Operation::PurgeQueue => {
                store.queue(members.queue()?)?.purge(self.now)?;
                Ok(json!({}))
            }
            Operation::ListDeadLetterSourceQueues => {
                let arn = store.queue(members.queue()?)?.arn.clone();
                let urls: Vec<_> =
                    store.sources_of(&arn).map(|name| self.queue_url(name)).collect();
                // In lower case, unlike every other member.
                Ok(json!({"queueUrls": urls}))
            }
            Operation::SendMessage => {
                let sent: Sent = read(self.members)?;
                self.send(store, members.queue()?, &sent)
            }
            Operation::ReceiveMessage => self.receive(store, &members),
            Operation::DeleteMessage => self.delete(store, members.queue()?, &members),
            Operation::ChangeMessageVisibility => {
                self.change_visibility(store, members.queue()?, &members)
            }
            Operation::SendMessageBatch => {
                batch::check_size(self.members)?;
                self.batch(store, &members, |store, queue, entry| {
                    self.send(store, queue, &read(entry)?)
                })
            }
            Operation::DeleteMessageBatch => self.batch(store, &members, |store, queue, entry| {
                self.delete(store, queue, &read(entry)?)
            }),
            Operation::ChangeMessageVisibilityBatch => {
                self.batch(store, &members, |store, queue, entry| {
                    self.change_visibility(store, queue, &read(entry)?)
                })
            }
            Operation::StartMessageMoveTask => {
                let source = required(members.source_arn.as_deref(), "SourceArn")?;
                let destination = members.destination_arn.as_deref();
                let rate = members.max_number_of_messages_per_second;
                let handle = store.start_move_task(source, destination, rate, self.now)?;
                Ok(json!({"TaskHandle": handle}))
            }
            Operation::ListMessageMoveTasks => {
                let source = required(members.source_arn.as_deref(), "SourceArn")?;
                let results = store.move_tasks(source, members.max_results.unwrap_or(1))?;
                Ok(json!({"Results": results}))
            }
            Operation::CancelMessageMoveTask => {
                let handle = required(members.task_handle.as_deref(), "TaskHandle")?;
                let moved = store.cancel_move_task(handle)?;
                Ok(json!({"ApproximateNumberOfMessagesMoved": moved}))
            }
        }
    }

    fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.url)
    }

    fn create_queue(&self, store: &mut Store, members: &Members) -> Result<Value, Failure> {
        let name = required(members.queue_name.as_deref(), "QueueName")?;
        let attributes = members.attributes.clone().unwrap_or_default();
        store.create(name, &attributes, self.now)?;
        Ok(json!({"QueueUrl": self.queue_url(name)}))
    }

    fn queue_attributes(&self, store: &mut Store, members: &Members) -> Result<Value, Failure> {
        let queue = store.queue(members.queue()?)?;
        queue.expire(self.now);
        let counts = queue.counts(self.now);
        let seconds = |ms: u64| (ms / 1000).to_string();
        let own = [
            ("QueueArn", queue.arn.clone()),
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
            ("CreatedTimestamp", seconds(queue.created_ms)),
            ("LastModifiedTimestamp", seconds(queue.modified_ms)),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        let all: BTreeMap<_, _> = queue.attributes.all().into_iter().chain(own).collect();
        let asked = &members.attribute_names;
        let is_asked = |name: &str| asked.iter().any(|asked| asked == "All" || asked == name);
        let chosen: BTreeMap<_, _> = all.into_iter().filter(|(name, _)| is_asked(name)).collect();
        Ok(json!({"Attributes": chosen}))
    }

    fn send(&self, store: &mut Store, queue: &str, sent: &Sent) -> Result<Value, Failure> {
        let (content, receipt) = store.queue(queue)?.send(sent, self.now)?;
        let mut answer =
            json!({"MessageId": receipt.message_id, "MD5OfMessageBody": content.md5_of_body()});
        if let Some((_, md5)) = content.attributes(&["All".to_owned()]) {
            answer["MD5OfMessageAttributes"] = md5.into();
        }
        if let Some(number) = receipt.sequence_number {
            answer["SequenceNumber"] = number.into();
        }
        Ok(answer)
    }

    fn receive(&self, store: &mut Store, members: &Members) -> Result<Value, Failure> {
        let limit = members.max_number_of_messages.unwrap_or(1);
        if !(1..=RECEIVE_LIMIT).contains(&limit) {
            let reason = "Must be between 1 and 10, if provided.";
            return Err(error::out_of_range(limit, "MaxNumberOfMessages", reason));
        }
        let visibility = members.visibility_timeout.map(|seconds| {
            let allowed = u64::try_from(seconds).ok().filter(|s| *s <= VISIBILITY_LIMIT_SECONDS);
            let reason = "Must be between 0 and 43200.";
            allowed.ok_or_else(|| error::out_of_range(seconds, "VisibilityTimeout", reason))
        });
        let limit = usize::try_from(limit).unwrap_or_default();
        let messages = store.receive(members.queue()?, limit, visibility.transpose()?, self.now)?;
        if messages.is_empty() {
            return Ok(json!({}));
        }
        let system: Vec<_> =
            [&members.attribute_names[..], &members.message_system_attribute_names[..]].concat();
        let names = &members.message_attribute_names;
        let messages: Vec<_> =
            messages.iter().map(|message| shown(message, &system, names)).collect();
        Ok(json!({"Messages": messages}))
    }

    /// How long a `ReceiveMessage` waits for a message, in seconds.
    pub(super) fn wait_seconds(&self, store: &mut Store) -> Result<u64, Failure> {
        let members: Members = read(self.members)?;
        let queue = store.queue(members.queue()?)?;
        let Some(seconds) = members.wait_time_seconds else {
            return Ok(queue.attributes.number("ReceiveMessageWaitTimeSeconds"));
        };
        let allowed = Some(seconds).filter(|seconds| (0..=WAIT_LIMIT_SECONDS).contains(seconds));
        let reason = "Must be >= 0 and <= 20, if provided.";
        let refused = || error::out_of_range(seconds, "WaitTimeSeconds", reason);
        Ok(allowed.ok_or_else(refused)?.unsigned_abs())
    }

    fn delete(&self, store: &mut Store, queue: &str, of: &Members) -> Result<Value, Failure> {
        let handle = required(of.receipt_handle.as_deref(), "ReceiptHandle")?;
        store.queue(queue)?.delete(handle, self.now)?;
        Ok(json!({}))
    }

    fn change_visibility(
        &self,
        store: &mut Store,
        queue: &str,
        of: &Members,
    ) -> Result<Value, Failure> {
        let handle = required(of.receipt_handle.as_deref(), "ReceiptHandle")?;
        let seconds = of.visibility_timeout;
        let seconds = seconds.ok_or_else(|| error::missing_parameter("VisibilityTimeout"))?;
        store.queue(queue)?.change_visibility(handle, seconds, self.now)?;
        Ok(json!({}))
    }

    fn batch(
        &self,
        store: &mut Store,
        members: &Members,
        mut one: impl FnMut(&mut Store, &str, &Value) -> Result<Value, Failure>,
    ) -> Result<Value, Failure> {
        let queue = members.queue()?;
        store.queue(queue)?;
        batch::each(self.members, self.failing, |entry| one(store, queue, entry))
    }
}

impl Members {
    /// The name of the queue, which is the last part of its URL.
    fn queue(&self) -> Result<&str, Failure> {
        let url = required(self.queue_url.as_deref(), "QueueUrl")?;
        Ok(url.rsplit('/').next().unwrap_or(url))
    }
}

fn required<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str, Failure> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| error::missing_parameter(name))
}

/// A message as it is received, with the attributes that are asked for.
fn shown(message: &Message, system: &[String], attributes: &[String]) -> Value {
    let mut shown = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt_handle,
        "Body": message.content.body,
        "MD5OfBody": message.content.md5_of_body(),
    });
    let known = [
        ("SenderId", Some("AIDALOCAL".to_owned())),
        ("SentTimestamp", Some(message.sent_ms.to_string())),
        ("ApproximateReceiveCount", Some(message.receive_count.to_string())),
        ("ApproximateFirstReceiveTimestamp", message.first_receive_ms.map(|ms| ms.to_string())),
        ("DeadLetterQueueSourceArn", message.source_arn.clone()),
        ("AWSTraceHeader", message.content.trace_header.clone()),
        ("MessageGroupId", message.group.clone()),
        ("MessageDeduplicationId", message.deduplication_id.clone()),
        ("SequenceNumber", message.sequence_number.clone()),
    ];
    let is_asked = |name: &str| system.iter().any(|asked| asked == "All" || asked == name);
    let known = known.into_iter().filter(|(name, _)| is_asked(name));
    let known: BTreeMap<_, _> =
        known.filter_map(|(name, value)| value.map(|value| (name, value))).collect();
    if !known.is_empty() {
        shown["Attributes"] = json!(known);
    }
    if let Some((attributes, md5)) = message.content.attributes(attributes) {
        shown["MessageAttributes"] = attributes;
        shown["MD5OfMessageAttributes"] = md5.into();
    }
    shown
}
