//! The settings of a stream, and the faults of its endpoint.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Clock;

/// The settings of a delivery stream.
#[derive(Debug, Clone)]
pub struct DeliveryStreamOptions {
    /// The stream's name.
    pub name: String,
    /// Records are handed to the function when this many bytes (before base64) are buffered…
    pub processor_buffer_bytes: usize,
    /// … or when the oldest has waited this long (`BufferIntervalInSeconds`).
    pub processor_buffer_interval: Duration,
    /// Maximum concurrent invocations.
    pub concurrent_invocations: usize,
    /// Documents are delivered when this many bytes of them are buffered…
    pub destination_buffer_bytes: usize,
    /// … or when the oldest has waited this long.
    pub destination_buffer_interval: Duration,
    /// How long a delivery is tried again, from its first failure (`RetryOptions`).
    pub retry_duration: Duration,
    /// The longest pause between tries, of invocations and deliveries alike. The first takes 200 ms,
    /// if that is less, and each is twice the one before.
    pub longest_pause: Duration,
    /// The destination's `IndexName`.
    pub index_name: String,
    /// The destination's `IndexRotationPeriod`.
    pub rotation: Rotation,
    /// The folder that stands for the S3 backup bucket. Made when it is missing.
    pub backup_folder: PathBuf,
    /// The source, if it is a Kinesis stream; without it the source is Direct PUT.
    pub source_kinesis_stream_arn: Option<String>,
    /// Bytes in the buffers from which on [`put_record`](super::DeliveryStream::put_record) waits.
    pub buffered_bytes: usize,
    /// What goes wrong on the stream's own endpoint, for tests.
    pub put_faults: PutFaults,
    /// What time it is: arrival times, index names and object names follow it.
    pub clock: Clock,
}

impl DeliveryStreamOptions {
    /// A Direct PUT stream with the service's defaults: 1 MiB or 60 s to the function, 5 MiB or
    /// 60 s to OpenSearch, 300 s of retries of a delivery, and an index a day.
    pub fn new(
        name: impl Into<String>,
        index_name: impl Into<String>,
        backup_folder: impl Into<PathBuf>,
    ) -> Self {
        Self {
            name: name.into(),
            processor_buffer_bytes: 1 << 20,
            processor_buffer_interval: Duration::from_mins(1),
            concurrent_invocations: 1,
            destination_buffer_bytes: 5 << 20,
            destination_buffer_interval: Duration::from_mins(1),
            retry_duration: Duration::from_mins(5),
            longest_pause: Duration::from_secs(10),
            index_name: index_name.into(),
            rotation: Rotation::OneDay,
            backup_folder: backup_folder.into(),
            source_kinesis_stream_arn: None,
            buffered_bytes: 64 << 20,
            put_faults: PutFaults::new(|_| PutFault::None),
            clock: Clock::system(),
        }
    }
}

/// `IndexRotationPeriod`: what is appended to the index name, by the UTC arrival time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Nothing.
    None,
    /// `-2016-02-25`
    OneDay,
}

/// A service that the stream's endpoint stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// `Firehose_20150804`
    Firehose,
    /// `Kinesis_20131202`
    Kinesis,
}

/// A call of `PutRecordBatch` or `PutRecords` on the stream's endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutCall {
    /// The service called.
    pub service: Service,
    /// The call's number on this endpoint, from 0.
    pub number: u64,
    /// Number of its records.
    pub records: usize,
}

/// What goes wrong with a [`PutCall`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutFault {
    /// Nothing.
    None,
    /// The call is denied: `AccessDeniedException`.
    Deny,
    /// The call is throttled: `ServiceUnavailableException`, or for Kinesis
    /// `ProvisionedThroughputExceededException`.
    Throttle,
    /// The service fails: `InternalFailure`, 500.
    Fail,
    /// The entries at these positions fail, the others are taken.
    Entries(Vec<usize>),
}

/// Decides what goes wrong with each call.
#[derive(Clone)]
pub struct PutFaults(Arc<dyn Fn(&PutCall) -> PutFault + Send + Sync>);

impl PutFaults {
    /// The faults that `decide` returns.
    pub fn new(decide: impl Fn(&PutCall) -> PutFault + Send + Sync + 'static) -> Self {
        Self(Arc::new(decide))
    }

    pub(super) fn of(&self, call: &PutCall) -> PutFault {
        (self.0)(call)
    }
}

impl fmt::Debug for PutFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PutFaults")
    }
}

/// Pauses, each twice the one before.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    pub(super) fn new(longest: Duration) -> Self {
        Self { next: Duration::from_millis(200), longest }
    }

    pub(super) fn next(&mut self) -> Duration {
        let pause = self.next.min(self.longest);
        self.next = pause.saturating_mul(2);
        pause
    }
}
