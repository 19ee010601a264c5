//! Lines of failed records of Firehose or this function.
//!
//! Source: "Backup and error records" (Amazon Data Firehose Developer Guide): in
//! `processing-failed/`, `rawData` is the record as received; in `AmazonOpenSearchService_failed/`,
//! it is the document, with `esDocumentId` and `esIndexName`.

use base64_simd::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::event::{Refusal, Timestamp};

use crate::message::Request;

/// Folders in the keys of failed records of Firehose. Its documentation also has those of OpenSearch
/// with a hyphen (`S3BackupMode`, Amazon Data Firehose API reference).
const FOLDERS: [&str; 5] = [
    "processing-failed/",
    "AmazonOpenSearchService_failed/",
    "AmazonOpenSearchService-failed/",
    "elasticsearch_failed/",
    "elasticsearch-failed/",
];

/// Maximum size of a line, in bytes: a document of 1 MiB in base64, with its metadata.
pub(crate) const MAX_LINE_BYTES: usize = 8 * 1_048_576;

/// Selects failures to load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    reasons: Option<Vec<String>>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Selection {
    /// The selection of a request; `None` if its object does not contain failures.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let is_failures = FOLDERS.iter().any(|folder| request.key.contains(folder));
        let time = |text: &Option<String>| Timestamp::from_rfc3339(text.as_ref()?.as_bytes());
        request.failures.unwrap_or(is_failures).then(|| Self {
            reasons: request.reason.clone(),
            from: time(&request.from),
            until: time(&request.until),
        })
    }

    fn holds(&self, failure: &Failure) -> bool {
        let Self { reasons, from, until } = self;
        let code = failure.code.as_deref().unwrap_or_default();
        let arrived = failure.arrived;
        reasons.as_ref().is_none_or(|reasons| reasons.iter().any(|reason| reason == code))
            && from.is_none_or(|from| arrived.is_some_and(|arrived| arrived >= from))
            && until.is_none_or(|until| arrived.is_some_and(|arrived| arrived < until))
    }
}

/// A failed record, from a line.
#[derive(Debug)]
pub struct Failure {
    /// `errorCode`
    pub code: Option<String>,
    /// `arrivalTimestamp`
    pub arrived: Option<Timestamp>,
    /// The arrival as written.
    pub(crate) arrival: String,
    /// `rawData`: the event or the document.
    pub data: Vec<u8>,
    /// `esDocumentId` and `esIndexName`, if the data is a document.
    pub document: Option<(String, String)>,
    /// The id that the event had.
    pub(crate) event_id: Option<String>,
    /// The `_id` that its document would have had, if that differs.
    pub(crate) document_id: Option<String>,
}

/// The content of a line.
#[derive(Debug)]
pub(crate) enum Line {
    Failure(Box<Failure>),
    /// A failure that is not selected.
    NotSelected,
    /// No failed data.
    NoRawData,
}

/// Reads a line.
///
/// # Errors
/// [`Refusal`]
pub(crate) fn read(text: &[u8], selection: &Selection) -> Result<Line, Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Members<'a> {
        #[serde(borrow)]
        error_code: Option<&'a RawValue>,
        #[serde(borrow)]
        arrival_timestamp: Option<&'a RawValue>,
        #[serde(borrow)]
        raw_data: Option<&'a RawValue>,
        #[serde(borrow)]
        es_document_id: Option<&'a RawValue>,
        #[serde(borrow)]
        es_index_name: Option<&'a RawValue>,
        #[serde(borrow)]
        event_id: Option<&'a RawValue>,
        #[serde(borrow)]
        document_id: Option<&'a RawValue>,
    }
    let text = std::str::from_utf8(text).map_err(|_| Refusal::InvalidUtf8)?;
    if !text.starts_with('{') {
        return Err(Refusal::NotAnObject);
    }
    let members: Members<'_> = serde_json::from_str(text).map_err(|_| Refusal::InvalidJson)?;
    let arrival = members.arrival_timestamp.map_or("", |arrival| arrival.get().trim_matches('"'));
    let mut failure = Failure {
        code: members.error_code.and_then(meaning),
        arrived: Timestamp::from_text(arrival.as_bytes()),
        arrival: arrival.to_owned(),
        data: Vec::new(),
        document: members
            .es_document_id
            .and_then(meaning)
            .zip(members.es_index_name.and_then(meaning)),
        event_id: members.event_id.and_then(meaning).filter(|id| !id.is_empty()),
        document_id: members.document_id.and_then(meaning).filter(|id| is_document_id(id)),
    };
    if !selection.holds(&failure) {
        return Ok(Line::NotSelected);
    }
    let Some(data) = members.raw_data.and_then(meaning) else { return Ok(Line::NoRawData) };
    failure.data = STANDARD.decode_to_vec(data.as_bytes()).map_err(|_| Refusal::InvalidBase64)?;
    Ok(Line::Failure(Box::new(failure)))
}

/// The text of a member of any type; `None` for null.
fn meaning(member: &RawValue) -> Option<String> {
    match serde_json::from_str(member.get()) {
        Ok(Value::String(text)) => Some(text),
        Ok(Value::Null) => None,
        _ => Some(member.get().to_owned()),
    }
}

/// Whether OpenSearch accepts an `_id`: it rejects a whole bulk request for one that is too long
/// (source: OpenSearch, `IndexRequest.validate`).
fn is_document_id(id: &str) -> bool {
    (1..=512).contains(&id.len())
}
