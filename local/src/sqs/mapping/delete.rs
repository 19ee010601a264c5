//! Deletes messages that succeeded.

use serde_json::json;

use super::event::Record;
use super::{CALL_LIMIT, ClientError, PAUSE, Shared};

const TRIES: u32 = 4;

/// Deletes the messages; retries those that fail without being the caller's fault.
pub(super) async fn delete(shared: &Shared, records: &[Record]) {
    for records in records.chunks(CALL_LIMIT) {
        delete_some(shared, records).await;
    }
}

async fn delete_some(shared: &Shared, records: &[Record]) {
    let mut open: Vec<&Record> = records.iter().collect();
    let mut undeleted = 0;
    for tries_left in (0..TRIES).rev() {
        match delete_once(shared, &open).await {
            Ok(again) => {
                let deleted = (open.len() - again.len()) as u64;
                shared.watched.count(|report| {
                    report.deleted += deleted;
                    report.in_hand -= deleted;
                });
                let (refused, again): (Vec<_>, Vec<_>) =
                    again.into_iter().partition(|(_, is_callers)| *is_callers);
                undeleted += refused.len() as u64;
                open = again.into_iter().map(|(record, _)| record).collect();
            }
            Err(error) => {
                shared
                    .watched
                    .count(|report| report.call_failed(format!("DeleteMessageBatch: {error}")));
            }
        }
        if open.is_empty() || tries_left == 0 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    undeleted += open.len() as u64;
    shared.watched.count(|report| {
        report.undeleted += undeleted;
        report.in_hand -= undeleted;
    });
}

/// The messages that were not deleted, each with whether that was the caller's fault.
async fn delete_once<'a>(
    shared: &Shared,
    records: &[&'a Record],
) -> Result<Vec<(&'a Record, bool)>, ClientError> {
    let entries = records
        .iter()
        .enumerate()
        .map(|(id, record)| json!({"Id": id.to_string(), "ReceiptHandle": record.receipt_handle}));
    let entries: Vec<_> = entries.collect();
    let members = json!({"QueueUrl": shared.options.queue_url, "Entries": entries});
    let answer = shared.client.call("DeleteMessageBatch", &members).await?;
    let entry = |list: &str, id: usize| {
        let mut entries = answer[list].as_array().into_iter().flatten();
        entries.find(|entry| entry["Id"].as_str() == Some(&id.to_string())).cloned()
    };
    // Messages that are not among the deleted ones were not deleted.
    let undeleted = records.iter().enumerate().filter(|(id, _)| entry("Successful", *id).is_none());
    let is_callers = |id| entry("Failed", id).is_some_and(|entry| entry["SenderFault"] == true);
    Ok(undeleted.map(|(id, record)| (*record, is_callers(id))).collect())
}
