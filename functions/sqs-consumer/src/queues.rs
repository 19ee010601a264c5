//! SQS, with the AWS SDK.

use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use bytes::Bytes;
use shared::aws::{Aws, Connections};
use shared::s3::{self, GetError};
use shared::sqs::{Failure, LazyClient, Quarantined, by_entry, send_to_quarantine};

use crate::config::Config;
use crate::ports::{MAX_PAYLOAD_BYTES, Queues, VisibilityChange};

/// Calls SQS.
#[derive(Debug)]
pub struct AwsQueues {
    aws: Aws,
    quarantine_url: String,
    client: LazyClient,
    connections: Connections,
}

impl AwsQueues {
    /// Makes no calls.
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
        let done = |id: &str| answer.successful().iter().any(|one| one.id() == id).then_some(());
        let outcomes = by_entry(changes.len(), answer.failed(), done);
        Ok(outcomes.into_iter().filter_map(Result::err).collect())
    }
}

impl Queues for AwsQueues {
    async fn payload(&self, bucket: &str, key: &str) -> Result<Bytes, GetError> {
        s3::get(&self.connections, &self.aws, (bucket, key), MAX_PAYLOAD_BYTES).await
    }

    async fn quarantine(&self, entries: &[Quarantined]) -> Vec<Option<Failure>> {
        send_to_quarantine(&self.client, &self.quarantine_url, entries).await
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
