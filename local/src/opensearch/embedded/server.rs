//! Reads requests, answers them, and fails on demand.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Request, Response, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use super::reply::{Failure, Reply};
use super::{Fault, State, bulk, routes};
use crate::server::{self, BodyError, locked, read_body};

/// Maximum size of the body of a request, in bytes (`http.max_content_length`).
const MAX_BODY_BYTES: usize = 100 * 1024 * 1024;

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// Answers one request. An error closes the connection without an answer.
pub(super) async fn answer(state: Arc<State>, request: Request<Incoming>) -> io::Result<Answer> {
    let (head, body) = request.into_parts();
    let body = match read_body(body, MAX_BODY_BYTES).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => return Ok(respond(Failure::of_request(413).reply())),
        Err(BodyError::Broken) => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    // The real server also closes the connection if the body is not gzip.
    let body = decoded(&head.headers, body)?;
    let path = head.uri.path();
    if path != "/_bulk" {
        let query = head.uri.query().unwrap_or_default();
        let store = &mut locked(&state.store);
        return Ok(respond_to(routes::answer(store, &head.method, path, query, &body)));
    }
    state.bulk_requests.fetch_add(1, Ordering::Relaxed);
    let fault = locked(&state.faults).next();
    let failing = match &fault {
        Some(Fault::Status(status)) => return Ok(respond(Failure::of_request(*status).reply())),
        Some(Fault::Drop) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Items { status, which }) => Some((*status, which)),
        _ => None,
    };
    let mut answer = respond_to(bulk::answer(&mut locked(&state.store), &body, failing));
    match fault {
        Some(Fault::Slow(while_)) => tokio::time::sleep(while_).await,
        Some(Fault::DropAfterWriting) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Truncate) => {
            let whole = answer.body_mut().collect().await.unwrap_or_default().to_bytes();
            answer.headers_mut().insert(header::CONTENT_LENGTH, whole.len().into());
            // Mapped, so that the body has no length, which would override that of the header.
            let half = Full::new(whole.slice(..whole.len() / 2));
            *answer.body_mut() = half.map_frame(|frame| frame).boxed();
        }
        Some(Fault::Garbage) => {
            let page = Bytes::from_static(b"<html><body>502 Bad Gateway</body></html>");
            *answer.body_mut() = Full::new(page).boxed();
        }
        _ => {}
    }
    Ok(answer)
}

/// The body, decompressed according to its headers.
fn decoded(headers: &HeaderMap, body: Bytes) -> io::Result<Bytes> {
    if headers.get(header::CONTENT_ENCODING).is_none_or(|encoding| encoding != "gzip") {
        return Ok(body);
    }
    let mut unzipped = Vec::new();
    io::copy(&mut MultiGzDecoder::new(&body[..]), &mut unzipped)?;
    Ok(unzipped.into())
}

fn respond_to(result: Result<Reply, Failure>) -> Answer {
    respond(result.unwrap_or_else(|failure| failure.reply()))
}

fn respond(Reply { status, body }: Reply) -> Answer {
    server::response(status, "application/json; charset=UTF-8", body).map(BodyExt::boxed)
}
