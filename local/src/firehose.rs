//! A stand-in for an Amazon Data Firehose delivery stream with a Lambda processor and an
//! OpenSearch destination.
//!
//! Records are buffered and passed to the function, and its documents are delivered with `_bulk`.
//! Records and documents that cannot be processed or delivered are written to a folder, as the
//! objects that Firehose writes to its S3 backup. Every record has exactly one fate, which is
//! counted in the [`Report`].
//!
//! Source: Amazon Data Firehose developer guide, "Transform source data", "Data transformation
//! failure handling", "Understand data delivery" and "Index rotation".

mod answer;
mod api;
mod backup;
mod buffer;
mod delivery;
mod options;
mod processing;
mod record;
mod report;
mod state;
mod stream;

use std::io;
use std::path::PathBuf;

pub use crate::clock::Clock;
pub use options::{DeliveryStreamOptions, PutCall, PutFault, PutFaults, Rotation, Service};
pub use report::Report;
pub use stream::{DeliveryStream, Endpoint};

/// Maximum size of a record in Firehose, in bytes (1,000 KiB before base64).
pub const RECORD_LIMIT_BYTES: usize = 1_024_000;

/// Why a stream could not start or finish its work, or did not accept a record.
#[expect(missing_docs, reason = "their texts say it")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("the Firehose stand-in cannot listen on the loopback interface: {0}")]
    Listen(#[source] io::Error),
    #[error("the OpenSearch URL cannot be used: {0}")]
    Url(String),
    #[error("a record of {0} bytes is larger than the {RECORD_LIMIT_BYTES} that Firehose takes")]
    TooLarge(usize),
    #[error("the backup {} cannot be written, {records} failed records are lost: {message}", folder.display())]
    Backup { folder: PathBuf, records: u64, message: String },
}
