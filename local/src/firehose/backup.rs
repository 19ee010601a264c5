//! The objects of the S3 backup, as files in a folder.
//!
//! Sources: Amazon Data Firehose developer guide, "Handle failure in data transformation", "Handle
//! data delivery failures" and "Configure Amazon S3 object name format".

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use uuid::Uuid;

use super::DeliveryStreamOptions;
use super::record::{Document, Record, Room};
use crate::clock::utc;

/// Number of records of an object by where they failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The function answered so.
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

/// The service's code where there is no answer, or not one of an OpenSearch.
pub(super) const NO_ANSWER: &str = "OS.ServiceException";

/// Why a document was not taken: the HTTP status or a code of Firehose, and the server's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) code: String,
    pub(super) message: String,
}

impl Reason {
    pub(super) fn new(code: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { code: code.to_string(), message: message.into() }
    }
}

impl fmt::Display for Reason {
    /// Without the words of a server, which may quote documents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.code == NO_ANSWER { &self.message } else { &self.code };
        f.write_str(shown)
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
struct Line<'a> {
    attempts_made: u32,
    arrival_timestamp: u64,
    error_code: &'a str,
    error_message: &'a str,
    attempt_ending_timestamp: u64,
    #[serde(flatten)]
    document: Option<DocumentNames<'a>>,
    raw_data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lambda_arn: Option<&'a str>,
}

#[derive(Serialize)]
struct DocumentNames<'a> {
    #[serde(rename = "esDocumentId")]
    id: &'a str,
    #[serde(rename = "esIndexName")]
    index: &'a str,
    /// OpenSearch has no types; the destination's `TypeName` must be empty.
    #[serde(rename = "esTypeName")]
    type_name: &'a str,
}

impl Object {
    /// Records that were not processed, with the data that was put.
    pub(super) fn of_unprocessed(
        options: &DeliveryStreamOptions,
        failures: Vec<Unprocessed>,
        counts: Counts,
        now_ms: u64,
    ) -> io::Result<Self> {
        let lines = failures.iter().map(|failure| Line {
            attempts_made: failure.attempts,
            arrival_timestamp: failure.record.arrival_ms,
            error_code: failure.code,
            error_message: failure.message,
            attempt_ending_timestamp: now_ms,
            document: None,
            raw_data: base64_simd::STANDARD.encode_to_string(&failure.record.data),
            lambda_arn: Some(&options.lambda_arn),
        });
        let (content, oldest) = content(lines)?;
        let rooms = failures.into_iter().map(|failure| failure.record.room).collect();
        let key = key(options, "processing-failed/", oldest.unwrap_or(now_ms));
        Ok(Self { key, content, counts, _rooms: rooms })
    }

    /// Documents that were not delivered, after this number of requests.
    pub(super) fn of_undelivered(
        options: &DeliveryStreamOptions,
        failures: Vec<(Document, Reason)>,
        attempts: u32,
        now_ms: u64,
    ) -> io::Result<Self> {
        let lines = failures.iter().map(|(document, reason)| Line {
            attempts_made: attempts,
            arrival_timestamp: document.arrival_ms,
            error_code: &reason.code,
            error_message: &reason.message,
            attempt_ending_timestamp: now_ms,
            document: Some(DocumentNames {
                id: &document.id,
                index: &document.index,
                type_name: "",
            }),
            raw_data: base64_simd::STANDARD.encode_to_string(&document.body),
            lambda_arn: None,
        });
        let (content, oldest) = content(lines)?;
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

/// The lines, and the arrival of the oldest.
fn content<'a>(lines: impl Iterator<Item = Line<'a>>) -> io::Result<(Vec<u8>, Option<u64>)> {
    let mut content = Vec::new();
    let mut oldest: Option<u64> = None;
    for line in lines {
        oldest = Some(oldest.map_or(line.arrival_timestamp, |ms| ms.min(line.arrival_timestamp)));
        serde_json::to_writer(&mut content, &line)?;
        content.push(b'\n');
    }
    Ok((content, oldest))
}

/// `<prefix>YYYY/MM/DD/HH/<stream>-<version>-YYYY-MM-DD-HH-MM-SS-<uuid>`, in UTC, by the arrival
/// of the object's oldest record.
fn key(options: &DeliveryStreamOptions, prefix: &str, oldest_ms: u64) -> String {
    let (folder, at) = (utc(oldest_ms, "%Y/%m/%d/%H"), utc(oldest_ms, "%Y-%m-%d-%H-%M-%S"));
    format!("{prefix}{folder}/{}-1-{at}-{}", options.name, Uuid::new_v4())
}
