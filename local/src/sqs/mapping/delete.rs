//! Deleting what succeeded.

use serde_json::{Value, json};

use super::event::Record;
use super::poll::{CALL_LIMIT, PAUSE};
use super::{ClientError, Shared};

/// How often the deletion of a message is tried.
const TRIES: u32 = 4;

/// Deletes the messages; those that fail for no fault of the caller's are tried again.
pub(super) async fn delete(shared: &Shared, records: &[Record]) {
    for records in records.chunks(CALL_LIMIT) {
        delete_some(shared, records).await;
    }
}

async fn delete_some(shared: &Shared, records: &[Record]) {
    let mut open: Vec<usize> = (0..records.len()).collect();
    let mut undeleted = 0;
    for tries_left in (0..TRIES).rev() {
        let again = match delete_once(shared, records, &open).await {
            Ok(failed) => {
                let all = open.len();
                let (refused, again): (Vec<_>, Vec<_>) =
                    failed.into_iter().partition(|(_, is_callers)| *is_callers);
                let gone = all - refused.len() - again.len();
                undeleted += refused.len();
                shared.count(|report| {
                    report.deleted += gone as u64;
                    report.in_hand -= gone as u64;
                });
                again.into_iter().map(|(position, _)| position).collect()
            }
            Err(error) => {
                shared.count(|report| report.call_failed(format!("DeleteMessageBatch: {error}")));
                open
            }
        };
        open = again;
        if open.is_empty() || tries_left == 0 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let undeleted = (undeleted + open.len()) as u64;
    if undeleted > 0 {
        shared.count(|report| {
            report.undeleted += undeleted;
            report.in_hand -= undeleted;
        });
    }
}

/// Which of the entries at these positions failed, and whether that was the caller's fault.
async fn delete_once(
    shared: &Shared,
    records: &[Record],
    positions: &[usize],
) -> Result<Vec<(usize, bool)>, ClientError> {
    let entry = |position: &usize| json!({"Id": position.to_string(), "ReceiptHandle": records[*position].receipt_handle});
    let entries: Vec<Value> = positions.iter().map(entry).collect();
    let members = json!({"QueueUrl": shared.options.queue_url, "Entries": entries});
    let answer = shared.client.call("DeleteMessageBatch", &members).await?;
    let entry = |list: &str, position: &usize| {
        let (mut entries, id) =
            (answer[list].as_array().into_iter().flatten(), json!(position.to_string()));
        entries.find(|entry| entry["Id"] == id)
    };
    // What is not among the deleted ones was not deleted.
    let undeleted = positions.iter().filter(|position| entry("Successful", position).is_none());
    let fault = |position| entry("Failed", position).is_some_and(|e| e["SenderFault"] == true);
    Ok(undeleted.map(|position| (*position, fault(position))).collect())
}
