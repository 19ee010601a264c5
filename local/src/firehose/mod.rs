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
mod aws_json;
mod backup;
mod buffer;
mod bulk;
mod delivery;
mod error;
mod faults;
mod names;
mod options;
mod processing;
mod record;
mod report;
mod request;
mod state;
mod stream;

pub use crate::clock::Clock;
pub use error::{Error, PutError};
pub use faults::{PutCall, PutFault, PutFaults, Service};
pub use options::{BackupMode, DeliveryStreamOptions, RetryBackoff, Rotation};
pub use report::Report;
pub use stream::{DeliveryStream, Endpoint};

/// Largest record that Firehose takes, in bytes (1,000 KiB before base64).
pub const RECORD_LIMIT_BYTES: usize = 1_024_000;
