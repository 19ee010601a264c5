//! Batches: entries that succeed and fail one by one.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::attributes::MESSAGE_LIMIT_BYTES;
use super::error;
use super::message::{Content, Sent};
use super::operations::read;
use crate::aws_json::Failure;

/// The most entries of a batch.
const ENTRIES_LIMIT: usize = 10;

/// Does `one` for each entry, and sorts them by how that ended. The entries at the positions
/// `failing` fail by themselves.
pub(super) fn each(
    members: &Value,
    failing: &[usize],
    mut one: impl FnMut(&Value) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    let entries = entries(members)?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (position, entry) in entries.iter().enumerate() {
        let done = if failing.contains(&position) {
            Err(json!({"Code": "InternalError", "Message": "", "SenderFault": false}))
        } else {
            one(entry).map_err(|failure| {
                json!({
                    "Code": failure.code(),
                    "Message": failure.message(),
                    "SenderFault": failure.is_callers(),
                })
            })
        };
        let (mut result, list) = match done {
            Ok(result) => (result, &mut successful),
            Err(result) => (result, &mut failed),
        };
        result["Id"] = entry["Id"].clone();
        list.push(result);
    }
    Ok(json!({"Successful": successful, "Failed": failed}))
}

/// The messages of a batch may not be larger together than one may be alone.
pub(super) fn check_size(members: &Value) -> Result<(), Failure> {
    let bytes = |entry: &Value| {
        let sent: Sent = read(entry)?;
        // What is refused for another reason has no size here.
        Ok(Content::new(&sent, u64::MAX).map_or(0, |content| content.bytes()))
    };
    let sizes = entries(members)?.iter().map(bytes).collect::<Result<Vec<_>, Failure>>()?;
    let sum: usize = sizes.iter().sum();
    if sum > MESSAGE_LIMIT_BYTES {
        return Err(error::batch_too_long(MESSAGE_LIMIT_BYTES, sum));
    }
    Ok(())
}

fn entries(members: &Value) -> Result<&[Value], Failure> {
    let entries = members["Entries"].as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        return Err(error::empty_batch());
    }
    if entries.len() > ENTRIES_LIMIT {
        return Err(error::too_many_entries(entries.len()));
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let mut seen = HashSet::new();
    for entry in entries {
        let id = entry["Id"].as_str().ok_or_else(|| error::missing_parameter("Id"))?;
        if !(1..=80).contains(&id.len()) || !id.bytes().all(is_allowed) {
            return Err(error::invalid_entry_id());
        }
        if !seen.insert(id) {
            return Err(error::entry_ids_not_distinct(id));
        }
    }
    Ok(entries)
}
