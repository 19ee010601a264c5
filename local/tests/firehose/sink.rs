//! An OpenSearch that only has `_bulk`, and follows a script.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use testkit::{Call, Endpoint};

/// One operation of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Indexing {
    pub(crate) index: String,
    pub(crate) id: String,
    pub(crate) document: String,
}

/// The reaction of the sink to a request.
pub(crate) enum Reply {
    /// It accepts every document.
    Take,
    /// It answers with this status and body, and accepts nothing.
    Status(u16, &'static str),
    /// It gives each document one of these statuses; those with 201 are accepted.
    Items(Vec<u16>),
    /// It accepts every document and closes the connection without an answer.
    Close,
}

type Documents = Arc<Mutex<BTreeMap<String, Indexing>>>;

/// A running sink; it ends when it is dropped.
pub(crate) struct Sink {
    endpoint: Endpoint,
    taken: Documents,
}

impl Sink {
    /// A sink that accepts every document.
    pub(crate) async fn open() -> Self {
        Self::new(|_, _| Reply::Take).await
    }

    /// A sink whose script receives each request and its number, from 0.
    pub(crate) async fn new(script: impl Fn(&[Indexing], usize) -> Reply + Send + 'static) -> Self {
        let taken = Documents::default();
        let (documents, mut numbers) = (Arc::clone(&taken), 0..);
        let answer = move |call: &Call| {
            let operations = operations(call);
            let reply = script(&operations, numbers.next().unwrap());
            answer(operations, reply, &documents)
        };
        Self { endpoint: Endpoint::start(answer).await, taken }
    }

    pub(crate) fn url(&self) -> String {
        self.endpoint.url.clone()
    }

    /// The requests so far, including those that failed.
    pub(crate) fn requests(&self) -> Vec<Vec<Indexing>> {
        self.endpoint.calls().iter().map(operations).collect()
    }

    /// The accepted documents, sorted.
    pub(crate) fn documents(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        let mut documents: Vec<_> = taken.values().map(|taken| taken.document.clone()).collect();
        documents.sort();
        documents
    }
}

fn answer(operations: Vec<Indexing>, reply: Reply, taken: &Documents) -> testkit::Reply {
    let all = vec![201; operations.len()];
    let (statuses, closes) = match reply {
        Reply::Status(status, text) => return testkit::Reply::new(status, "text/plain", text),
        Reply::Take => (all, false),
        Reply::Close => (all, true),
        Reply::Items(statuses) => (statuses, false),
    };
    assert_eq!(statuses.len(), operations.len());
    let mut items = Vec::new();
    for (operation, status) in operations.into_iter().zip(statuses) {
        let mut item = json!({"_index": operation.index, "_id": operation.id, "status": status});
        if status == 201 {
            taken.lock().unwrap().insert(operation.id.clone(), operation);
        } else {
            item["error"] = json!({"type": format!("error_{status}")});
        }
        items.push(json!({"index": item}));
    }
    if closes {
        return testkit::Reply::Close;
    }
    testkit::Reply::json(200, &json!({"took": 1, "errors": true, "items": items}))
}

fn operations(call: &Call) -> Vec<Indexing> {
    assert_eq!((call.method.as_str(), &*call.path), ("POST", "/_bulk"));
    assert_eq!(call.headers["content-type"], "application/x-ndjson");
    let body = std::str::from_utf8(&call.body).unwrap();
    assert!(body.ends_with('\n'));
    let lines: Vec<&str> = body.lines().collect();
    let operation = |lines: &[&str]| {
        let action: Value = serde_json::from_str(lines[0]).unwrap();
        let target = action["index"].as_object().unwrap();
        Indexing {
            index: target["_index"].as_str().unwrap().to_owned(),
            id: target["_id"].as_str().unwrap().to_owned(),
            document: lines[1].to_owned(),
        }
    };
    lines.chunks(2).map(operation).collect()
}
