//! A poller, which collects a batch, invokes the function, and deletes messages that succeeded.
//!
//! There is one poller for each concurrent invocation, so that no message is received before the
//! function can process it.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::delete::delete;
use super::event::Record;
use super::{CALL_LIMIT, ClientError, PAUSE, Shared};
use crate::mapping::{Batch, batch_item_failures};
use crate::runtime_api::{Invoke, InvokeError, invoke};

/// How long a poll waits for messages, in seconds: shorter than in AWS, so that a mapping stops
/// quickly.
const POLL_SECONDS: u64 = 1;

pub(super) async fn run(shared: Arc<Shared>, function: Arc<impl Invoke>) {
    // Messages that were received but did not fit into the last batch.
    let mut left = Vec::new();
    loop {
        let batch = gather(&shared, &mut left).await;
        if !batch.records.is_empty() {
            handle(&shared, &function, batch).await;
        } else if shared.watched.is_stopping() {
            return;
        }
    }
}

/// The next batch; it is empty after a poll without messages.
async fn gather(shared: &Shared, left: &mut Vec<Record>) -> Batch<Record> {
    let options = &shared.options;
    let mut batch = Batch::default();
    add(&mut batch, left);
    let mut closes = Instant::now() + options.batching_window;
    while left.is_empty()
        && batch.records.len() < options.batch_size
        && !shared.watched.is_stopping()
    {
        let open = closes.saturating_duration_since(Instant::now());
        let is_first = batch.records.is_empty();
        if !is_first && open.is_zero() {
            break;
        }
        let wait = if is_first { POLL_SECONDS } else { open.as_secs().min(POLL_SECONDS) };
        let limit = CALL_LIMIT.min(options.batch_size - batch.records.len());
        match receive(shared, limit, wait).await {
            Ok(messages) if messages.is_empty() => {
                if is_first {
                    break;
                }
                if wait == 0 {
                    tokio::time::sleep(PAUSE.min(open)).await;
                }
            }
            Ok(messages) => {
                if is_first {
                    closes = Instant::now() + options.batching_window;
                }
                left.extend(messages);
                add(&mut batch, left);
            }
            Err(error) => {
                shared
                    .watched
                    .count(|report| report.call_failed(format!("ReceiveMessage: {error}")));
                tokio::time::sleep(PAUSE).await;
                break;
            }
        }
    }
    batch
}

fn add(batch: &mut Batch<Record>, left: &mut Vec<Record>) {
    let mut records = std::mem::take(left).into_iter();
    left.extend(records.by_ref().find_map(|record| batch.add(record)));
    left.extend(records);
}

async fn receive(shared: &Shared, limit: usize, wait: u64) -> Result<Vec<Record>, ClientError> {
    let members = json!({
        "QueueUrl": shared.options.queue_url,
        "MaxNumberOfMessages": limit,
        "WaitTimeSeconds": wait,
        "AttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    let answer = shared.client.call("ReceiveMessage", &members).await?;
    let messages = answer["Messages"].as_array().map_or(&[][..], Vec::as_slice);
    let record = |message: &Value| Record::new(message, &shared.queue_arn);
    let records: Option<Vec<_>> = messages.iter().map(record).collect();
    let unexpected = || ClientError::Unexpected { operation: "ReceiveMessage".to_owned() };
    let records = records.ok_or_else(unexpected)?;
    if !records.is_empty() {
        shared.watched.count(|report| {
            report.received += records.len() as u64;
            report.in_hand += records.len() as u64;
        });
    }
    Ok(records)
}

async fn handle(shared: &Shared, function: &Arc<impl Invoke>, batch: Batch<Record>) {
    let started = Instant::now();
    let answer = invoke(function, batch.payload()).await;
    let duration = started.elapsed();
    let (failed, error) = match judge(&batch, answer) {
        Ok(failed) => (failed, None),
        Err(error) => {
            let all = batch.records.iter().map(|record| record.message_id.clone());
            (all.collect(), Some(error))
        }
    };
    let (kept, succeeded): (Vec<_>, Vec<_>) =
        batch.records.into_iter().partition(|record| failed.contains(&record.message_id));
    shared.watched.count(|report| report.invoked(duration, kept.len() as u64, error));
    delete(shared, &succeeded).await;
}

/// The ids of the messages that failed, or why all failed.
fn judge(
    batch: &Batch<Record>,
    answer: Result<Bytes, InvokeError>,
) -> Result<BTreeSet<String>, String> {
    let answer = answer.map_err(|error| error.to_string())?;
    let ids = batch.records.iter().map(|record| record.message_id.as_str()).collect();
    batch_item_failures(&answer, &ids).map_err(|wrong| wrong.to_string())
}
