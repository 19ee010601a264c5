//! Reads delivery streams from Firehose with their throttling, and data streams from Kinesis.

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_sdk_firehose::types::{
    AmazonOpenSearchServerlessDestinationDescription,
    AmazonopensearchserviceDestinationDescription, CloudWatchLoggingOptions,
    DeliveryStreamDescription, DeliveryStreamEncryptionStatus, ProcessingConfiguration, Processor,
    ProcessorParameterName, S3DestinationDescription,
};
use aws_sdk_kinesis::types::EncryptionType;
use aws_smithy_types::DateTime;
use aws_smithy_types::retry::RetryConfig;
pub(super) use firehose_transform::source::{FIREHOSE, KINESIS};

use super::Reader;
use super::alarms::cloudwatch;
use super::facts::{DataStream, Delivery, Destination};

/// The period that is searched for throttling.
const PERIOD: Duration = Duration::from_hours(24);

/// The metrics that count reached limits: for Direct PUT, and for reads of a data stream (source:
/// Amazon Data Firehose Developer Guide, "Monitor with CloudWatch metrics").
const THROTTLED: [&str; 2] = ["ThrottledRecords", "ThrottledGetRecords"];

pub(super) async fn read(reader: &Reader<'_>) -> Vec<Delivery> {
    let config = reader.aws.sdk_config(FIREHOSE, RetryConfig::standard());
    let client = aws_sdk_firehose::Client::new(&config);
    let mut found = Vec::new();
    for resource in reader.of_kind("AWS::KinesisFirehose::DeliveryStream") {
        let name = &*resource.physical_id;
        let reply = client.describe_delivery_stream().delivery_stream_name(name).send().await;
        let reply = reader.noted("delivery stream", name, reply);
        let Some(stream) = reply.and_then(|reply| reply.delivery_stream_description) else {
            continue;
        };
        found.push(Delivery { throttled: throttled(reader, name).await, ..delivery(&stream) });
    }
    found
}

fn delivery(stream: &DeliveryStreamDescription) -> Delivery {
    let source = stream.source().and_then(|source| source.kinesis_stream_source_description());
    let encryption = stream.delivery_stream_encryption_configuration();
    let encryption = encryption.and_then(|encryption| encryption.status());
    let destination = stream.destinations().first();
    let destination = destination.and_then(|destination| {
        let domain = destination.amazonopensearchservice_destination_description();
        let collection = destination.amazon_open_search_serverless_destination_description();
        domain.map(to_domain).or_else(|| collection.map(to_collection))
    });
    Delivery {
        name: stream.delivery_stream_name().to_owned(),
        arn: stream.delivery_stream_arn().to_owned(),
        status: stream.delivery_stream_status().as_str().to_owned(),
        source: source.and_then(|source| source.kinesis_stream_arn()).map(str::to_owned),
        is_encrypted: encryption == Some(&DeliveryStreamEncryptionStatus::Enabled),
        destination,
        throttled: None,
    }
}

fn to_domain(domain: &AmazonopensearchserviceDestinationDescription) -> Destination {
    let megabytes = domain.buffering_hints().and_then(|hints| hints.size_in_mbs);
    let seconds = domain.retry_options().and_then(|retry| retry.duration_in_seconds);
    let ids = domain.document_id_options().map(|ids| ids.default_document_id_format().as_str());
    Destination {
        role_arn: domain.role_arn().unwrap_or_default().to_owned(),
        domain_arn: domain.domain_arn().map(str::to_owned),
        buffer_megabytes: unsigned(megabytes),
        retry_seconds: unsigned(seconds),
        has_own_ids: Some(ids.is_none_or(|format| format == "FIREHOSE_DEFAULT")),
        ..common(
            domain.processing_configuration(),
            domain.s3_destination_description(),
            domain.cloud_watch_logging_options(),
        )
    }
}

fn to_collection(collection: &AmazonOpenSearchServerlessDestinationDescription) -> Destination {
    let megabytes = collection.buffering_hints().and_then(|hints| hints.size_in_mbs);
    let seconds = collection.retry_options().and_then(|retry| retry.duration_in_seconds);
    Destination {
        role_arn: collection.role_arn().unwrap_or_default().to_owned(),
        buffer_megabytes: unsigned(megabytes),
        retry_seconds: unsigned(seconds),
        ..common(
            collection.processing_configuration(),
            collection.s3_destination_description(),
            collection.cloud_watch_logging_options(),
        )
    }
}

fn common(
    processing: Option<&ProcessingConfiguration>,
    backup: Option<&S3DestinationDescription>,
    logging: Option<&CloudWatchLoggingOptions>,
) -> Destination {
    let processors = processing.map(ProcessingConfiguration::processors).unwrap_or_default();
    let parameters = || processors.iter().flat_map(Processor::parameters);
    let parameter = |name: ProcessorParameterName| {
        let found = parameters().find(|parameter| *parameter.parameter_name() == name);
        found.map(|parameter| parameter.parameter_value().to_owned())
    };
    let megabytes = parameter(ProcessorParameterName::BufferSizeInMb);
    Destination {
        is_processed: processing.is_some_and(|processing| processing.enabled() == Some(true)),
        processor_arn: parameter(ProcessorParameterName::LambdaArn),
        processor_megabytes: megabytes.and_then(|megabytes| megabytes.parse().ok()),
        backup_arn: backup.map(|backup| backup.bucket_arn().to_owned()),
        is_logged: logging.is_some_and(|logging| logging.enabled() == Some(true)),
        ..Destination::default()
    }
}

fn unsigned(number: Option<i32>) -> Option<u64> {
    number.and_then(|number| u64::try_from(number).ok())
}

/// Returns how much was throttled within [`PERIOD`].
async fn throttled(reader: &Reader<'_>, name: &str) -> Option<u64> {
    let client = cloudwatch(reader.aws);
    let now = SystemTime::now();
    let dimension = Dimension::builder().name("DeliveryStreamName").value(name).build();
    let mut sum = 0.0;
    for metric in THROTTLED {
        let request = client.get_metric_statistics().namespace("AWS/Firehose").metric_name(metric);
        let request = request
            .dimensions(dimension.clone())
            .start_time(DateTime::from(now - PERIOD))
            .end_time(DateTime::from(now))
            .period(3600)
            .statistics(Statistic::Sum);
        let reply = reader.noted("throttling of the delivery", name, request.send().await)?;
        sum += reply.datapoints().iter().filter_map(|point| point.sum).sum::<f64>();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    Some(sum as u64)
}

pub(super) async fn read_streams(reader: &Reader<'_>) -> Vec<DataStream> {
    let config = reader.aws.sdk_config(KINESIS, RetryConfig::standard());
    let client = aws_sdk_kinesis::Client::new(&config);
    let mut found = Vec::new();
    for resource in reader.of_kind("AWS::Kinesis::Stream") {
        let name = &*resource.physical_id;
        let reply = client.describe_stream_summary().stream_name(name).send().await;
        let reply = reader.noted("data stream", name, reply);
        let Some(stream) = reply.and_then(|reply| reply.stream_description_summary) else {
            continue;
        };
        found.push(DataStream {
            name: name.to_owned(),
            retention_hours: u64::try_from(stream.retention_period_hours).unwrap_or_default(),
            is_encrypted: stream.encryption_type == Some(EncryptionType::Kms),
        });
    }
    found
}
