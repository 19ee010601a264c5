//! What the server answers, read as far as sluice needs it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ClientError;

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

    /// The body's JSON, as the answer to a request for `path`.
    ///
    /// # Errors
    /// [`ClientError::Unexpected`]
    pub fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
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
        let distribution = text(body, "/version/distribution", "/").unwrap_or_default();
        Ok(Self { distribution, version: text(body, "/version/number", "/")? })
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

    /// Number of matching documents; counted to 10,000 unless the query sets `track_total_hits`.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.body["hits"]["total"]["value"].as_u64().unwrap_or_default()
    }

    /// The documents of this page, as they were sent.
    pub fn documents(&self) -> impl Iterator<Item = &Value> {
        self.hits().filter_map(|hit| hit.get("_source"))
    }

    /// The ids of this page's documents.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.hits().filter_map(|hit| hit["_id"].as_str())
    }

    /// The buckets of a `terms` or `date_histogram` aggregation: key and count, in the answer's
    /// order. The key of a time is its text.
    #[must_use]
    pub fn buckets(&self, aggregation: &str) -> Vec<(String, u64)> {
        let key = |bucket: &Value| {
            let key = bucket.get("key_as_string").or_else(|| bucket.get("key"))?;
            Some(key.as_str().map_or_else(|| key.to_string(), str::to_owned))
        };
        let buckets = self.body["aggregations"][aggregation]["buckets"].as_array();
        let buckets = buckets.into_iter().flatten();
        buckets.filter_map(|bucket| Some((key(bucket)?, bucket["doc_count"].as_u64()?))).collect()
    }

    /// The whole answer.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    fn hits(&self) -> impl Iterator<Item = &Value> {
        self.body["hits"]["hits"].as_array().into_iter().flatten()
    }
}

/// The answer to a bulk request that was taken as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkAnswer {
    /// Whether an operation failed.
    pub errors: bool,
    /// One item for each operation, in the request's order.
    pub items: Vec<BulkItem>,
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BulkItem {
    /// `index` or `create`.
    #[serde(skip)]
    pub operation: String,
    /// The index that the document went to.
    #[serde(rename = "_index", default)]
    pub index: String,
    /// The document's id, the server's own where the request had none.
    #[serde(rename = "_id")]
    pub id: Option<String>,
    /// 201 created, 200 replaced; 400 and more: not written.
    pub status: u16,
    /// The error with its `type` and `reason`, which may quote the document: not for logs.
    #[serde(default)]
    pub error: Value,
}

impl BulkAnswer {
    /// Reads the body of a bulk request's answer.
    ///
    /// # Errors
    /// [`ClientError::Unexpected`] when it is not one.
    pub fn parse(body: &[u8]) -> Result<Self, ClientError> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default)]
            errors: bool,
            items: Vec<BTreeMap<String, BulkItem>>,
        }

        let wire: Wire = serde_json::from_slice(body).map_err(|_| unexpected("/_bulk"))?;
        let item = |item: BTreeMap<String, BulkItem>| {
            let (operation, item) = item.into_iter().next()?;
            Some(BulkItem { operation, ..item })
        };
        let items: Option<_> = wire.items.into_iter().map(item).collect();
        Ok(Self { errors: wire.errors, items: items.ok_or_else(|| unexpected("/_bulk"))? })
    }
}

impl BulkItem {
    /// Whether the document was written.
    #[must_use]
    pub fn is_written(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

pub(super) fn text(body: &Value, pointer: &str, path: &str) -> Result<String, ClientError> {
    let text = body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| unexpected(path))
}

fn unexpected(path: &str) -> ClientError {
    ClientError::Unexpected { path: without_query(path) }
}

fn without_query(path: &str) -> String {
    path.split('?').next().unwrap_or_default().to_owned()
}
