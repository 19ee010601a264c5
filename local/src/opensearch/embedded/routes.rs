//! Requests and their answers.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;

use super::reply::{Failure, Reply};
use super::store::{Store, best_template};
use super::{Which, bulk, search};
use crate::opensearch::VERSION;

/// A request that has been read.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) body: &'a Bytes,
}

impl Call<'_> {
    /// Whether it is a bulk request: `/_bulk` or `/{index}/_bulk`.
    pub(super) fn is_bulk(&self) -> bool {
        let segments: Vec<_> = self.path.trim_start_matches('/').split('/').collect();
        matches!(*self.method, Method::POST | Method::PUT)
            && matches!(segments[..], ["_bulk"] | [_, "_bulk"])
    }

    /// Answers it; operations of a bulk request that are `failing` are not done.
    pub(super) fn answer(&self, store: &mut Store, failing: Option<(u16, &Which)>) -> Reply {
        let answered = if self.is_bulk() {
            // For actions that name no index.
            let index = self.path.strip_prefix('/').and_then(|path| path.strip_suffix("/_bulk"));
            bulk::answer(store, self.body, index, failing)
        } else {
            self.route(store)
        };
        answered.unwrap_or_else(|failure| failure.reply())
    }

    fn route(&self, store: &mut Store) -> Result<Reply, Failure> {
        let segments: Vec<_> = self.path.trim_matches('/').split('/').collect();
        let acknowledged = || Reply::ok(&json!({ "acknowledged": true }));
        let refreshed =
            || Reply::ok(&json!({ "_shards": { "total": 1, "successful": 1, "failed": 0 } }));
        let no_template = |name: &str| {
            let reason = format!("index template matching [{name}] not found");
            Failure::new(404, "resource_not_found_exception", &reason)
        };
        match (self.method.as_str(), &segments[..]) {
            ("GET" | "HEAD", [""]) => Ok(Reply::ok(&json!({
                "name": "embedded",
                "cluster_name": "sluice",
                "version": { "distribution": "opensearch", "number": VERSION },
                "tagline": "The embedded OpenSearch of sluice",
            }))),
            ("GET", ["_cluster", "health"]) => Ok(Reply::ok(&json!({
                "cluster_name": "sluice", "status": "green", "timed_out": false,
                "number_of_nodes": 1,
            }))),
            ("PUT" | "POST", ["_index_template", name]) => {
                store.put_template(name, self.body).map(|()| acknowledged())
            }
            ("POST", ["_index_template", "_simulate_index", index]) => {
                let template = best_template(&store.templates, index);
                Ok(Reply::ok(&json!({ "template": template.map(|found| &found["template"]) })))
            }
            ("GET", ["_index_template", name]) => {
                let template = store.templates.get(*name).ok_or_else(|| no_template(name))?;
                let template = json!({ "name": name, "index_template": template });
                Ok(Reply::ok(&json!({ "index_templates": [template] })))
            }
            ("DELETE", ["_index_template", name]) => {
                let removed = store.templates.remove(*name);
                removed.map(|_| acknowledged()).ok_or_else(|| no_template(name))
            }
            ("GET" | "POST", ["_count"]) => search::count(store, "_all", self.body),
            ("GET" | "POST", [index, "_count"]) => search::count(store, index, self.body),
            ("GET" | "POST", ["_search"]) => search::answer(store, "_all", self.body),
            ("GET" | "POST", [index, "_search"]) => search::answer(store, index, self.body),
            ("GET" | "POST", ["_refresh"]) => Ok(refreshed()),
            // What is written is found at once.
            ("GET" | "POST", [index, "_refresh"]) => store.resolve(index).map(|_| refreshed()),
            ("DELETE", [index]) if !index.is_empty() && !index.starts_with('_') => {
                let mut pairs = self.query.split('&');
                let ignore_missing = pairs.any(|pair| pair == "ignore_unavailable=true");
                store.delete(index, ignore_missing).map(|()| acknowledged())
            }
            _ => {
                let (path, method) = (self.path, self.method);
                let error = format!("no handler found for uri [{path}] and method [{method}]");
                let body = json!({ "error": error }).to_string().into();
                Ok(Reply { status: StatusCode::BAD_REQUEST, body })
            }
        }
    }
}
