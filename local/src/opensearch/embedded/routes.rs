//! Requests and their answers.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;

use super::reply::{Failure, Reply};
use super::search;
use super::store::{Store, best_template};
use crate::opensearch::VERSION;

/// Answers a request that is not a bulk request.
pub(super) fn answer(
    store: &mut Store,
    method: &Method,
    path: &str,
    query: &str,
    body: &Bytes,
) -> Result<Reply, Failure> {
    let segments: Vec<_> = path.trim_matches('/').split('/').collect();
    let acknowledged = || Reply::ok(&json!({ "acknowledged": true }));
    match (method.as_str(), &segments[..]) {
        ("GET", [""]) => Ok(Reply::ok(&json!({
            "name": "embedded",
            "cluster_name": "sluice",
            "version": { "distribution": "opensearch", "number": VERSION },
            "tagline": "The embedded OpenSearch of sluice",
        }))),
        ("GET", ["_cluster", "health"]) => Ok(Reply::ok(&json!({
            "cluster_name": "sluice", "status": "green", "timed_out": false, "number_of_nodes": 1,
        }))),
        ("PUT", ["_index_template", name]) => {
            store.put_template(name, body).map(|()| acknowledged())
        }
        ("POST", ["_index_template", "_simulate_index", index]) => {
            let template = best_template(&store.templates, index);
            Ok(Reply::ok(&json!({ "template": template.map(|found| &found["template"]) })))
        }
        ("GET", ["_index_template", name]) => {
            let template = store.templates.get(*name).ok_or_else(|| {
                let reason = format!("index template matching [{name}] not found");
                Failure::new(404, "resource_not_found_exception", &reason)
            })?;
            let template = json!({ "name": name, "index_template": template });
            Ok(Reply::ok(&json!({ "index_templates": [template] })))
        }
        ("GET", [index, "_count"]) => search::count(store, index),
        ("GET" | "POST", [index, "_search"]) => search::answer(store, index, body),
        // Documents are visible as soon as they are written.
        ("POST", [index, "_refresh"]) => store.resolve(index).map(|_| acknowledged()),
        ("DELETE", [index]) if !index.is_empty() => {
            let ignore_missing = query.split('&').any(|pair| pair == "ignore_unavailable=true");
            store.delete(index, ignore_missing).map(|()| acknowledged())
        }
        _ => {
            let error = format!("no handler found for uri [{path}] and method [{method}]");
            let body = json!({ "error": error }).to_string().into();
            Ok(Reply { status: StatusCode::BAD_REQUEST, body })
        }
    }
}
