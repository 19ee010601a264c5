//! Answers of the server.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ClientError;

/// An unparsed answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body; it may contain documents.
    pub body: Bytes,
}

impl Answer {
    pub(super) fn success(self, path: &str) -> Result<Self, ClientError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let (kind, reason) = (self.error_type(), self.error_reason());
        Err(ClientError::Status { path, status: self.status, kind, reason })
    }

    /// The type of the error, such as `parse_exception`, if the body has one.
    #[must_use]
    pub fn error_type(&self) -> Option<String> {
        self.text("/error/type")
    }

    /// The reason of the error, if the body has one; it may contain documents.
    #[must_use]
    pub fn error_reason(&self) -> Option<String> {
        // Some plugins write a text instead of the error object.
        self.text("/error/reason").or_else(|| self.text("/error"))
    }

    fn text(&self, pointer: &str) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
    }

    /// Parses the body as JSON, as the answer to a request for `path`.
    ///
    /// # Errors
    /// [`ClientError::Unexpected`]
    pub fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let unexpected = |_| ClientError::Unexpected { path: path.to_owned() };
        serde_json::from_slice(&self.body).map_err(unexpected)
    }
}

/// The identity of a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Info {
    /// The distribution: `opensearch`; empty if the server names none.
    #[serde(default)]
    pub distribution: String,
    /// The version, such as `2.19.3`.
    #[serde(rename = "number")]
    pub version: String,
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

    /// Number of matching documents, counted up to 10,000 unless the query sets `track_total_hits`.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.body["hits"]["total"]["value"].as_u64().unwrap_or_default()
    }

    /// The buckets of a `terms` aggregation: key and count, in the answer's order.
    #[must_use]
    pub fn buckets(&self, aggregation: &str) -> Vec<(String, u64)> {
        let buckets = self.body["aggregations"][aggregation]["buckets"].as_array();
        let bucket = |bucket: &Value| {
            Some((bucket["key"].as_str()?.to_owned(), bucket["doc_count"].as_u64()?))
        };
        buckets.into_iter().flatten().filter_map(bucket).collect()
    }

    /// The whole answer.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }
}
