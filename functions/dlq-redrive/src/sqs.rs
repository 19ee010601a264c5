//! SQS, with the AWS SDK.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs as sdk;
use sdk::error::BuildError;
use sdk::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    ListMessageMoveTasksResultEntry, MessageAttributeValue, MessageSystemAttributeName,
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use shared::aws::Aws;
use shared::sqs::{Attribute, AttributeValue, Failure, LazyClient, MAX_ENTRIES, by_entry};

use crate::message::{Message, Outgoing};
use crate::queues::{MoveTask, QueueAttributes, Queues};

/// Maximum number of listed move tasks (source: Amazon SQS API reference, `ListMessageMoveTasks`).
const MAX_TASKS: i32 = 10;

/// Calls SQS.
#[derive(Debug)]
pub struct AwsQueues(LazyClient);

impl AwsQueues {
    /// Makes no calls.
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self(LazyClient::new(aws))
    }
}

impl Queues for AwsQueues {
    async fn receive(
        &self,
        queue_url: &str,
        hide_seconds: u32,
        wait_seconds: u32,
    ) -> Result<Vec<Message>, Failure> {
        let call = self
            .0
            .get()
            .receive_message()
            .queue_url(queue_url)
            .max_number_of_messages(number(MAX_ENTRIES))
            .visibility_timeout(number(hide_seconds))
            .wait_time_seconds(number(wait_seconds))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let reply = call.send().await?;
        Ok(reply.messages.unwrap_or_default().into_iter().map(message).collect())
    }

    async fn send(&self, queue_url: &str, messages: &[Outgoing]) -> Vec<Result<String, Failure>> {
        let call = async {
            let mut call = self.0.get().send_message_batch().queue_url(queue_url);
            for (id, message) in messages.iter().enumerate() {
                call = call.entries(entry(id, message)?);
            }
            let reply = call.send().await?;
            let message_id = |id: &str| {
                let sent = reply.successful().iter().find(|sent| sent.id() == id)?;
                Some(sent.message_id().to_owned())
            };
            Ok(by_entry(messages.len(), reply.failed(), message_id))
        };
        for_each_entry(messages.len(), call.await)
    }

    async fn delete(
        &self,
        queue_url: &str,
        receipt_handles: &[String],
    ) -> Vec<Result<(), Failure>> {
        let call = async {
            let mut call = self.0.get().delete_message_batch().queue_url(queue_url);
            for (id, handle) in receipt_handles.iter().enumerate() {
                let entry = DeleteMessageBatchRequestEntry::builder();
                call = call.entries(entry.id(id.to_string()).receipt_handle(handle).build()?);
            }
            let reply = call.send().await?;
            let done = |id: &str| reply.successful().iter().any(|one| one.id() == id).then_some(());
            Ok(by_entry(receipt_handles.len(), reply.failed(), done))
        };
        for_each_entry(receipt_handles.len(), call.await)
    }

    async fn show(&self, queue_url: &str, receipt_handles: &[String]) -> Vec<Result<(), Failure>> {
        let call = async {
            let mut call = self.0.get().change_message_visibility_batch().queue_url(queue_url);
            for (id, handle) in receipt_handles.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder();
                let entry = entry.id(id.to_string()).receipt_handle(handle).visibility_timeout(0);
                call = call.entries(entry.build()?);
            }
            let reply = call.send().await?;
            let done = |id: &str| reply.successful().iter().any(|one| one.id() == id).then_some(());
            Ok(by_entry(receipt_handles.len(), reply.failed(), done))
        };
        for_each_entry(receipt_handles.len(), call.await)
    }

    async fn attributes(&self, queue_url: &str) -> Result<QueueAttributes, Failure> {
        let call = self
            .0
            .get()
            .get_queue_attributes()
            .queue_url(queue_url)
            .attribute_names(QueueAttributeName::All);
        let reply = call.send().await?;
        let text = |name| reply.attributes()?.get(&name).cloned();
        let number = |name| text(name)?.parse().ok();
        Ok(QueueAttributes {
            arn: text(QueueAttributeName::QueueArn),
            visible: number(QueueAttributeName::ApproximateNumberOfMessages),
            retention_seconds: number(QueueAttributeName::MessageRetentionPeriod),
        })
    }

    async fn start_move(
        &self,
        source_arn: &str,
        destination_arn: Option<&str>,
        rate_per_second: Option<u32>,
    ) -> Result<String, Failure> {
        let call = self
            .0
            .get()
            .start_message_move_task()
            .source_arn(source_arn)
            .set_destination_arn(destination_arn.map(str::to_owned))
            .set_max_number_of_messages_per_second(rate_per_second.map(number));
        let reply = call.send().await?;
        let missing = || Failure::new("Missing", "the response has no task handle");
        reply.task_handle.ok_or_else(missing)
    }

    async fn move_tasks(&self, source_arn: &str) -> Result<Vec<MoveTask>, Failure> {
        let call = self.0.get().list_message_move_tasks();
        let call = call.source_arn(source_arn).max_results(MAX_TASKS);
        let reply = call.send().await?;
        Ok(reply.results.unwrap_or_default().into_iter().map(move_task).collect())
    }

    async fn cancel_move(&self, task_handle: &str) -> Result<u64, Failure> {
        let call = self.0.get().cancel_message_move_task().task_handle(task_handle);
        let reply = call.send().await?;
        Ok(unsigned(reply.approximate_number_of_messages_moved))
    }
}

