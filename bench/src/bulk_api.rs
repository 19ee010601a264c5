//! The part of OpenSearch that accepts bulk requests: every document is created, but not indexed.
//! It runs in this process, so that it uses no time of the functions.

use std::collections::HashSet;
use std::io::Read;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::functions::Function;
use crate::http::{MAX_BODY_BYTES, Request, Server};

/// A document that a function created.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Action {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: String,
}

#[derive(Deserialize)]
struct ActionLine {
    create: Action,
}

/// What the server stores of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Nothing: every document is created.
    Nothing,
    /// The requests, until they are taken.
    Requests,
    /// Their ids: a document that already exists is a conflict.
    Ids,
}

/// The number of created documents.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) created: u64,
    pub(crate) conflicts: u64,
    /// The sum of the hashes of their ids.
    pub(crate) sum: u128,
    /// The hashes of index and id, if ids are stored.
    ids: Option<HashSet<u128>>,
}

impl Books {
    /// Creates a document; `false` if it already exists.
    fn create(&mut self, Action { index, id }: &Action) -> bool {
        if let Some(ids) = &mut self.ids {
            if !ids.insert(hash(&[index.as_bytes(), b"/", id.as_bytes()])) {
                self.conflicts += 1;
                return false;
            }
            self.sum = self.sum.wrapping_add(hash(&[id.as_bytes()]));
        }
        self.created += 1;
        true
    }
}

/// The first half of the SHA-256 of these texts, concatenated.
pub(crate) fn hash(texts: &[&[u8]]) -> u128 {
    let hashed = texts.iter().fold(Sha256::new(), Sha256::chain_update);
    hashed.finalize().iter().take(16).fold(0, |hash, byte| hash << 8 | u128::from(*byte))
}

/// The server, and what it stored.
#[derive(Debug)]
pub(crate) struct BulkApi {
    server: Server,
    requests: Receiver<String>,
    books: Arc<Mutex<Books>>,
}

impl BulkApi {
    /// Starts a server.
    pub(crate) fn start(keeps: Keeps) -> Result<Self, Error> {
        let (sender, requests) = channel();
        let sender = (keeps == Keeps::Requests).then_some(sender);
        let ids = (keeps == Keeps::Ids).then(HashSet::new);
        let books = Arc::new(Mutex::new(Books { ids, ..Books::default() }));
        let entered = Arc::clone(&books);
        let server = Server::start(move |request| {
            let (status, answer) = match answer(request, &mut locked(&entered)) {
                Ok((request, answer)) => {
                    sender.as_ref().map_or(Ok(()), |sender| sender.send(request))?;
                    ("200 OK", answer)
                }
                Err(error) => ("400 Bad Request", json!({"error": error.to_string()})),
            };
            let answer = answer.to_string();
            let length = answer.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\n\r\n{answer}"
            );
            Ok(Arc::new(answer.into_bytes()))
        })?;
        Ok(Self { server, requests, books })
    }

    /// The function, writing to this server.
    pub(crate) fn written_by(&self, function: &Function) -> Function {
        function.clone().with("OPENSEARCH_ENDPOINT", format!("http://{}", self.server.address))
    }

    /// The number of documents created since the start.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        locked(&self.books)
    }

    /// The documents created since the last call, in order.
    pub(crate) fn take(&self) -> Result<Vec<(Action, Value)>, Error> {
        let mut created = Vec::new();
        for request in self.requests.try_iter() {
            for (action, document) in operations(&request)? {
                created.push((action, serde_json::from_str(document)?));
            }
        }
        Ok(created)
    }
}

fn locked(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a bulk request; returns its text and the answer.
fn answer(request: Request, books: &mut Books) -> Result<(String, Value), Error> {
    if !request.path.starts_with("/_bulk") {
        return Err(format!("{} is not a bulk request", request.path).into());
    }
    let mut text = String::new();
    if request.headers.get("content-encoding").is_some_and(|it| it == "gzip") {
        let mut unpacked = GzDecoder::new(&request.body[..]).take(MAX_BODY_BYTES);
        #[expect(clippy::disallowed_methods, reason = "bounded by take")]
        unpacked.read_to_string(&mut text)?;
    } else {
        text = String::from_utf8(request.body)?;
    }
    let before = books.conflicts;
    let operations = operations(&text)?;
    let items: Vec<_> = operations.iter().map(|(action, _)| item(action, books)).collect();
    let errors = books.conflicts > before;
    Ok((text, json!({"took": 30, "errors": errors, "items": items})))
}

/// The item in the answer for a document to create, as in OpenSearch.
fn item(action: &Action, books: &mut Books) -> Value {
    if !books.create(action) {
        let reason = format!("[{}]: version conflict, document already exists", action.id);
        return json!({"create": {
            "_index": action.index,
            "_id": action.id,
            "status": 409,
            "error": {"type": "version_conflict_engine_exception", "reason": reason},
        }});
    }
    json!({"create": {
        "_index": action.index,
        "_id": action.id,
        "_version": 1,
        "result": "created",
        "_shards": {"total": 2, "successful": 1, "failed": 0},
        "_seq_no": 4711,
        "_primary_term": 1,
        "status": 201,
    }})
}

/// The actions of a bulk request and their documents.
fn operations(request: &str) -> Result<Vec<(Action, &str)>, Error> {
    let mut lines = request.strip_suffix('\n').ok_or("no end of the last line")?.split('\n');
    let mut operations = Vec::new();
    while let Some(action) = lines.next() {
        let ActionLine { create } = serde_json::from_str(action)?;
        operations.push((create, lines.next().ok_or("an action without a document")?));
    }
    Ok(operations)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "{\"create\":{\"_index\":\"i\",\"_id\":\"\\\"1\"}}\n{\"a\":1}\n\
        {\"create\":{\"_id\":\"2\",\"_index\":\"j\"}}\n{\"a\":2}\n";

    fn answered(path: &str, body: &str) -> Result<(String, Value), Error> {
        let mut books = Books { ids: Some(HashSet::new()), ..Books::default() };
        answer(
            Request { path: path.to_owned(), body: body.into(), ..Request::default() },
            &mut books,
        )
    }

    #[test]
    fn creates_each_document_under_its_id() {
        let (request, answer) = answered("/_bulk?pretty=false", REQUEST).unwrap();
        assert_eq!(request, REQUEST);
        for (item, id) in ["\"1", "2"].into_iter().enumerate() {
            let created = &answer["items"][item]["create"];
            assert_eq!((&created["_id"], &created["status"]), (&json!(id), &json!(201)));
        }
    }

    #[test]
    fn an_id_is_created_once_in_an_index() {
        let (_, answer) = answered("/_bulk", &[REQUEST, REQUEST].concat()).unwrap();
        let status = |at: usize| answer["items"][at]["create"]["status"].as_u64();
        assert_eq!([0, 1, 2, 3].map(status), [201, 201, 409, 409].map(Some));
        assert_eq!(answer["errors"], true);
    }

    #[test]
    fn refuses_what_is_not_a_bulk_request() {
        let refused = |path, body| answered(path, body).unwrap_err().to_string();
        assert_eq!(refused("/", REQUEST), "/ is not a bulk request");
        assert_eq!(refused("/_bulk", REQUEST.trim_end()), "no end of the last line");
        let action = "{\"create\":{\"_index\":\"i\",\"_id\":\"1\"}}\n";
        assert_eq!(refused("/_bulk", action), "an action without a document");
    }
}
