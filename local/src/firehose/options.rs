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
    /// Records are passed to the function when this many bytes (before base64) are buffered…
    pub processor_buffer_bytes: usize,
    /// … or when the oldest has waited this long (`BufferIntervalInSeconds`).
    pub processor_buffer_interval: Duration,
    /// Maximum concurrent invocations.
    pub concurrent_invocations: usize,
    /// Documents are delivered when this many bytes of them are buffered…
    pub destination_buffer_bytes: usize,
    /// … or when the oldest has waited this long.
    pub destination_buffer_interval: Duration,
    /// How long a delivery is retried after its first failure (`RetryOptions`).
    pub retry_duration: Duration,
    /// Maximum pause between tries of an invocation or a delivery. The first pause takes 200 ms,
    /// and each one is twice as long as the previous one, up to this maximum.
    pub longest_pause: Duration,
    /// The destination's `IndexName`.
    pub index_name: String,
    /// The destination's `IndexRotationPeriod`.
    pub rotation: Rotation,
    /// The folder that stands for the S3 backup bucket. It is created if it is missing.
    pub backup_folder: PathBuf,
    /// The ARN of the source, if it is a Kinesis stream; otherwise the source is Direct PUT.
    pub source_kinesis_stream_arn: Option<String>,
    /// Number of buffered bytes from which on [`put_record`](super::DeliveryStream::put_record)
    /// waits.
    pub buffered_bytes: usize,
    /// Faults of the stream's own endpoint, for tests.
    pub put_faults: PutFaults,
    /// The clock, which determines arrival times, index names and object names.
    pub clock: Clock,
}

impl DeliveryStreamOptions {
    /// A Direct PUT stream with the defaults of the service: it buffers 1 MiB or 60 s before the
    /// function and 5 MiB or 60 s before OpenSearch, retries a delivery for 300 s, and uses one
    /// index per day.
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

/// `IndexRotationPeriod`: the suffix of the index name, from the arrival time in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// No suffix.
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

/// A call to `PutRecordBatch` or `PutRecords` on the stream's endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutCall {
    /// The service.
    pub service: Service,
    /// The number of the call, from 0.
    pub number: u64,
    /// The number of its records.
    pub records: usize,
}

/// The fault of a [`PutCall`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutFault {
    /// The call succeeds.
    None,
    /// The call is denied: `AccessDeniedException`.
    Deny,
    /// The call is throttled: `ServiceUnavailableException`, or for Kinesis
    /// `ProvisionedThroughputExceededException`.
    Throttle,
    /// The service fails: `InternalFailure`, 500.
    Fail,
    /// The entries at these positions fail; the others are accepted.
    Entries(Vec<usize>),
}

/// Decides on the fault of each call.
#[derive(Clone)]
pub struct PutFaults(Arc<dyn Fn(&PutCall) -> PutFault + Send + Sync>);

impl PutFaults {
    /// Creates faults from `decide`.
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

/// Pauses that double up to a maximum.
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
