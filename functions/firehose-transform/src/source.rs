//! Puts records back with the AWS SDK: `PutRecordBatch` of Firehose and `PutRecords` of Kinesis.
//!
//! The clients are built for the first call: most invocations need none, and a client costs more
//! than the rest of a cold start.

use std::sync::OnceLock;

use aws_sdk_firehose as firehose;
use aws_sdk_kinesis as kinesis;
use firehose::config::http::HttpResponse;
use firehose::config::retry::RetryConfig;
use firehose::error::{ProvideErrorMetadata, SdkError};
use firehose::primitives::Blob;
use shared::aws::{Aws, CallFailure, Service};

use crate::reingest::{CallError, PutRecord, Source, Target};

/// Firehose, in `AWS_ENDPOINT_URL_FIREHOSE`.
pub const FIREHOSE: Service = "FIREHOSE";

/// Kinesis, in `AWS_ENDPOINT_URL_KINESIS`.
pub const KINESIS: Service = "KINESIS";

/// Puts records with the AWS SDK.
#[derive(Debug)]
pub struct AwsSource {
    aws: Aws,
    firehose: OnceLock<firehose::Client>,
    kinesis: OnceLock<kinesis::Client>,
}

impl AwsSource {
    /// Makes no calls.
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self { aws, firehose: OnceLock::new(), kinesis: OnceLock::new() }
    }

    fn firehose(&self) -> &firehose::Client {
        self.firehose.get_or_init(|| {
            firehose::Client::new(&self.aws.sdk_config(FIREHOSE, RetryConfig::disabled()))
        })
    }

    fn kinesis(&self) -> &kinesis::Client {
        self.kinesis.get_or_init(|| {
            kinesis::Client::new(&self.aws.sdk_config(KINESIS, RetryConfig::disabled()))
        })
    }

    async fn put_into_delivery_stream(
        &self,
        name: &str,
        records: &[PutRecord],
    ) -> Result<Vec<bool>, CallError> {
        let mut call = self.firehose().put_record_batch().delivery_stream_name(name);
        for record in records {
            let record = firehose::types::Record::builder().data(blob(record)).build();
            call = call.records(record.map_err(|_| CallError::Denied)?);
        }
        let reply = call.send().await.map_err(|error| call_error(&error))?;
        let accepted = |entry: &firehose::types::PutRecordBatchResponseEntry| {
            entry.error_code().is_none() && entry.record_id().is_some()
        };
        Ok(reply.request_responses().iter().map(accepted).collect())
    }

    async fn put_into_kinesis_stream(
        &self,
        stream: &str,
        records: &[PutRecord],
    ) -> Result<Vec<bool>, CallError> {
        let call = self.kinesis().put_records();
        let is_arn = stream.starts_with("arn:");
        let mut call = if is_arn { call.stream_arn(stream) } else { call.stream_name(stream) };
        for record in records {
            let entry = kinesis::types::PutRecordsRequestEntry::builder()
                .data(blob(record))
                .partition_key(&record.partition_key)
                .build();
            call = call.records(entry.map_err(|_| CallError::Denied)?);
        }
        let reply = call.send().await.map_err(|error| call_error(&error))?;
        let accepted = |entry: &kinesis::types::PutRecordsResultEntry| {
            entry.error_code().is_none() && entry.sequence_number().is_some()
        };
        Ok(reply.records().iter().map(accepted).collect())
    }
}

impl Source for AwsSource {
    async fn put(&self, target: &Target, records: &[PutRecord]) -> Result<Vec<bool>, CallError> {
        match target {
            Target::DeliveryStream(name) => self.put_into_delivery_stream(name, records).await,
            Target::KinesisStream(stream) => self.put_into_kinesis_stream(stream, records).await,
        }
    }
}

fn blob(record: &PutRecord) -> Blob {
    Blob::new(record.payload.as_slice())
}

/// Logs a failed call, and classifies whether a retry can help.
fn call_error<E: ProvideErrorMetadata + std::error::Error + 'static>(
    error: &SdkError<E, HttpResponse>,
) -> CallError {
    let code = error.code();
    let status = error.raw_response().map(|response| response.status().as_u16());
    let said = CallFailure::from(error).message;
    tracing::warn!(code, status, error = said, "failed to put records back");
    let throttled = code.is_some_and(|code| {
        ["Throttl", "LimitExceeded", "ThroughputExceeded"].iter().any(|part| code.contains(part))
    });
    match (status, error) {
        (Some(429), _) => CallError::Transient,
        (Some(400..=499), _) if !throttled => CallError::Denied,
        (None, SdkError::ConstructionFailure(_)) => CallError::Denied,
        _ => CallError::Transient,
    }
}
