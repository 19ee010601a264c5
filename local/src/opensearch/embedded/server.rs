//! Requests: reading them, answering, failing on demand.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::reply::{Failure, Reply};
use super::routes::Call;
use super::{Fault, State};
use crate::server::{BodyError, locked, read_body};

/// Maximum bytes of a request's body, compressed or not (`http.max_content_length`).
const MAX_BODY_BYTES: usize = 100 * 1024 * 1024;

/// Answers one request. An error closes the connection without an answer.
pub(super) async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> io::Result<Response<AnswerBody>> {
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
            let piece = Some(body.slice(..body.len() / 2));
            Ok(response(status, AnswerBody { piece, breaks_off: true, flushed: false }))
        }
        Some(Fault::Garbage) => {
            let page = Bytes::from_static(b"<html><body>502 Bad Gateway</body></html>");
            Ok(respond(Reply { body: page, ..done(None) }))
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
    let body = AnswerBody { piece: Some(reply.body), breaks_off: false, flushed: true };
    response(reply.status, body)
}

fn response(status: StatusCode, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// A body of one piece; one that breaks off ends its connection after that.
#[derive(Debug)]
pub(super) struct AnswerBody {
    piece: Option<Bytes>,
    breaks_off: bool,
    flushed: bool,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(piece) = self.piece.take() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if !self.flushed {
            // The piece goes out while there is nothing more to write.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.breaks_off.then(|| Err(io::ErrorKind::ConnectionAborted.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_none() && !self.breaks_off
    }

    fn size_hint(&self) -> SizeHint {
        match &self.piece {
            // Without a length it goes out in chunks, and the end that is missing is noticed.
            _ if self.breaks_off => SizeHint::default(),
            piece => SizeHint::with_exact(piece.as_ref().map_or(0, |piece| piece.len() as u64)),
        }
    }
}
