//! What the server answers, read as far as sluice needs it.

use super::ClientError;
use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body; it may quote documents.
    pub body: Bytes,
}

impl Answer {
    /// The answer, if its status is a success.
    pub(super) fn success(self, path: &str) -> Result<Self, ClientError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let path = without_query(path);
        Err(ClientError::Status { path, status: self.status, kind: self.error_type() })
    }

    /// The error's type, such as `parse_exception`, if the body has one.
    #[must_use]
    pub fn error_type(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body.pointer("/error/type").and_then(Value::as_str).map(str::to_owned)
    }

    /// The body's JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|_| unexpected(path))
    }
}

/// What a server says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The distribution: `opensearch`; empty for a server that names none.
    pub distribution: String,
    /// The version, such as `2.19.3`.
    pub version: String,
}

impl Info {
    pub(super) fn new(body: &Value) -> Result<Self, ClientError> {
        let distribution = body.pointer("/version/distribution").and_then(Value::as_str);
        Ok(Self {
            distribution: distribution.unwrap_or_default().to_owned(),
            version: text(body, "/version/number", "/")?,
        })
    }
}

/// The answer to a search.
#[derive(Clone, Debug)]
pub struct SearchAnswer {
    body: Value,
}

impl SearchAnswer {
    pub(super) fn new(body: Value) -> Self {
        Self { body }
    }

    /// How many documents match; counted to 10,000 unless the query sets `track_total_hits`.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.body.pointer("/hits/total/value").and_then(Value::as_u64).unwrap_or_default()
    }

    /// The documents of this page, as they were sent.
    pub fn documents(&self) -> impl Iterator<Item = &Value> {
        self.hits().filter_map(|hit| hit.get("_source"))
    }

    /// The ids of this page's documents.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.hits().filter_map(|hit| hit.get("_id").and_then(Value::as_str))
    }

    /// The buckets of a `terms` or `date_histogram` aggregation: key and count, in the answer's
    /// order. The key of a time is its text.
    #[must_use]
    pub fn buckets(&self, aggregation: &str) -> Vec<(String, u64)> {
        let buckets = self
            .body
            .get("aggregations")
            .and_then(|aggregations| aggregations.get(aggregation)?.get("buckets")?.as_array());
        let buckets = buckets.map(Vec::as_slice).unwrap_or_default().iter();
        let pair = |bucket: &Value| Some((key(bucket)?, bucket.get("doc_count")?.as_u64()?));
        buckets.filter_map(pair).collect()
    }

    /// The whole answer.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    fn hits(&self) -> impl Iterator<Item = &Value> {
        let hits = self.body.pointer("/hits/hits").and_then(Value::as_array);
        hits.map(Vec::as_slice).unwrap_or_default().iter()
    }
}

fn key(bucket: &Value) -> Option<String> {
    let key = bucket.get("key_as_string").or_else(|| bucket.get("key"))?;
    Some(key.as_str().map_or_else(|| key.to_string(), str::to_owned))
}

pub(super) fn text(body: &Value, pointer: &str, path: &str) -> Result<String, ClientError> {
    let text = body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| unexpected(path))
}

pub(super) fn number(body: &Value, pointer: &str, path: &str) -> Result<u64, ClientError> {
    body.pointer(pointer).and_then(Value::as_u64).ok_or_else(|| unexpected(path))
}

fn unexpected(path: &str) -> ClientError {
    ClientError::Unexpected { path: without_query(path) }
}

fn without_query(path: &str) -> String {
    path.split('?').next().unwrap_or_default().to_owned()
}
