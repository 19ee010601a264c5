//! Connections: accepting, reading, failing on demand, ending.

use super::body::AnswerBody;
use super::fault::Fault;
use super::reply::{Failure, Reply};
use super::routes::Call;
use super::{State, locked};
use crate::server::{BodyError, bind, read_body};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Request, Response, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The most bytes of a request's body, compressed or not (`http.max_content_length`).
const MAX_BODY_BYTES: usize = 100 * 1024 * 1024;

/// The task that serves; it ends when this value is dropped.
#[derive(Debug)]
pub(super) struct Running {
    task: JoinHandle<()>,
}

impl Running {
    pub(super) async fn stop(mut self) {
        self.task.abort();
        // An aborted task is the outcome that was asked for.
        drop((&mut self.task).await);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) async fn start(state: Arc<State>) -> io::Result<(SocketAddr, Running)> {
    let (listener, address) = bind().await?;
    Ok((address, Running { task: tokio::spawn(serve(listener, state)) }))
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    // The connections belong to this task: aborting it closes them.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&state)));
                }
                // Out of file descriptors, most likely: others close some.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    // Answers are small and waited for; without this they wait for an ACK.
    stream.set_nodelay(true).ok();
    let service = service_fn(|request| answer(request, &state));
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // A client that goes away is its own affair.
    drop(served);
}

/// An error closes the connection without an answer.
async fn answer(request: Request<Incoming>, state: &State) -> io::Result<Response<AnswerBody>> {
    let (head, body) = request.into_parts();
    let body = match read_body(body, MAX_BODY_BYTES).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => return Ok(respond(Failure::of_request(413).reply())),
        Err(BodyError::Broken) => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    // The real server closes the connection too on what is not gzip.
    let Some(body) = decoded(&head.headers, body)? else {
        return Ok(respond(Failure::of_request(413).reply()));
    };
    let query = head.uri.query().unwrap_or_default();
    let call = Call { method: &head.method, path: head.uri.path(), query, body: &body };
    if !call.is_bulk() {
        return Ok(respond(call.answer(&mut locked(&state.store), None)));
    }
    state.bulk_requests.fetch_add(1, Ordering::Relaxed);
    let fault = locked(&state.faults).next();
    let done = |failing| call.answer(&mut locked(&state.store), failing);
    match fault {
        None => Ok(respond(done(None))),
        Some(Fault::Status(status)) => Ok(respond(Failure::of_request(status).reply())),
        Some(Fault::Items { status, which }) => Ok(respond(done(Some((status, &which))))),
        Some(Fault::Slow(while_)) => {
            let reply = done(None);
            tokio::time::sleep(while_).await;
            Ok(respond(reply))
        }
        Some(Fault::Drop) => Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::DropAfterWriting) => {
            done(None);
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Some(Fault::Truncate) => {
            let Reply { status, body } = done(None);
            Ok(response(status, AnswerBody::half(&body)))
        }
        Some(Fault::Garbage) => {
            let Reply { status, .. } = done(None);
            let page = Bytes::from_static(b"<html><body>502 Bad Gateway</body></html>");
            Ok(response(status, AnswerBody::whole(page)))
        }
    }
}

/// The body, unzipped if it says that it is zipped; `None` if it is too long then.
fn decoded(headers: &HeaderMap, body: Bytes) -> io::Result<Option<Bytes>> {
    if headers.get(header::CONTENT_ENCODING).is_none_or(|encoding| encoding != "gzip") {
        return Ok(Some(body));
    }
    let mut unzipped = Vec::new();
    let mut limited = MultiGzDecoder::new(&body[..]).take(MAX_BODY_BYTES as u64 + 1);
    io::copy(&mut limited, &mut unzipped)?;
    Ok((unzipped.len() <= MAX_BODY_BYTES).then(|| unzipped.into()))
}

fn respond(reply: Reply) -> Response<AnswerBody> {
    response(reply.status, AnswerBody::whole(reply.body))
}

fn response(status: http::StatusCode, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
