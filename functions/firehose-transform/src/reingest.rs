//! Putting records back into the source that they came from: those whose documents do not fit
//! in the answer come again in a later request.
//!
//! Pure but for the port [`Source`] and the timer: which records go in which call, what is
//! tried again and when it is enough.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use shared::json;
use tokio::time::{Instant, sleep, timeout_at};

use crate::outcome::NotPutBack;
use crate::request::{DataMember, Record, Request};

/// The most records in one call of `PutRecordBatch` and `PutRecords` (source: API references of
/// Amazon Data Firehose and Amazon Kinesis Data Streams).
pub const MAX_CALL_RECORDS: usize = 500;

/// The most bytes in one call of `PutRecordBatch`; `PutRecords` takes more.
pub const MAX_CALL_BYTES: usize = 4 * 1_048_576;

/// The largest record of Firehose, before base64.
pub const MAX_RECORD_BYTES: usize = 1_000 * 1_024;

/// The longest partition key of Kinesis.
const MAX_PARTITION_KEY_CHARACTERS: usize = 256;

/// Nothing more is sent when less than this is left of the invocation's time.
pub const DEADLINE_MARGIN: Duration = Duration::from_secs(2);

/// After so many calls in a row of which the service took nothing, it is failing.
const MAX_FUTILE_CALLS: u32 = 8;

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Where records come from and are put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A delivery stream that applications put records into: its name.
    DeliveryStream(String),
    /// The Kinesis data stream that a delivery stream reads: its ARN.
    KinesisStream(String),
}

impl Target {
    /// Where the records of `request` come from, if it says so and they can be put back there.
    #[must_use]
    pub fn of(request: &Request<'_>) -> Option<Self> {
        let from_kafka = |record: &Record<'_>| record.data_member == DataMember::KafkaRecordValue;
        if request.from_kafka || request.records.iter().any(from_kafka) {
            return None;
        }
        let arn = request.source_kinesis_stream_arn.as_ref();
        if let Some(arn) = arn.filter(|arn| !arn.is_empty()) {
            return Some(Self::KinesisStream(arn.clone()));
        }
        let (_, name) = request.delivery_stream_arn.as_ref()?.rsplit_once(":deliverystream/")?;
        Some(Self::DeliveryStream(name.to_owned()))
    }
}

/// A record to put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutRecord {
    /// Which of the records to put back it is.
    pub index: usize,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Its partition key, which a Kinesis data stream asks for.
    pub partition_key: String,
}

impl PutRecord {
    /// A record with the partition key that it came with, or else one of its own.
    #[must_use]
    pub fn new(index: usize, payload: Vec<u8>, record: &Record<'_>) -> Self {
        let key = record.partition_key.filter(|key| !key.is_empty()).unwrap_or(record.id);
        let key = json::unescaped(key.as_bytes()).unwrap_or_default();
        let partition_key = key.chars().take(MAX_PARTITION_KEY_CHARACTERS).collect();
        Self { index, payload, partition_key }
    }

    fn bytes(&self) -> usize {
        self.payload.len() + self.partition_key.len()
    }
}

/// Why a whole call was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// It will not be taken either when tried again: no permission, no such stream.
    Denied,
    /// It may be taken when tried again.
    Transient,
}

/// A service that takes records.
pub trait Source: Send + Sync {
    /// Puts records, in one call; for each of them, in order, whether it was taken.
    fn put(
        &self,
        target: &Target,
        records: &[PutRecord],
    ) -> impl Future<Output = Result<Vec<bool>, CallError>> + Send;
}

/// Puts `records` back until `deadline`, and calls `settle` with each one's index and fate.
pub async fn put_back(
    source: &impl Source,
    target: &Target,
    records: impl IntoIterator<Item = PutRecord>,
    deadline: Instant,
    mut settle: impl FnMut(usize, Result<(), NotPutBack>),
) {
    let stop = deadline.checked_sub(DEADLINE_MARGIN).unwrap_or_else(Instant::now);
    let mut waiting = records.into_iter();
    let mut again = VecDeque::new();
    let mut futile_calls = 0;
    let reason = loop {
        let call = next_call(&mut again, &mut waiting);
        if call.is_empty() {
            return;
        }
        if Instant::now() >= stop {
            again.extend(call);
            break NotPutBack::Deadline;
        }
        let taken = match timeout_at(stop, source.put(target, &call)).await {
            Ok(Ok(taken)) => taken,
            Ok(Err(CallError::Transient)) => Vec::new(),
            Ok(Err(CallError::Denied)) => {
                again.extend(call);
                break NotPutBack::Denied;
            }
            Err(_) => {
                again.extend(call);
                break NotPutBack::Deadline;
            }
        };
        futile_calls = if taken.contains(&true) { 0 } else { futile_calls + 1 };
        for (at, record) in call.into_iter().enumerate() {
            // A record that the answer does not mention was not taken.
            if taken.get(at) == Some(&true) {
                settle(record.index, Ok(()));
            } else {
                again.push_back(record);
            }
        }
        if futile_calls >= MAX_FUTILE_CALLS {
            break NotPutBack::Failing;
        }
        if !again.is_empty() {
            let longest = FIRST_BACKOFF.saturating_mul(1 << futile_calls).min(MAX_BACKOFF);
            // Anything between nothing and the longest, so that many functions do not come
            // back at the same moment.
            let backoff = longest.mul_f64(fastrand::f64());
            if Instant::now() + backoff >= stop {
                break NotPutBack::Deadline;
            }
            sleep(backoff).await;
        }
    };
    for record in again.into_iter().chain(waiting) {
        settle(record.index, Err(reason));
    }
}

/// The records of the next call: those to try again first.
fn next_call(
    again: &mut VecDeque<PutRecord>,
    waiting: &mut impl Iterator<Item = PutRecord>,
) -> Vec<PutRecord> {
    let mut call = Vec::new();
    let mut bytes = 0;
    while call.len() < MAX_CALL_RECORDS {
        let Some(record) = again.pop_front().or_else(|| waiting.next()) else {
            break;
        };
        bytes += record.bytes();
        if bytes > MAX_CALL_BYTES {
            again.push_front(record);
            break;
        }
        call.push(record);
    }
    call
}

#[cfg(test)]
mod tests;