/// The results of the entries; a failure of the whole call applies to each entry.
fn for_each_entry<T: Clone>(
    entries: usize,
    results: Result<Vec<Result<T, Failure>>, Failure>,
) -> Vec<Result<T, Failure>> {
    results.unwrap_or_else(|failure| vec![Err(failure); entries])
}

fn message(received: sdk::types::Message) -> Message {
    let mut system = received.attributes.unwrap_or_default();
    let mut take = |name| system.remove(&name);
    let attributes = received.message_attributes.unwrap_or_default().into_iter();
    Message {
        sent_ms: take(MessageSystemAttributeName::SentTimestamp).and_then(|ms| ms.parse().ok()),
        dead_letter_source_arn: take(MessageSystemAttributeName::DeadLetterQueueSourceArn),
        group_id: take(MessageSystemAttributeName::MessageGroupId),
        trace_header: take(MessageSystemAttributeName::AwsTraceHeader),
        id: received.message_id.unwrap_or_default(),
        receipt_handle: received.receipt_handle.unwrap_or_default(),
        body: received.body.unwrap_or_default(),
        attributes: attributes.map(|(name, value)| (name, received_attribute(value))).collect(),
    }
}

fn received_attribute(attribute: MessageAttributeValue) -> Attribute {
    let MessageAttributeValue { data_type, string_value, binary_value, .. } = attribute;
    let value = match (binary_value, string_value) {
        (Some(bytes), None) => AttributeValue::Binary(bytes.into_inner()),
        (_, text) => AttributeValue::Text(text.unwrap_or_default()),
    };
    Attribute { data_type, value }
}

fn entry(id: usize, message: &Outgoing) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let attributes: BTreeMap<_, _> = message
        .attributes
        .iter()
        .map(|(name, attribute)| Ok((name.clone(), attribute.try_into()?)))
        .collect::<Result<_, BuildError>>()?;
    let trace_header = message.trace_header.as_ref().map(|header| {
        let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header);
        let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
        value.build().map(|value| HashMap::from([(name, value)]))
    });
    SendMessageBatchRequestEntry::builder()
        .id(id.to_string())
        .message_body(&message.body)
        .set_message_attributes(Some(attributes.into_iter().collect()))
        .set_message_system_attributes(trace_header.transpose()?)
        .set_message_group_id(message.group_id.clone())
        .set_message_deduplication_id(message.deduplication_id.clone())
        .build()
}

fn move_task(task: ListMessageMoveTasksResultEntry) -> MoveTask {
    MoveTask {
        task_handle: task.task_handle,
        status: task.status.unwrap_or_default(),
        source_arn: task.source_arn.unwrap_or_default(),
        destination_arn: task.destination_arn,
        max_number_of_messages_per_second: task
            .max_number_of_messages_per_second
            .and_then(|rate| u32::try_from(rate).ok()),
        approximate_number_of_messages_moved: unsigned(task.approximate_number_of_messages_moved),
        approximate_number_of_messages_to_move: task
            .approximate_number_of_messages_to_move
            .map(unsigned),
        failure_reason: task.failure_reason,
        started_timestamp: unsigned(task.started_timestamp),
    }
}

/// Converts a number for the SDK.
fn number(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
