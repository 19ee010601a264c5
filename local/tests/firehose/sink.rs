//! An OpenSearch of which only `_bulk` is there, and that does what a test says.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use local::server::{Server, bind};
use serde_json::{Value, json};

/// One operation of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Indexing {
    pub(crate) index: String,
    pub(crate) id: String,
    pub(crate) document: String,
}

/// What the sink does with a request.
pub(crate) enum Reply {
    /// Takes every document.
    Take,
    /// Answers with this status and body, and takes nothing.
    Status(u16, &'static str),
    /// Gives each document this status; takes those of 201.
    Items(Vec<u16>),
    /// Takes every document and closes the connection without an answer.
    Close,
}

type Script = dyn Fn(&[Indexing], usize) -> Reply + Send + Sync;

/// A running sink; it ends when it is dropped.
pub(crate) struct Sink {
    url: String,
    seen: Arc<Seen>,
    _server: Server,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Vec<Indexing>>>,
    documents: Mutex<BTreeMap<String, Indexing>>,
}

impl Sink {
    /// Takes every document.
    pub(crate) async fn open() -> Self {
        Self::new(|_, _| Reply::Take).await
    }

    /// A sink that gets each request and its number, from 0.
    pub(crate) async fn new(
        script: impl Fn(&[Indexing], usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (listener, address) = bind().await.unwrap();
        let seen = Arc::new(Seen::default());
        let (shared, script) = (Arc::clone(&seen), Arc::new(script));
        let server = Server::start_fallible(listener, move |request| {
            answer(request, Arc::clone(&shared), Arc::clone(&script) as Arc<Script>)
        });
        Self { url: format!("http://{address}"), seen, _server: server }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// The requests so far, those that failed among them.
    pub(crate) fn requests(&self) -> Vec<Vec<Indexing>> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// The documents taken, sorted.
    pub(crate) fn documents(&self) -> Vec<String> {
        let documents = self.seen.documents.lock().unwrap();
        let mut documents: Vec<_> =
            documents.values().map(|indexing| indexing.document.clone()).collect();
        documents.sort();
        documents
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Seen>,
    script: Arc<Script>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/_bulk"));
    assert_eq!(request.headers()["content-type"], "application/x-ndjson");
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let operations = operations(std::str::from_utf8(&body).unwrap());
    let number = {
        let mut requests = seen.requests.lock().unwrap();
        requests.push(operations.clone());
        requests.len() - 1
    };
    let all = vec![201; operations.len()];
    let (statuses, closes) = match script(&operations, number) {
        Reply::Status(status, text) => {
            let response = Response::builder().status(status);
            return Ok(response.body(Full::from(text)).unwrap());
        }
        Reply::Take => (all, false),
        Reply::Close => (all, true),
        Reply::Items(statuses) => (statuses, false),
    };
    assert_eq!(statuses.len(), operations.len());
    let mut items = Vec::new();
    for (operation, status) in operations.into_iter().zip(statuses) {
        let mut item = json!({"_index": operation.index, "_id": operation.id, "status": status});
        if status == 201 {
            seen.documents.lock().unwrap().insert(operation.id.clone(), operation);
        } else {
            item["error"] = json!({"type": format!("error_{status}")});
        }
        items.push(json!({"index": item}));
    }
    if closes {
        return Err(io::Error::other("as the script says"));
    }
    Ok(Response::new(Full::from(json!({"took": 1, "errors": true, "items": items}).to_string())))
}

fn operations(body: &str) -> Vec<Indexing> {
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
