//! The operations, which map the members of a request to those of an answer.
//!
//! Source: the Amazon SQS API reference.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::{self, error, missing_parameter, out_of_range};
use super::message::{Content, MESSAGE_LIMIT_BYTES, Sent, is_asked};
use super::move_task::MoveTasks;
use super::queue::{Message, Queues, visibility_ms};
use crate::aws_json::Failure;
use crate::runtime_api::ACCOUNT;

const RECEIVE_LIMIT: usize = 10;

const ENTRIES_LIMIT: usize = 10;

/// An operation of the embedded server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[expect(missing_docs, reason = "their names are those of the API reference")]
pub enum Operation {
    CancelMessageMoveTask,
    ChangeMessageVisibilityBatch,
    CreateQueue,
    DeleteMessage,
    DeleteMessageBatch,
    DeleteQueue,
    GetQueueAttributes,
    GetQueueUrl,
    ListMessageMoveTasks,
    ListQueues,
    ReceiveMessage,
    SendMessage,
    SendMessageBatch,
    StartMessageMoveTask,
}

impl Operation {
    pub(super) fn of_target(target: &str) -> Option<Self> {
        Self::deserialize(Value::from(target.strip_prefix("AmazonSQS.")?)).ok()
    }
}

/// The state of the server.
#[derive(Debug, Default)]
pub(super) struct Store {
    queues: Queues,
    tasks: MoveTasks,
}

/// The current call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) members: &'a Value,
    pub(super) url: &'a str,
    pub(super) now: u64,
    /// The positions of the entries of a batch that fail on demand.
    pub(super) failing: &'a [usize],
}

/// The members of the requests of all operations, except the content of a message.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Members {
    queue_name: Option<String>,
    queue_url: Option<String>,
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
    attributes: BTreeMap<String, String>,
    attribute_names: Vec<String>,
    message_system_attribute_names: Vec<String>,
    message_attribute_names: Vec<String>,
    max_number_of_messages: Option<usize>,
    source_arn: Option<String>,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<u64>,
    max_results: Option<usize>,
    task_handle: Option<String>,
}

impl Members {
    /// The name of the queue: the last part of its URL.
    fn queue(&self) -> Result<&str, Failure> {
        let url = required(self.queue_url.as_ref(), "QueueUrl")?;
        Ok(url.rsplit('/').next().unwrap_or(url))
    }
}

fn required<'a>(value: Option<&'a String>, name: &str) -> Result<&'a str, Failure> {
    let value = value.filter(|value| !value.is_empty()).ok_or_else(|| missing_parameter(name))?;
    Ok(value)
}

fn read<T: DeserializeOwned>(members: &Value) -> Result<T, Failure> {
    T::deserialize(members)
        .map_err(|error| error::of_protocol("SerializationException", error.to_string()))
}

