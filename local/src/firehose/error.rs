use std::io;
use std::path::PathBuf;

use super::RECORD_LIMIT_BYTES;

/// Why a stream could not start or finish its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stream's endpoint could not listen.
    #[error("the Firehose stand-in cannot listen on the loopback interface: {source}")]
    Listen {
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The OpenSearch URL cannot be used.
    #[error("the OpenSearch URL cannot be used: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// An option is out of its range.
    #[error("the delivery stream's option {option} must be {allowed}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// Failed records cannot be written to the backup. They are kept in memory; nothing is lost as
    /// long as the process runs.
    #[error("the backup {} cannot be written, {records} failed records are held in memory: {message}", folder.display())]
    Backup {
        /// Where the object should have gone.
        folder: PathBuf,
        /// How many records are held in memory.
        records: u64,
        /// What the operating system said.
        message: String,
    },
    /// The stream was stopped.
    #[error("the delivery stream was stopped")]
    Stopped,
}

/// Why a record was not taken. It is not in the stream then.
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
        /// What the operating system said.
        message: String,
    },
    /// The stream was stopped.
    #[error("the delivery stream was stopped")]
    Stopped,
}
