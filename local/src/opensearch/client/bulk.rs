//! The answer to a bulk request, operation by operation.

use super::ClientError;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write;

/// The answer to a bulk request that was taken as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkAnswer {
    /// Whether an operation failed.
    pub errors: bool,
    /// One item for each operation, in the request's order.
    pub items: Vec<BulkItem>,
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkItem {
    /// `index` or `create`.
    pub operation: String,
    /// The index that the document went to.
    pub index: String,
    /// The document's id, the server's own where the request gave none.
    pub id: Option<String>,
    /// 201 created, 200 replaced; 400 and more: not written.
    pub status: u16,
    /// The error's type, such as `version_conflict_engine_exception`.
    pub error_type: Option<String>,
    /// The error's reason. It may quote the document: not for logs.
    pub error_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireAnswer {
    errors: bool,
    items: Vec<BTreeMap<String, WireItem>>,
}

#[derive(Deserialize)]
struct WireItem {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: Option<String>,
    status: u16,
    error: Option<WireError>,
}

#[derive(Deserialize)]
struct WireError {
    #[serde(rename = "type")]
    kind: String,
    reason: Option<String>,
}

impl BulkAnswer {
    /// Reads the body of a bulk request's answer.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unexpected`] when it is not one.
    pub fn parse(body: &[u8]) -> Result<Self, ClientError> {
        let unexpected = || ClientError::Unexpected { path: "/_bulk".to_owned() };
        let answer: WireAnswer = serde_json::from_slice(body).map_err(|_| unexpected())?;
        let item = |item: BTreeMap<String, WireItem>| item.into_iter().next().map(BulkItem::new);
        let items = answer.items.into_iter().map(item).collect::<Option<Vec<_>>>();
        Ok(Self { errors: answer.errors, items: items.ok_or_else(unexpected)? })
    }
}

impl BulkItem {
    fn new((operation, item): (String, WireItem)) -> Self {
        let (error_type, error_reason) =
            item.error.map_or((None, None), |error| (Some(error.kind), error.reason));
        let WireItem { index, id, status, .. } = item;
        Self { operation, index, id, status, error_type, error_reason }
    }

    /// Whether the document was written.
    #[must_use]
    pub fn is_written(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// `body` as one gzip member.
///
/// # Errors
///
/// Never in practice: the bytes go to memory.
pub fn gzip(body: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    Ok(encoder.finish()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_items_of_every_fate() {
        let body = br#"{"took":3,"errors":true,"items":[
            {"index":{"_index":"a","_id":"1","_version":1,"result":"created","status":201}},
            {"create":{"_index":"a","_id":"1","status":409,"error":
                {"type":"version_conflict_engine_exception","reason":"[1]: conflict","shard":"0"}}}]}"#;
        let answer = BulkAnswer::parse(body).unwrap();
        assert!(answer.errors);
        assert!(answer.items[0].is_written());
        assert_eq!(answer.items[0].operation, "index");
        assert_eq!(
            answer.items[1],
            BulkItem {
                operation: "create".to_owned(),
                index: "a".to_owned(),
                id: Some("1".to_owned()),
                status: 409,
                error_type: Some("version_conflict_engine_exception".to_owned()),
                error_reason: Some("[1]: conflict".to_owned()),
            }
        );
    }

    #[test]
    fn an_answer_of_another_kind_is_an_error() {
        let error = BulkAnswer::parse(b"<html>").unwrap_err();
        assert_eq!(
            error.to_string(),
            "/_bulk answered something that is not an OpenSearch's answer"
        );
        assert!(BulkAnswer::parse(br#"{"errors":false,"items":[{}]}"#).is_err());
    }
}