impl Call<'_> {
    pub(super) fn answer(&self, store: &mut Store) -> Result<Value, Failure> {
        let Store { queues, tasks } = store;
        tasks.progress(queues, self.now);
        let members: Members = read(self.members)?;
        Ok(match self.operation {
            Operation::CreateQueue => {
                let name = required(members.queue_name.as_ref(), "QueueName")?;
                queues.create(name, members.attributes.clone(), self.now)?;
                json!({"QueueUrl": self.queue_url(name)})
            }
            Operation::GetQueueUrl => {
                let name = required(members.queue_name.as_ref(), "QueueName")?;
                queues.get(name)?;
                json!({"QueueUrl": self.queue_url(name)})
            }
            Operation::ListQueues => {
                let urls = queues.0.keys().map(|name| self.queue_url(name));
                json!({"QueueUrls": urls.collect::<Vec<_>>()})
            }
            Operation::DeleteQueue => {
                queues.get(members.queue()?)?;
                queues.0.remove(members.queue()?);
                json!({})
            }
            Operation::GetQueueAttributes => self.queue_attributes(queues, &members)?,
            Operation::SendMessage => self.send(queues, members.queue()?, self.members)?,
            Operation::DeleteMessage => self.delete(queues, members.queue()?, self.members)?,
            Operation::SendMessageBatch => {
                self.check_size()?;
                self.batch(queues, members.queue()?, Self::send)?
            }
            Operation::DeleteMessageBatch => self.batch(queues, members.queue()?, Self::delete)?,
            Operation::ChangeMessageVisibilityBatch => {
                self.batch(queues, members.queue()?, Self::hide)?
            }
            Operation::ReceiveMessage => self.receive(queues, &members)?,
            Operation::StartMessageMoveTask => {
                let source = required(members.source_arn.as_ref(), "SourceArn")?;
                let destination = members.destination_arn.as_deref();
                let rate = members.max_number_of_messages_per_second;
                json!({"TaskHandle": tasks.start(queues, source, destination, rate, self.now)?})
            }
            Operation::ListMessageMoveTasks => {
                let source = required(members.source_arn.as_ref(), "SourceArn")?;
                json!({"Results": tasks.list(queues, source, members.max_results.unwrap_or(1))?})
            }
            Operation::CancelMessageMoveTask => {
                let moved = tasks.cancel(required(members.task_handle.as_ref(), "TaskHandle")?)?;
                json!({"ApproximateNumberOfMessagesMoved": moved})
            }
        })
    }

    fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.url)
    }

    fn queue_attributes(&self, queues: &mut Queues, members: &Members) -> Result<Value, Failure> {
        let queue = queues.get(members.queue()?)?;
        let counts = queue.messages.counts(self.now);
        let mut all = queue.attributes();
        for (name, value) in [
            ("QueueArn", queue.arn.clone()),
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", "0".to_owned()),
            ("CreatedTimestamp", (queue.created_ms / 1000).to_string()),
            ("LastModifiedTimestamp", (queue.created_ms / 1000).to_string()),
        ] {
            all.insert(name.to_owned(), value);
        }
        all.retain(|name, _| is_asked(&members.attribute_names, name));
        Ok(json!({"Attributes": all}))
    }

    fn send(&self, queues: &mut Queues, queue: &str, entry: &Value) -> Result<Value, Failure> {
        let (content, receipt) = queues.get(queue)?.send(&read(entry)?, self.now)?;
        let mut answer =
            json!({"MessageId": receipt.message_id, "MD5OfMessageBody": content.md5_of_body()});
        if let Some(number) = receipt.sequence_number {
            answer["SequenceNumber"] = number.into();
        }
        Ok(answer)
    }

    fn delete(&self, queues: &mut Queues, queue: &str, entry: &Value) -> Result<Value, Failure> {
        let members: Members = read(entry)?;
        let queue = queues.get(queue)?;
        queue.delete(required(members.receipt_handle.as_ref(), "ReceiptHandle")?, self.now)?;
        Ok(json!({}))
    }

    fn hide(&self, queues: &mut Queues, queue: &str, entry: &Value) -> Result<Value, Failure> {
        let members: Members = read(entry)?;
        let queue = queues.get(queue)?;
        let handle = required(members.receipt_handle.as_ref(), "ReceiptHandle")?;
        let seconds = members.visibility_timeout;
        let seconds = seconds.ok_or_else(|| missing_parameter("VisibilityTimeout"))?;
        queue.hide(handle, seconds, self.now)?;
        Ok(json!({}))
    }

    fn receive(&self, queues: &mut Queues, members: &Members) -> Result<Value, Failure> {
        let limit = members.max_number_of_messages.unwrap_or(1);
        if !(1..=RECEIVE_LIMIT).contains(&limit) {
            let reason = "Must be between 1 and 10, if provided.";
            return Err(out_of_range(limit, "MaxNumberOfMessages", reason));
        }
        let visibility = members.visibility_timeout.map(visibility_ms).transpose()?;
        let messages = queues.receive(members.queue()?, limit, visibility, self.now)?;
        if messages.is_empty() {
            return Ok(json!({}));
        }
        Ok(json!({"Messages": messages.iter().map(|m| shown(m, members)).collect::<Vec<_>>()}))
    }

    /// How long a `ReceiveMessage` waits for a message, in seconds.
    pub(super) fn wait_seconds(&self) -> u64 {
        self.members["WaitTimeSeconds"].as_u64().unwrap_or_default()
    }

    /// Calls `one` for each entry of a batch, and groups the entries by result.
    fn batch(
        &self,
        queues: &mut Queues,
        queue: &str,
        one: fn(&Self, &mut Queues, &str, &Value) -> Result<Value, Failure>,
    ) -> Result<Value, Failure> {
        queues.get(queue)?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (position, entry) in entries(self.members)?.iter().enumerate() {
            let done = if self.failing.contains(&position) {
                Err(json!({"Code": "InternalError", "Message": "", "SenderFault": false}))
            } else {
                one(self, queues, queue, entry).map_err(|failure| {
                    json!({
                        "Code": failure.code(),
                        "Message": failure.message,
                        "SenderFault": failure.is_callers(),
                    })
                })
            };
            let (mut result, list) = match done {
                Ok(result) => (result, &mut successful),
                Err(result) => (result, &mut failed),
            };
            result["Id"] = entry["Id"].clone();
            list.push(result);
        }
        Ok(json!({"Successful": successful, "Failed": failed}))
    }

    /// The messages of a batch may not exceed the size of a single message together.
    fn check_size(&self) -> Result<(), Failure> {
        let mut sum = 0;
        for entry in entries(self.members)? {
            let sent: Sent = read(entry)?;
            // Entries that are rejected for another reason do not count.
            sum += Content::new(&sent).map_or(0, |content| content.bytes());
        }
        if sum > MESSAGE_LIMIT_BYTES {
            let message =
                format!("Batch requests cannot be longer than {MESSAGE_LIMIT_BYTES} bytes.");
            return Err(error("BatchRequestTooLong", message));
        }
        Ok(())
    }
}

/// The entries of a batch, if they are valid.
fn entries(members: &Value) -> Result<&[Value], Failure> {
    let entries = members["Entries"].as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        let message = "There should be at least one entry in the request.";
        return Err(error("EmptyBatchRequest", message));
    }
    if entries.len() > ENTRIES_LIMIT {
        let message = "Maximum number of entries per request are 10.";
        return Err(error("TooManyEntriesInBatchRequest", message));
    }
    let mut seen = HashSet::new();
    for entry in entries {
        let id = entry["Id"].as_str().ok_or_else(|| missing_parameter("Id"))?;
        if !seen.insert(id) {
            return Err(error("BatchEntryIdsNotDistinct", format!("Id {id} repeated.")));
        }
    }
    Ok(entries)
}

fn shown(message: &Message, members: &Members) -> Value {
    let mut shown = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt_handle,
        "Body": message.content.body,
        "MD5OfBody": message.content.md5_of_body(),
    });
    let system = [&members.attribute_names[..], &members.message_system_attribute_names].concat();
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
    let known = known.into_iter().filter(|(name, _)| is_asked(&system, name));
    let known: BTreeMap<_, _> =
        known.filter_map(|(name, value)| value.map(|value| (name, value))).collect();
    if !known.is_empty() {
        shown["Attributes"] = json!(known);
    }
    let attributes = message.content.attributes(&members.message_attribute_names);
    if !attributes.is_empty() {
        shown["MessageAttributes"] = json!(attributes);
    }
    shown
}
