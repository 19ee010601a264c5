//! An answer's body, which may break off.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body of one piece; one that breaks off ends its connection after that.
#[derive(Debug)]
pub(super) struct AnswerBody {
    piece: Option<Bytes>,
    breaks_off: bool,
    flushed: bool,
}

impl AnswerBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self { piece: Some(bytes), breaks_off: false, flushed: true }
    }

    /// The first half of `bytes`, then the end of the connection.
    pub(super) fn half(bytes: &Bytes) -> Self {
        Self { piece: Some(bytes.slice(..bytes.len() / 2)), breaks_off: true, flushed: false }
    }
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
