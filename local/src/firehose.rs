//! A stand-in for an Amazon Data Firehose delivery stream with a Lambda processor and an
//! OpenSearch destination.
//!
//! Records are buffered, handed to the function, and its documents delivered with `_bulk`. What
//! cannot be processed or delivered is written to a folder in the objects that Firehose writes to
//! its S3 backup. Every record put has exactly one fate, counted in the [`Report`].
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
pub use options::{
    DeliveryStreamOptions, PutCall, PutFault, PutFaults, RetryBackoff, Rotation, Service,
};
pub use report::Report;
pub use stream::{DeliveryStream, Endpoint};

/// Largest record that Firehose takes, in bytes (1,000 KiB before base64).
pub const RECORD_LIMIT_BYTES: usize = 1_024_000;

/// Why a stream could not start or finish its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stream's endpoint could not listen.
    #[error("the Firehose stand-in cannot listen on the loopback interface: {0}")]
    Listen(#[source] io::Error),
    /// The OpenSearch URL is invalid, for this reason.
    #[error("the OpenSearch URL cannot be used: {0}")]
    Url(String),
    /// Failed records could not be written to the backup.
    #[error("the backup {} cannot be written, {records} failed records are lost: {message}", folder.display())]
    Backup {
        /// Where the object should have gone.
        folder: PathBuf,
        /// Number of records that were to be written.
        records: u64,
        /// The operating system's error.
        message: String,
    },
}

/// Why a record was refused. It is not in the stream then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The record is larger than Firehose takes.
    #[error(
        "a record of {bytes} bytes is larger than the {RECORD_LIMIT_BYTES} that Firehose takes"
    )]
    TooLarge {
        /// The record's size.
        bytes: usize,
    },
    /// The backup cannot be written, so the stream takes no more.
    #[error("the backup cannot be written: {message}")]
    Backup {
        /// The operating system's error.
        message: String,
    },
}
