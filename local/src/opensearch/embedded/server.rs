//! Requests: reading them, answering, failing on demand.

use super::body::AnswerBody;
use super::fault::Fault;
use super::reply::{Failure, Reply};
use super::routes::Call;
use super::{State, locked};
use crate::server::{BodyError, Server, bind, read_body};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Request, Response, header};
use hyper::body::Incoming;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The most bytes of a request's body, compressed or not (`http.max_content_length`).
const MAX_BODY_BYTES: usize = 100 * 1024 * 1024;

pub(super) async fn start(state: Arc<State>) -> io::Result<(SocketAddr, Server)> {
    let (listener, address) = bind().await?;
    let answer = move |request| {
        let state = Arc::clone(&state);
        async move { answer(request, &state).await }
    };
    Ok((address, Server::start_fallible(listener, answer)))
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
