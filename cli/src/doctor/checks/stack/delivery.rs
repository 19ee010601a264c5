//! Delivery streams and data streams.
//!
//! Sources: Amazon Data Firehose Developer Guide, "Transform source data", "Amazon Data Firehose
//! quota" and "Handle data delivery failures".

use super::RESTORE;
use crate::doctor::finding::Findings;
use crate::doctor::stack::facts::{DataStream, Delivery, Destination, StackFacts};
use crate::doctor::stack::is_version;

/// Maximum buffer of the processor: with more, documents can overflow the 6 MB of a function's
/// response.
const MAX_PROCESSOR_MEGABYTES: f64 = 2.5;

/// Maximum size of a request to the small instance types of OpenSearch Service, in MiB.
const MAX_BUFFER_MEGABYTES: u64 = 10;

/// Minimum retry duration: a restart of OpenSearch takes minutes.
const MIN_RETRY_SECONDS: u64 = 300;

/// Minimum retention: longer than a night.
const MIN_RETENTION_HOURS: u64 = 48;

pub(super) fn check(facts: &StackFacts, findings: &mut Findings) {
    for delivery in &facts.deliveries {
        check_stream(delivery, findings);
        match &delivery.destination {
            Some(destination) => check_destination(&delivery.name, destination, facts, findings),
            None => findings.error(
                "delivery_destination",
                &delivery.name,
                "The delivery stream does not deliver to OpenSearch.",
                RESTORE,
            ),
        }
    }
    for stream in &facts.streams {
        check_data_stream(stream, findings);
    }
}

fn check_stream(delivery: &Delivery, findings: &mut Findings) {
    let Delivery { name, status, .. } = delivery;
    if status != "ACTIVE" {
        findings.error(
            "delivery_status",
            name,
            format!("The delivery stream's status is {status}: it delivers nothing."),
            format!("aws firehose describe-delivery-stream --delivery-stream-name {name}"),
        );
    }
    if delivery.source.is_none() && !delivery.is_encrypted {
        findings.warning(
            "encryption",
            name,
            "Records of Direct PUT are not encrypted while Firehose keeps them.",
            format!(
                "aws firehose start-delivery-stream-encryption --delivery-stream-name {name} \
                 --delivery-stream-encryption-configuration-input KeyType=AWS_OWNED_CMK"
            ),
        );
    }
    if let Some(throttled) = delivery.throttled.filter(|throttled| *throttled > 0) {
        findings.warning(
            "delivery_throttled",
            name,
            format!(
                "Firehose reached a limit {throttled} times within a day: records arrive late, or \
                 producers are refused."
            ),
            "Ask AWS for a higher limit of Firehose, or add shards to the data stream.",
        );
    }
}

fn check_destination(name: &str, it: &Destination, facts: &StackFacts, findings: &mut Findings) {
    let processor = it.processor_arn.as_deref();
    let is_own = |arn: &str| {
        facts
            .functions
            .iter()
            .any(|own| arn.strip_prefix(&*own.function.arn).is_some_and(is_version))
    };
    if !it.is_processed || processor.is_none() {
        let problem = "The delivery stream does not invoke firehose-transform: OpenSearch receives \
                       raw records instead of documents.";
        findings.error("delivery_processing", name, problem, RESTORE);
    } else if let Some(other) = processor.filter(|arn| !facts.functions.is_empty() && !is_own(arn))
    {
        let problem = format!("The delivery stream invokes {other}, which is not in the stack.");
        findings.warning("delivery_processing", name, problem, RESTORE);
    }
    let size = it.processor_megabytes.filter(|size| *size > MAX_PROCESSOR_MEGABYTES);
    if let Some(size) = size {
        findings.warning(
            "delivery_processor_buffer",
            name,
            format!(
                "An invocation of firehose-transform receives up to {size} MB: above 2.5 MB its \
                 documents can exceed the 6 MB of a response."
            ),
            "sam deploy --parameter-overrides ProcessorBufferMegabytes=1",
        );
    }
    if let Some(size) = it.buffer_megabytes.filter(|size| *size > MAX_BUFFER_MEGABYTES) {
        findings.warning(
            "delivery_buffer",
            name,
            format!(
                "Firehose sends up to {size} MB in a request: small instance types of OpenSearch \
                 reject requests above 10 MB."
            ),
            "sam deploy --parameter-overrides BufferMegabytes=5",
        );
    }
    if let Some(seconds) = it.retry_seconds.filter(|seconds| *seconds < MIN_RETRY_SECONDS) {
        findings.warning(
            "delivery_retry",
            name,
            format!(
                "Firehose retries for {seconds} s: while OpenSearch restarts, documents go to the \
                 backup bucket, from where they must be replayed."
            ),
            "sam deploy --parameter-overrides RetrySeconds=7200",
        );
    }
    if it.has_own_ids == Some(false) {
        let problem = "OpenSearch chooses the ids of documents: a retry after a lost response \
                       writes them twice.";
        findings.warning("delivery_document_id", name, problem, RESTORE);
    }
    let bucket = it.backup_arn.as_deref().and_then(|arn| arn.rsplit(':').next());
    let is_kept = facts.buckets.iter().any(|own| Some(&*own.name) == bucket);
    if !facts.buckets.is_empty() && !is_kept {
        let problem = format!(
            "The backup goes to {}, which is not the bucket of the stack: its access and retention \
             are not checked.",
            bucket.unwrap_or("no bucket")
        );
        findings.warning("delivery_backup", name, problem, RESTORE);
    }
    if !it.is_logged {
        let problem = "Firehose logs no errors: the reasons of rejected documents are not known.";
        findings.warning("delivery_logging", name, problem, RESTORE);
    }
}

fn check_data_stream(stream: &DataStream, findings: &mut Findings) {
    let DataStream { name, retention_hours, is_encrypted } = stream;
    if *retention_hours < MIN_RETENTION_HOURS {
        findings.warning(
            "retention",
            name,
            format!(
                "The data stream keeps records for {retention_hours} hours: those that are not \
                 delivered by then are lost."
            ),
            format!(
                "aws kinesis increase-stream-retention-period --stream-name {name} \
                 --retention-period-hours 168"
            ),
        );
    }
    if !is_encrypted {
        findings.warning(
            "encryption",
            name,
            "The data stream is not encrypted.",
            format!(
                "aws kinesis start-stream-encryption --stream-name {name} --encryption-type KMS \
                 --key-id alias/aws/kinesis"
            ),
        );
    }
}
