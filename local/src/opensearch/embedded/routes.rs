//! Routes, answers and errors in the server's form.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::store::Store;
use super::{Which, bulk, search};
use crate::opensearch::VERSION;

/// An answer before it becomes HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn ok(body: &Value) -> Self {
        Self::raw(body.to_string())
    }

    /// An answer of status 200 whose JSON is written already.
    pub(super) fn raw(body: String) -> Self {
        Self { status: StatusCode::OK, body: body.into() }
    }
}

/// Why a request or an operation is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: u16,
    kind: String,
    reason: String,
}

impl Failure {
    pub(super) fn new(status: u16, kind: &str, reason: &str) -> Self {
        Self { status, kind: kind.to_owned(), reason: reason.to_owned() }
    }

    pub(super) fn illegal_argument(reason: &str) -> Self {
        Self::new(400, "illegal_argument_exception", reason)
    }

    pub(super) fn mapper_parsing(reason: &str) -> Self {
        Self::new(400, "mapper_parsing_exception", reason)
    }

    pub(super) fn parsing(reason: &str) -> Self {
        Self::new(400, "parsing_exception", reason)
    }

    pub(super) fn malformed_json() -> Self {
        Self::new(400, "json_parse_exception", "the body is not JSON")
    }

    /// A request that was refused as a whole on demand.
    pub(super) fn of_request(status: u16) -> Self {
        let (kind, reason) = match status {
            400 => ("illegal_argument_exception", "refused on demand"),
            403 => ("security_exception", "no permissions for [indices:data/write/bulk]"),
            413 => ("content_too_long_exception", "the request is too large"),
            429 => ("rejected_execution_exception", "the request queue is full"),
            503 => ("cluster_manager_not_discovered_exception", "no cluster manager"),
            _ => ("exception", "failed on demand"),
        };
        Self::new(status, kind, reason)
    }

    /// An operation that failed on demand.
    pub(super) fn of_item(status: u16) -> Self {
        let (kind, reason) = match status {
            400 => ("mapper_parsing_exception", "failed to parse"),
            429 => ("rejected_execution_exception", "the write queue is full"),
            503 => ("unavailable_shards_exception", "primary shard is not active"),
            _ => ("exception", "failed on demand"),
        };
        Self::new(status, kind, reason)
    }

    /// The error as an item of a bulk request's answer has it.
    pub(super) fn error(&self) -> Value {
        json!({ "type": self.kind, "reason": self.reason })
    }

    /// The whole answer.
    pub(super) fn reply(&self) -> Reply {
        let mut error = self.error();
        error["root_cause"] = json!([self.error()]);
        let body = json!({ "error": error, "status": self.status });
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Reply { status, body: body.to_string().into() }
    }
}

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
