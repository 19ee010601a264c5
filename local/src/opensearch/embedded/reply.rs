//! Answers and errors in the format of the server.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

/// An answer before it is converted to HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn ok(body: &Value) -> Self {
        Self::raw(body.to_string())
    }

    /// An answer with status 200 whose JSON is already serialized.
    pub(super) fn raw(body: String) -> Self {
        Self { status: StatusCode::OK, body: body.into() }
    }
}

/// Why a request or an operation is rejected.
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

    pub(super) fn of_item(status: u16) -> Self {
        let (kind, reason) = match status {
            400 => ("mapper_parsing_exception", "failed to parse"),
            429 => ("rejected_execution_exception", "the write queue is full"),
            503 => ("unavailable_shards_exception", "primary shard is not active"),
            _ => ("exception", "failed on demand"),
        };
        Self::new(status, kind, reason)
    }

    /// The error as it appears in an item of a bulk answer.
    pub(super) fn error(&self) -> Value {
        json!({ "type": self.kind, "reason": self.reason })
    }

    pub(super) fn reply(&self) -> Reply {
        let mut error = self.error();
        error["root_cause"] = json!([self.error()]);
        let body = json!({ "error": error, "status": self.status });
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Reply { status, body: body.to_string().into() }
    }
}
