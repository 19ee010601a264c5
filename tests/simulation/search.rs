//! The `_bulk` operation of OpenSearch.
//!
//! Source: OpenSearch documentation, "Bulk"; invalid responses are made up.

use std::collections::BTreeSet;

use serde::Deserialize;
use shared::opensearch::{Answer, Error};

use crate::history::{Failing, Reported, What};
use crate::ledger::Ledger;
use crate::message::{Kind, TAKES_BYTES};

#[derive(Debug)]
pub(crate) struct OpenSearch {
    documents: BTreeSet<(String, String)>,
    /// Maximum number of documents in a request; more are answered with 413.
    pub(crate) takes_documents: usize,
    /// How it fails, unless it is healthy.
    pub(crate) down: Option<Failing>,
    /// It confirms the documents of every nth event without keeping them, to test the simulation.
    pub(crate) forgets: Option<usize>,
}

/// One document to create.
pub(crate) struct Operation {
    pub(crate) event: usize,
    index: String,
    id: String,
}

#[derive(Deserialize)]
struct Action {
    create: Create,
}

#[derive(Deserialize)]
struct Create {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: String,
}

/// The part of a document that identifies its event.
#[derive(Deserialize)]
struct Document {
    extra: Extra,
}

#[derive(Deserialize)]
struct Extra {
    n: usize,
}

impl OpenSearch {
    pub(crate) const fn new(takes_documents: usize) -> Self {
        Self { documents: BTreeSet::new(), takes_documents, down: None, forgets: None }
    }

    /// Answers a request of this number of bytes.
    ///
    /// # Errors
    /// The outer one: a violation.
    pub(crate) fn bulk(
        &mut self,
        (operations, bytes): (&[Operation], usize),
        troubles: &[What],
        ledger: &mut Ledger,
    ) -> Result<Result<Answer, Error>, String> {
        if let Some((done, how)) = What::failure(troubles).or(self.down.map(|how| (false, how))) {
            for operation in operations.iter().filter(|_| done) {
                self.create(operation, ledger)?;
            }
            if let ([only], Failing::Status(400 | 413)) = (operations, how) {
                ledger.refused_wrongly.insert(only.event);
            }
            return Ok(failed(how));
        }
        if operations.len() > self.takes_documents || bytes > TAKES_BYTES {
            return Ok(failed(Failing::Status(413)));
        }
        if operations.iter().any(|one| ledger.kind(one.event) == Some(Kind::Toxic)) {
            return Ok(failed(Failing::Status(400)));
        }
        let mut items = Vec::new();
        for (place, operation) in operations.iter().enumerate() {
            items.extend(self.item(operation, (place, operations.len()), troubles, ledger)?);
        }
        if troubles.iter().any(|what| matches!(what, What::Reversed)) {
            items.reverse();
        }
        if troubles.iter().any(|what| matches!(what, What::More)) {
            // An item with an unknown id could come from an ingest pipeline, so only the number of
            // items reveals that there are too many.
            let too_many = items.len().max(operations.len()) + 1;
            items.resize(too_many, item("more", 201));
        }
        let body = format!("{{\"took\":1,\"errors\":false,\"items\":[{}]}}", items.join(","));
        Ok(Ok(Answer { status: 200, body: body.into() }))
    }

    /// Creates a document if it is valid, and returns the status.
    fn create(&mut self, operation: &Operation, ledger: &mut Ledger) -> Result<u16, String> {
        let Operation { event, index, id } = operation;
        match ledger.kind(*event) {
            Some(Kind::Refused) => return Ok(400),
            Some(Kind::Toxic | Kind::Large) => return Ok(413),
            _ => {}
        }
        if self.forgets.is_some_and(|every| event % every == 0) {
            return Ok(201);
        }
        if !self.documents.insert((index.clone(), id.clone())) {
            return Ok(409);
        }
        ledger.indexed(*event, index, id).map(|()| 201)
    }

    /// The item of a document in the response.
    fn item(
        &mut self,
        operation: &Operation,
        (at, of): (usize, usize),
        troubles: &[What],
        ledger: &mut Ledger,
    ) -> Result<Option<String>, String> {
        let Some((done, reported)) = What::of_entry(troubles, at, of) else {
            let status = self.create(operation, ledger)?;
            return Ok(Some(item(&operation.id, status)));
        };
        let status = if done { self.create(operation, ledger)? } else { 503 };
        let id = &operation.id;
        let item = match reported {
            Reported::Failed(status) => {
                if matches!(status, 400 | 413) {
                    ledger.refused_wrongly.insert(operation.event);
                }
                item(id, status)
            }
            Reported::Both => {
                format!(r#"{{"create":{{"_id":"{id}","status":201,"error":{{"type":"x"}}}}}}"#)
            }
            Reported::Nothing(way) => match way {
                0 => return Ok(None),
                1 => "null".to_owned(),
                // An ingest pipeline can set the id.
                2 => item("another", status),
                3 => format!(r#"{{"index":{{"_id":"{id}","status":201}}}}"#),
                4 => format!(r#"{{"create":{{"_id":"{id}"}}}}"#),
                _ => format!(r#"{{"create":{{"_id":"{id}","status":"201"}}}}"#),
            },
        };
        Ok(Some(item))
    }
}

/// The documents of a request.
pub(crate) fn operations(body: &[u8]) -> Vec<Operation> {
    let lines: Vec<_> = body.split(|byte| *byte == b'\n').collect();
    let operation = |lines: &[&[u8]]| {
        let [action, document] = lines else { return None };
        let Action { create: Create { index, id } } = serde_json::from_slice(action).unwrap();
        let Document { extra } = serde_json::from_slice(document).unwrap();
        Some(Operation { event: extra.n, index, id })
    };
    lines.chunks(2).filter_map(operation).collect()
}

/// The item of a document in a response.
fn item(id: &str, status: u16) -> String {
    if status < 300 {
        return format!(r#"{{"create":{{"_index":"i","_id":"{id}","status":{status}}}}}"#);
    }
    // Other statuses may not concern the document.
    let error_type = if status == 400 { "mapper_parsing_exception" } else { "some_exception" };
    let error = format!(r#"{{"type":"{error_type}","reason":"as the history wants it"}}"#);
    format!(r#"{{"create":{{"_index":"i","_id":"{id}","status":{status},"error":{error}}}}}"#)
}

fn failed(how: Failing) -> Result<Answer, Error> {
    let answer = |status, body: &'static str| Ok(Answer { status, body: body.into() });
    match how {
        Failing::Status(200) => answer(200, "{}"),
        Failing::Status(status) => {
            answer(status, r#"{"error":{"type":"some_exception","reason":"no"},"status":0}"#)
        }
        Failing::Page(status) => answer(status, "<html><h1>Here is a proxy</h1></html>"),
        Failing::Cut => answer(200, r#"{"took":1,"items":[{"create":{"_id":"e0","status":201}},"#),
        Failing::Breaks => Err(Error::BrokenAnswer("connection closed".to_owned())),
        Failing::Unreachable => {
            let (url, reason) = ("http://search".to_owned(), "refused".to_owned());
            Err(Error::Unreachable { url, reason })
        }
    }
}
