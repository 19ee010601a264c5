//! As much of OpenSearch as takes bulk requests: every document is created, none is kept in an
//! index. Its work is done by this process, so that it costs the functions nothing.

use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Error;
use crate::http::{Head, MAX_BODY_BYTES, read_body, read_head};

/// What a function created.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Action {
    /// The index.
    #[serde(rename = "_index")]
    pub index: String,
    /// The document's id.
    #[serde(rename = "_id")]
    pub id: String,
}

#[derive(Deserialize)]
struct ActionLine {
    create: Action,
}

/// The server; its threads end when it is dropped and the functions are gone.
#[derive(Debug)]
pub struct BulkApi {
    /// Where it listens, on a port of the system's choice.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    closing: AtomicBool,
    /// Whether requests are kept until they are taken.
    recording: bool,
    requests: Mutex<Vec<String>>,
}

impl BulkApi {
    /// Starts a server that keeps nothing.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> Result<Self, Error> {
        Self::serve(Shared::default())
    }

    /// Starts a server that keeps what it is sent, until it is taken.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn recording() -> Result<Self, Error> {
        Self::serve(Shared { recording: true, ..Shared::default() })
    }

    /// What was created since this was last asked, in order.
    ///
    /// # Errors
    /// When a document is no JSON.
    pub fn take(&self) -> Result<Vec<(Action, Value)>, Error> {
        let mut requests = self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let mut created = Vec::new();
        for request in requests.drain(..) {
            for (action, document) in operations(&request)? {
                created.push((action, serde_json::from_str(document)?));
            }
        }
        Ok(created)
    }

    fn serve(shared: Shared) -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(shared);
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if server.closing.load(Ordering::Acquire) {
                    break;
                }
                let server = Arc::clone(&server);
                // A connection ends with its function; nothing is left to tell then.
                thread::spawn(move || serve(&connection, &server).ok());
            }
        });
        Ok(Self { address, shared })
    }
}

impl Drop for BulkApi {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        // Wakes the thread that accepts; if that fails, it is gone already.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(connection: &TcpStream, shared: &Shared) -> Result<(), Error> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(256 * 1024, connection);
    let mut writer = connection;
    while let Some(head) = read_head(&mut reader)? {
        let body = read_body(&mut reader, &head)?;
        let (status, answer) = match answer(&head, body, shared) {
            Ok(answer) => ("200 OK", answer.to_string()),
            Err(error) => ("400 Bad Request", json!({"error": error.to_string()}).to_string()),
        };
        write!(
            writer,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        )?;
        writer.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// The answer to a bulk request.
fn answer(head: &Head, body: Vec<u8>, shared: &Shared) -> Result<Value, Error> {
    if !head.path.starts_with("/_bulk") {
        return Err(format!("{} is no bulk request", head.path).into());
    }
    let request = match head.headers.get("content-encoding").map(String::as_str) {
        Some("gzip") => {
            let mut request = String::new();
            let mut unpacked = GzDecoder::new(&body[..]).take(MAX_BODY_BYTES);
            #[expect(clippy::disallowed_methods, reason = "bounded by take")]
            unpacked.read_to_string(&mut request)?;
            request
        }
        _ => String::from_utf8(body)?,
    };
    let items: Vec<_> = operations(&request)?.iter().map(|(action, _)| item(action)).collect();
    if shared.recording {
        shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }
    Ok(json!({"took": 30, "errors": false, "items": items}))
}

/// As OpenSearch answers for a document that it created.
fn item(action: &Action) -> Value {
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

    #[test]
    fn creates_each_document_under_its_id() {
        let shared = Shared { recording: true, ..Shared::default() };
        let head = Head { path: "/_bulk?pretty=false".to_owned(), headers: [].into() };
        let answer = answer(&head, REQUEST.into(), &shared).unwrap();
        let items = answer["items"].as_array().unwrap();
        let said: Vec<_> =
            items.iter().map(|item| (&item["create"]["_id"], &item["create"]["status"])).collect();
        assert_eq!(said, [(&json!("\"1"), &json!(201)), (&json!("2"), &json!(201))]);
        assert_eq!(*shared.requests.lock().unwrap(), [REQUEST]);
    }

    #[test]
    fn refuses_what_is_no_bulk_request() {
        let refused = |path: &str, body: &str| {
            let head = Head { path: path.to_owned(), headers: [].into() };
            answer(&head, body.into(), &Shared::default()).unwrap_err().to_string()
        };
        assert_eq!(refused("/", REQUEST), "/ is no bulk request");
        assert_eq!(refused("/_bulk", REQUEST.trim_end()), "no end of the last line");
        assert_eq!(
            refused("/_bulk", "{\"create\":{\"_index\":\"i\",\"_id\":\"1\"}}\n"),
            "an action without a document"
        );
    }
}
