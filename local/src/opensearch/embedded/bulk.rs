//! Bulk requests.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Which;
use super::json::Json;
use super::reply::{Failure, Reply};
use super::store::{MAX_ID_BYTES, Store};

/// Parameters of an action line that are taken, whether they matter here or not.
const PARAMETERS: &str = "_index _id routing version version_type if_seq_no if_primary_term \
                          require_alias";

/// One operation: an action line and its document.
#[derive(Debug)]
struct Operation {
    create: bool,
    index: Option<String>,
    id: Option<String>,
    source: Bytes,
}

/// Does a whole request and writes its answer. `failing` operations are not done.
pub(super) fn answer(
    store: &mut Store,
    body: &Bytes,
    default_index: Option<&str>,
    failing: Option<(u16, &Which)>,
) -> Result<Reply, Failure> {
    let operations = operations(body, default_index)?;
    let mut errors = false;
    let mut items = Vec::with_capacity(operations.len());
    for (position, operation) in operations.into_iter().enumerate() {
        let fails = failing.filter(|(_, which)| which.hits(position, &operation.source));
        let name = if operation.create { "create" } else { "index" };
        let item = item(store, operation, fails.map(|(status, _)| status));
        errors |= item.get("error").is_some();
        items.push(json!({ name: item }));
    }
    Ok(Reply::ok(&json!({ "took": 0, "errors": errors, "items": items })))
}

fn item(store: &mut Store, operation: Operation, fails: Option<u16>) -> Value {
    let Operation { create, index, id, source } = operation;
    let index = index.unwrap_or_default();
    let written = match fails {
        Some(status) => Err(Failure::of_item(status)),
        None => store.write(&index, id.clone(), source, create),
    };
    match written {
        Ok((id, version)) => {
            let (result, status) = if version == 1 { ("created", 201) } else { ("updated", 200) };
            json!({
                "_index": index, "_id": id, "_version": version,
                "result": result, "status": status,
                "_shards": { "total": 1, "successful": 1, "failed": 0 },
            })
        }
        Err(failure) => json!({
            "_index": index, "_id": id, "status": failure.status, "error": failure.error(),
        }),
    }
}

/// Reads the whole request before anything of it is done, as the real server does.
fn operations(body: &Bytes, default_index: Option<&str>) -> Result<Vec<Operation>, Failure> {
    if body.is_empty() {
        return Err(Failure::new(400, "parse_exception", "request body is required"));
    }
    if !body.ends_with(b"\n") {
        return Err(Failure::illegal_argument(
            "The bulk request must be terminated by a newline [\\n]",
        ));
    }
    let without_last_end = &body[..body.len() - 1];
    let mut lines = without_last_end.split(|byte| *byte == b'\n').enumerate();
    let mut operations = Vec::new();
    while let Some((number, line)) = lines.next() {
        // Empty lines before an action are skipped; a last action without a document is forgotten.
        if line.is_empty() {
            continue;
        }
        let action = Action::parse(line, number + 1)?;
        let Some((_, source)) = lines.next() else { break };
        operations.push(Operation {
            create: action.create,
            index: action.index.or_else(|| default_index.map(str::to_owned)),
            id: action.id,
            source: body.slice_ref(source.strip_suffix(b"\r").unwrap_or(source)),
        });
    }
    if operations.is_empty() {
        return Err(invalid("no requests added"));
    }
    for operation in &operations {
        if operation.index.is_none() {
            return Err(invalid("index is missing"));
        }
        if operation.id.as_ref().is_some_and(|id| id.len() > MAX_ID_BYTES) {
            return Err(invalid("id is too long, must be no longer than 512 bytes"));
        }
    }
    Ok(operations)
}

fn invalid(reason: &str) -> Failure {
    let reason = format!("Validation Failed: 1: {reason};");
    Failure::new(400, "action_request_validation_exception", &reason)
}

/// What an action line says.
#[derive(Debug, PartialEq, Eq)]
struct Action {
    create: bool,
    index: Option<String>,
    id: Option<String>,
}

impl Action {
    fn parse(line: &[u8], number: usize) -> Result<Self, Failure> {
        let malformed = |what: &str| {
            Failure::illegal_argument(&format!("Malformed action/metadata line [{number}], {what}"))
        };
        let text = std::str::from_utf8(line).map_err(|_| Failure::malformed_json())?;
        // What follows the action on its line is not looked at.
        let action = Json::parse_prefix(text).ok_or_else(Failure::malformed_json)?;
        let Json::Object(action) = action else {
            return Err(malformed("expected START_OBJECT"));
        };
        let Some((name, parameters)) = action.into_iter().next() else {
            return Err(malformed("expected FIELD_NAME but found [END_OBJECT]"));
        };
        let create = match name.as_str() {
            "create" => true,
            "index" => false,
            // The real server deletes and updates too; sluice never asks for that.
            _ => return Err(malformed("expected one of [create, index]")),
        };
        let Json::Object(parameters) = parameters else {
            return Err(malformed("expected START_OBJECT or END_OBJECT"));
        };
        let mut read = Self { create, index: None, id: None };
        for (parameter, value) in parameters {
            if !PARAMETERS.split(' ').any(|known| known == parameter) {
                return Err(Failure::illegal_argument(&format!(
                    "Action/metadata line [{number}] contains an unknown parameter [{parameter}]"
                )));
            }
            if matches!(value, Json::Object(_) | Json::Array(_)) {
                return Err(malformed("expected a simple value"));
            }
            match parameter.as_str() {
                "_index" => read.index = value.scalar().map(str::to_owned),
                "_id" => read.id = value.scalar().map(str::to_owned),
                _ => {}
            }
        }
        Ok(read)
    }
}
