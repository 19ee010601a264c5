//! SQS, with the AWS SDK.

use std::collections::HashMap;

use aws_sdk_sqs as sdk;
use bytes::Bytes;
use sdk::error::BuildError;
use sdk::types::{ChangeMessageVisibilityBatchRequestEntry, SendMessageBatchRequestEntry};
use shared::aws::{Aws, Connections};
use shared::s3::{self, GetError};
use shared::sqs::{Failure, LazyClient, by_entry};

use crate::config::Config;
use crate::envelope::is_fifo;
use crate::ports::{MAX_PAYLOAD_BYTES, Queues, VisibilityChange};
use crate::quarantine::Quarantined;

/// Calls SQS.
#[derive(Debug)]
pub struct AwsQueues {
    aws: Aws,
    quarantine_url: String,
    client: LazyClient,
    connections: Connections,
}

impl AwsQueues {
    /// Queues that are not called yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let quarantine_url = config.quarantine_url.clone().unwrap_or_default();
        Self {
            aws: config.aws.clone(),
            quarantine_url,
            client: LazyClient::new(config.aws.clone()),
            connections: Connections::default(),
        }
    }

    async fn send(&self, entries: &[Quarantined]) -> Result<Vec<Option<Failure>>, Failure> {
        let mut call = self.client.get().send_message_batch().queue_url(&self.quarantine_url);
        let fifo = is_fifo(&self.quarantine_url);
        for (id, quarantined) in entries.iter().enumerate() {
            call = call.entries(entry(id, quarantined, fifo)?);
        }
        let answer = call.send().await?;
        let sent = |id: &str| answer.successful().iter().any(|sent| sent.id() == id).then_some(());
        let sent = by_entry(entries.len(), answer.failed(), sent);
        Ok(sent.into_iter().map(Result::err).collect())
    }

    async fn change(
        &self,
        queue_arn: &str,
        changes: &[VisibilityChange],
    ) -> Result<Vec<Failure>, Failure> {
        let url = self.client.source_url(queue_arn)?;
        let mut call = self.client.get().change_message_visibility_batch().queue_url(url);
        for (id, change) in changes.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(id.to_string())
                .receipt_handle(&change.receipt_handle)
                .visibility_timeout(i32::try_from(change.seconds).unwrap_or(i32::MAX))
                .build();
            call = call.entries(entry?);
        }
        let answer = call.send().await?;
        Ok(answer.failed().iter().map(Failure::from).collect())
    }
}

impl Queues for AwsQueues {
    async fn payload(&self, bucket: &str, key: &str) -> Result<Bytes, GetError> {
        s3::get(&self.connections, &self.aws, (bucket, key), MAX_PAYLOAD_BYTES).await
    }

    async fn quarantine(&self, entries: &[Quarantined]) -> Vec<Option<Failure>> {
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
    ) -> Vec<Failure> {
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
    let attributes = attributes.map(|(name, value)| Ok((name.clone(), value.try_into()?)));
    let attributes = attributes.collect::<Result<HashMap<_, _>, BuildError>>()?;
    let entry = SendMessageBatchRequestEntry::builder()
        .id(id.to_string())
        .message_body(&quarantined.body)
        .set_message_attributes(Some(attributes));
    if !fifo {
        let group_id = quarantined.group_id.clone().filter(|_| quarantined.is_fair);
        return entry.set_message_group_id(group_id).build();
    }
    let deduplication_id = &quarantined.deduplication_id;
    // Without a group, each is its own.
    let group_id = quarantined.group_id.as_ref().unwrap_or(deduplication_id);
    entry.message_group_id(group_id).message_deduplication_id(deduplication_id).build()
}
