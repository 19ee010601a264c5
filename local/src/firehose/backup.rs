//! The objects of the S3 backup, as files in a folder.
//!
//! Sources: Amazon Data Firehose developer guide, "Handle failure in data transformation", "Handle
//! data delivery failures" and "Configure Amazon S3 object name format".

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Write};

use serde::Serialize;
use uuid::Uuid;

use super::DeliveryStreamOptions;
use super::record::{Document, Record};
use crate::clock::utc;

/// Key prefix of the records that were not processed.
pub(super) const UNPROCESSED: &str = "processing-failed/";

/// Key prefix of the documents that were not delivered.
pub(super) const UNDELIVERED: &str = "AmazonOpenSearchService_failed/";

/// The function's ARN in the backup.
const LAMBDA_ARN: &str =
    "arn:aws:lambda:us-east-1:123456789012:function:firehose-transform:$LATEST";

/// A record or document that failed, which is one line of an object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    attempts_made: u32,
    arrival_timestamp: u64,
    error_code: Cow<'static, str>,
    error_message: Cow<'static, str>,
    attempt_ending_timestamp: u64,
    #[serde(flatten)]
    document: Option<DocumentNames>,
    raw_data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lambda_arn: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct DocumentNames {
    #[serde(rename = "esDocumentId")]
    id: String,
    #[serde(rename = "esIndexName")]
    index: String,
    /// OpenSearch has no types; the destination's `TypeName` must be empty.
    #[serde(rename = "esTypeName")]
    type_name: &'static str,
}

impl Line {
    /// Creates the line of a record that was not processed, with its original data.
    pub(super) fn of_record(
        record: &Record,
        attempts_made: u32,
        (code, message): (&'static str, &'static str),
        now_ms: u64,
    ) -> Self {
        Self {
            attempts_made,
            arrival_timestamp: record.arrival_ms,
            error_code: code.into(),
            error_message: message.into(),
            attempt_ending_timestamp: now_ms,
            document: None,
            raw_data: base64_simd::STANDARD.encode_to_string(&record.data),
            lambda_arn: Some(LAMBDA_ARN),
        }
    }

    /// Creates the line of a document that was not delivered after this number of requests.
    pub(super) fn of_document(
        document: Document,
        attempts_made: u32,
        (code, message): (String, String),
        now_ms: u64,
    ) -> Self {
        let Document { id, index, arrival_ms, body } = document;
        Self {
            attempts_made,
            arrival_timestamp: arrival_ms,
            error_code: code.into(),
            error_message: message.into(),
            attempt_ending_timestamp: now_ms,
            document: Some(DocumentNames { id, index, type_name: "" }),
            raw_data: base64_simd::STANDARD.encode_to_string(&body),
            lambda_arn: None,
        }
    }
}

/// Writes an object atomically and durably. Blocks.
///
/// Its key is `<prefix>YYYY/MM/DD/HH/<stream>-<version>-YYYY-MM-DD-HH-MM-SS-<uuid>`, with the
/// arrival time of the oldest record in UTC.
pub(super) fn write(
    options: &DeliveryStreamOptions,
    prefix: &str,
    lines: &[Line],
) -> io::Result<()> {
    let oldest_ms = lines.iter().map(|line| line.arrival_timestamp).min().unwrap_or_default();
    let (hour, at) = (utc(oldest_ms, "%Y/%m/%d/%H"), utc(oldest_ms, "%Y-%m-%d-%H-%M-%S"));
    let parent = options.backup_folder.join(format!("{prefix}{hour}"));
    let path = parent.join(format!("{}-1-{at}-{}", options.name, Uuid::new_v4()));
    let mut content = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut content, line)?;
        content.push(b'\n');
    }
    fs::create_dir_all(&parent)?;
    let mut file = tempfile::Builder::new().prefix(".partial-").tempfile_in(&parent)?;
    file.write_all(&content)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    let is_inside = |folder: &&std::path::Path| folder.starts_with(&options.backup_folder);
    for folder in parent.ancestors().take_while(is_inside) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
