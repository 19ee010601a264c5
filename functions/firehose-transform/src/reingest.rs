//! Puts records whose documents do not fit in the answer back into their source, for a later
//! request. Groups records into calls, retries, and decides when to give up.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use shared::json;
use tokio::time::{Instant, sleep, timeout_at};

use crate::outcome::NotPutBack;
use crate::request::{DataMember, Record, Request};

/// Maximum number of records in one call of `PutRecordBatch` and `PutRecords` (source: API
/// references of Amazon Data Firehose and Amazon Kinesis Data Streams).
pub const MAX_CALL_RECORDS: usize = 500;

/// Maximum number of bytes in one call of `PutRecordBatch`; `PutRecords` allows more.
pub const MAX_CALL_BYTES: usize = 4 * 1_048_576;

/// Maximum size of a record of Firehose, before base64.
pub const MAX_RECORD_BYTES: usize = 1_000 * 1_024;

/// Maximum length of a partition key of Kinesis.
const MAX_PARTITION_KEY_CHARACTERS: usize = 256;

/// No call is started with less time left.
pub const DEADLINE_MARGIN: Duration = Duration::from_secs(2);

/// Maximum number of consecutive calls in which the service accepts no record.
const MAX_FUTILE_CALLS: u32 = 8;

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// The stream to which records are put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A delivery stream with direct PUT: its name.
    DeliveryStream(String),
    /// The Kinesis data stream that a delivery stream reads: its ARN or its name.
    KinesisStream(String),
}

impl Target {
    /// The source of the records of `request`, if it is named and accepts records.
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
    /// The index among the records to put back.
    pub index: usize,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Its partition key, for a Kinesis data stream.
    pub partition_key: String,
}

impl PutRecord {
    /// A record with its partition key, or else its id as the key.
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

/// Why a whole call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// A retry cannot help: missing permission or stream.
    Denied,
    /// A retry can help.
    Transient,
}

/// A service that accepts records.
pub trait Source: Send + Sync {
    /// Puts records in one call, and returns for each, in order, whether it was accepted.
    fn put(
        &self,
        target: &Target,
        records: &[PutRecord],
    ) -> impl Future<Output = Result<Vec<bool>, CallError>> + Send;
}

/// Puts `records` back until `deadline`, and calls `settle` with the index and result of each.
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
        let accepted = match timeout_at(stop, source.put(target, &call)).await {
            Ok(Ok(accepted)) => accepted,
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
        futile_calls = if accepted.contains(&true) { 0 } else { futile_calls + 1 };
        for (at, record) in call.into_iter().enumerate() {
            // A record that is missing in the response was not accepted.
            if accepted.get(at) == Some(&true) {
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
            // With full jitter, so that many functions do not retry at the same time.
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

/// The records of the next call: those to retry first.
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
