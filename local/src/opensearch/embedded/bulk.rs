//! Bulk requests.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Which;
use super::reply::{Failure, Reply};
use super::store::Store;

/// An action line. The real server also supports deletes and updates, which sluice never uses.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Create(Target),
    Index(Target),
}

/// The destination of an operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: Option<String>,
}

/// Executes a whole request and writes its answer. The `failing` operations are not executed.
pub(super) fn answer(
    store: &mut Store,
    body: &Bytes,
    failing: Option<(u16, &Which)>,
) -> Result<Reply, Failure> {
    let operations = operations(body)?;
    let mut errors = false;
    let mut items = Vec::with_capacity(operations.len());
    for (position, (action, source)) in operations.into_iter().enumerate() {
        let (name, is_create, target) = match action {
            Action::Create(target) => ("create", true, target),
            Action::Index(target) => ("index", false, target),
        };
        let fails = failing.filter(|(_, which)| which.hits(position, &source));
        let written = match fails {
            Some((status, _)) => Err(Failure::of_item(status)),
            None => store.write(&target.index, target.id.clone(), source, is_create),
        };
        errors |= written.is_err();
        items.push(json!({ name: item(&target, written) }));
    }
    Ok(Reply::ok(&json!({ "took": 0, "errors": errors, "items": items })))
}

fn item(target: &Target, written: Result<(String, bool), Failure>) -> Value {
    let Target { index, id } = target;
    match written {
        Ok((id, is_new)) => {
            let (result, status) = if is_new { ("created", 201) } else { ("updated", 200) };
            json!({
                "_index": index, "_id": id, "result": result, "status": status,
                "_shards": { "total": 1, "successful": 1, "failed": 0 },
            })
        }
        Err(failure) => json!({
            "_index": index, "_id": id, "status": failure.status, "error": failure.error(),
        }),
    }
}

/// Parses the whole request before any of it is executed, as the real server does: the actions and
/// their documents.
fn operations(body: &Bytes) -> Result<Vec<(Action, Bytes)>, Failure> {
    if body.is_empty() {
        return Err(Failure::new(400, "parse_exception", "request body is required"));
    }
    let lines = body.strip_suffix(b"\n").ok_or_else(|| {
        Failure::illegal_argument("The bulk request must be terminated by a newline [\\n]")
    })?;
    let mut lines = lines.split(|byte| *byte == b'\n').enumerate();
    let mut operations = Vec::new();
    while let Some((number, line)) = lines.next() {
        // Empty lines before an action are skipped; a last action without a document is ignored.
        if line.is_empty() {
            continue;
        }
        let action: Action = serde_json::from_slice(line).map_err(|error| {
            let number = number + 1;
            let reason = format!("Malformed action/metadata line [{number}], {error}");
            Failure::illegal_argument(&reason)
        })?;
        let Some((_, source)) = lines.next() else { break };
        operations.push((action, body.slice_ref(source)));
    }
    if operations.is_empty() {
        let reason = "Validation Failed: 1: no requests added;";
        return Err(Failure::new(400, "action_request_validation_exception", reason));
    }
    Ok(operations)
}
