//! SQS, with the AWS SDK.

use std::collections::HashMap;
use std::sync::OnceLock;

use aws_sdk_sqs as sqs;
use shared::aws::{Aws, CallFailure, Service};
use shared::sqs::queue_url;
use sqs::config::retry::RetryConfig;
use sqs::error::BuildError;
use sqs::primitives::Blob;
use sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue,
    SendMessageBatchRequestEntry,
};

use crate::config::Config;
use crate::envelope::is_fifo;
use crate::ports::{EntryFailure, Queues, VisibilityChange};
use crate::quarantine::{Attribute, AttributeValue, Quarantined};

/// SQS, in `AWS_ENDPOINT_URL_SQS`.
pub const SQS: Service = "SQS";

/// Calls SQS. The client is built for the first call: most invocations never need one.
#[derive(Debug)]
pub struct AwsQueues {
    aws: Aws,
    quarantine_url: String,
    client: OnceLock<sqs::Client>,
}

impl AwsQueues {
    /// Queues that are not called yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let quarantine_url = config.quarantine_url.clone().unwrap_or_default();
        Self { aws: config.aws.clone(), quarantine_url, client: OnceLock::new() }
    }

    fn client(&self) -> &sqs::Client {
        self.client
            .get_or_init(|| sqs::Client::new(&self.aws.sdk_config(SQS, RetryConfig::standard())))
    }

    async fn send(
        &self,
        entries: &[Quarantined],
    ) -> Result<Vec<Option<EntryFailure>>, EntryFailure> {
        let mut call = self.client().send_message_batch().queue_url(&self.quarantine_url);
        let fifo = is_fifo(&self.quarantine_url);
        for (id, quarantined) in entries.iter().enumerate() {
            call = call.entries(entry(id, quarantined, fifo).map_err(|error| unbuilt(&error))?);
        }
        let answer = call.send().await.map_err(|error| call_failure((&error).into()))?;
        let failure = |id: usize| {
            let id = id.to_string();
            if let Some(failed) = answer.failed().iter().find(|failed| failed.id() == id) {
                return Some(entry_failure(failed));
            }
            let sent = answer.successful().iter().any(|sent| sent.id() == id);
            (!sent).then(|| EntryFailure {
                code: "Missing".to_owned(),
                message: "the answer does not tell of this entry".to_owned(),
            })
        };
        Ok((0..entries.len()).map(failure).collect())
    }

    async fn change(
        &self,
        queue_arn: &str,
        changes: &[VisibilityChange],
    ) -> Result<Vec<EntryFailure>, EntryFailure> {
        let url = queue_url(queue_arn, self.aws.endpoint(SQS)).ok_or_else(|| EntryFailure {
            code: "InvalidArn".to_owned(),
            message: "the message's eventSourceARN names no queue".to_owned(),
        })?;
        let mut call = self.client().change_message_visibility_batch().queue_url(url);
        for (id, change) in changes.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(id.to_string())
                .receipt_handle(&change.receipt_handle)
                .visibility_timeout(i32::try_from(change.seconds).unwrap_or(i32::MAX))
                .build();
            call = call.entries(entry.map_err(|error| unbuilt(&error))?);
        }
        let answer = call.send().await.map_err(|error| call_failure((&error).into()))?;
        Ok(answer.failed().iter().map(entry_failure).collect())
    }
}

impl Queues for AwsQueues {
    async fn quarantine(&self, entries: &[Quarantined]) -> Vec<Option<EntryFailure>> {
        // Boxed: rare, and its state is large.
        match Box::pin(self.send(entries)).await {
            Ok(failures) => failures,
            Err(failure) => vec![Some(failure); entries.len()],
        }
    }

    async fn change_visibility(
        &self,
        queue_arn: &str,
        changes: &[VisibilityChange],
    ) -> Vec<EntryFailure> {
        match Box::pin(self.change(queue_arn, changes)).await {
            Ok(failures) => failures,
            Err(failure) => vec![failure; changes.len()],
        }
    }
}

fn entry(
    id: usize,
    quarantined: &Quarantined,
    fifo: bool,
) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let attributes = quarantined.attributes.iter();
    let attributes = attributes.map(|(name, value)| Ok((name.clone(), attribute(value)?)));
    let attributes = attributes.collect::<Result<HashMap<_, _>, BuildError>>()?;
    let entry = SendMessageBatchRequestEntry::builder()
        .id(id.to_string())
        .message_body(&quarantined.body)
        .set_message_attributes(Some(attributes));
    if !fifo {
        return entry.build();
    }
    entry
        .message_group_id(&quarantined.group_id)
        .message_deduplication_id(&quarantined.deduplication_id)
        .build()
}

fn attribute(attribute: &Attribute) -> Result<MessageAttributeValue, BuildError> {
    let builder = MessageAttributeValue::builder().data_type(&attribute.data_type);
    match &attribute.value {
        AttributeValue::Text(text) => builder.string_value(text),
        AttributeValue::Binary(bytes) => builder.binary_value(Blob::new(bytes.clone())),
    }
    .build()
}

fn unbuilt(error: &BuildError) -> EntryFailure {
    EntryFailure { code: "NotSent".to_owned(), message: error.to_string() }
}

fn entry_failure(failed: &BatchResultErrorEntry) -> EntryFailure {
    let message = failed.message().unwrap_or_default().to_owned();
    EntryFailure { code: failed.code().to_owned(), message }
}

fn call_failure(failure: CallFailure) -> EntryFailure {
    let CallFailure { code, message } = failure;
    EntryFailure { code: code.unwrap_or_else(|| "NoAnswer".to_owned()), message }
}
