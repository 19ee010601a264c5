//! The objects of the S3 backup, as files in a folder.
//!
//! Sources: Amazon Data Firehose developer guide, "Handle failure in data transformation", "Handle
//! data delivery failures" and "Configure Amazon S3 object name format".

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::bulk::Reason;
use super::record::{Document, Record, Room};
use super::{DeliveryStreamOptions, names};
use crate::identifier::uuid;

/// How many records of an object failed where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The function said so.
    pub(super) processing: u64,
    /// Their invocation failed.
    pub(super) invocation: u64,
    /// OpenSearch did not take them.
    pub(super) delivery: u64,
}

impl Counts {
    pub(super) fn total(self) -> u64 {
        self.processing + self.invocation + self.delivery
    }
}

/// An object of the backup, in memory until it is written.
#[derive(Debug)]
pub(super) struct Object {
    key: String,
    content: Vec<u8>,
    pub(super) counts: Counts,
    /// As long as the object is not written its records fill the stream.
    _rooms: Vec<Room>,
}

/// A record that was not processed.
#[derive(Debug)]
pub(super) struct Unprocessed {
    pub(super) record: Record,
    pub(super) attempts: u32,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnprocessedLine<'a> {
    attempts_made: u32,
    arrival_timestamp: u64,
    error_code: &'a str,
    error_message: &'a str,
    attempt_ending_timestamp: u64,
    raw_data: String,
    lambda_arn: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UndeliveredLine<'a> {
    attempts_made: u32,
    arrival_timestamp: u64,
    error_code: &'a str,
    error_message: &'a str,
    attempt_ending_timestamp: u64,
    es_document_id: &'a str,
    es_index_name: &'a str,
    es_type_name: &'a str,
    raw_data: String,
}

impl Object {
    /// Records that were not processed, with the data that was put.
    pub(super) fn of_unprocessed(
        options: &DeliveryStreamOptions,
        failures: Vec<Unprocessed>,
        counts: Counts,
        now_ms: u64,
    ) -> io::Result<Self> {
        let oldest = failures.iter().map(|failure| failure.record.arrival_ms).min();
        let mut content = Vec::new();
        for failure in &failures {
            let line = UnprocessedLine {
                attempts_made: failure.attempts,
                arrival_timestamp: failure.record.arrival_ms,
                error_code: failure.code,
                error_message: failure.message,
                attempt_ending_timestamp: now_ms,
                raw_data: base64_simd::STANDARD.encode_to_string(&failure.record.data),
                lambda_arn: &options.lambda_arn,
            };
            add_line(&mut content, &line)?;
        }
        let rooms = failures.into_iter().map(|failure| failure.record.room).collect();
        let key = key(options, "processing-failed/", oldest.unwrap_or(now_ms));
        Ok(Self { key, content, counts, _rooms: rooms })
    }

    /// Documents that were not delivered, after so many requests.
    pub(super) fn of_undelivered(
        options: &DeliveryStreamOptions,
        failures: Vec<(Document, Reason)>,
        attempts: u32,
        now_ms: u64,
    ) -> io::Result<Self> {
        let oldest = failures.iter().map(|(document, _)| document.arrival_ms).min();
        let mut content = Vec::new();
        for (document, reason) in &failures {
            let line = UndeliveredLine {
                attempts_made: attempts,
                arrival_timestamp: document.arrival_ms,
                error_code: &reason.code,
                error_message: &reason.message,
                attempt_ending_timestamp: now_ms,
                es_document_id: &document.id,
                es_index_name: &document.index,
                // OpenSearch has no types; the destination's TypeName must be empty.
                es_type_name: "",
                raw_data: base64_simd::STANDARD.encode_to_string(&document.body),
            };
            add_line(&mut content, &line)?;
        }
        let counts = Counts { delivery: failures.len() as u64, ..Counts::default() };
        let rooms = failures.into_iter().map(|(document, _)| document.room).collect();
        let key = key(options, "AmazonOpenSearchService_failed/", oldest.unwrap_or(now_ms));
        Ok(Self { key, content, counts, _rooms: rooms })
    }

    /// All documents of a delivery, one after the other without delimiters, as Firehose does.
    pub(super) fn of_all(
        options: &DeliveryStreamOptions,
        documents: &[Document],
        now_ms: u64,
    ) -> Self {
        let oldest = documents.iter().map(|document| document.arrival_ms).min();
        let bodies: Vec<&[u8]> = documents.iter().map(|document| &document.body[..]).collect();
        let key = key(options, "", oldest.unwrap_or(now_ms));
        Self { key, content: bodies.concat(), counts: Counts::default(), _rooms: Vec::new() }
    }

    /// Writes the object so that it is there completely or not at all, and stays. Blocks.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(&self.key);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)?;
        let mut file = tempfile::Builder::new().prefix(".partial-").tempfile_in(parent)?;
        file.write_all(&self.content)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        for folder in parent.ancestors().take_while(|parent| parent.starts_with(folder)) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

fn add_line(content: &mut Vec<u8>, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *content, line)?;
    content.push(b'\n');
    Ok(())
}

/// `<prefix>YYYY/MM/DD/HH/<stream>-<version>-YYYY-MM-DD-HH-MM-SS-<uuid>`, in UTC, by the arrival
/// of the object's oldest record.
fn key(options: &DeliveryStreamOptions, prefix: &str, oldest_ms: u64) -> String {
    let (folder, name) = (names::prefix(oldest_ms), &options.name);
    let at = names::in_object_name(oldest_ms);
    format!("{prefix}{folder}{name}-1-{at}-{}", uuid())
}
