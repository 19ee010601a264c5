//! A Runtime API for one function, simple enough not to affect a measurement.
//!
//! Times are measured on the thread of the connection, directly at the socket.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Error;
use crate::http::{Request, Server};

/// A call of the function.
#[derive(Debug)]
pub(crate) enum Call {
    /// It requests an invocation.
    Next(Waiting),
    /// The first byte of the invocation is about to be written.
    Sent(Instant),
    /// It answered; the last byte was read at `received`.
    Answer { body: Vec<u8>, received: Instant },
    /// It reported an error of its start or of the invocation.
    Failed(String),
}

/// A function that waits for its next invocation.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// When its request was read.
    pub(crate) asked: Instant,
    invocation: Sender<Invocation>,
}

impl Waiting {
    /// Sends the invocation to the function.
    pub(crate) fn invoke(self, invocation: &Invocation) -> Result<(), Error> {
        Ok(self.invocation.send(invocation.clone())?)
    }
}

/// An invocation as it is sent; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Invocation(Arc<Vec<u8>>);

impl Invocation {
    /// An invocation with this event, whose deadline is in an hour.
    pub(crate) fn new(event: &[u8]) -> Result<Self, Error> {
        Self::due_in(event, Duration::from_hours(1))
    }

    /// An invocation with this event, whose deadline is after this time.
    pub(crate) fn due_in(event: &[u8], time: Duration) -> Result<Self, Error> {
        let deadline = SystemTime::now() + time;
        let deadline_ms = deadline.duration_since(UNIX_EPOCH)?.as_millis();
        let mut wire = format!(
            "HTTP/1.1 200 OK\r\n\
             content-type: application/json\r\n\
             content-length: {}\r\n\
             lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
             lambda-runtime-deadline-ms: {deadline_ms}\r\n\
             lambda-runtime-invoked-function-arn: \
             arn:aws:lambda:us-east-1:123456789012:function:bench\r\n\
             lambda-runtime-trace-id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0\r\n\r\n",
            event.len()
        )
        .into_bytes();
        wire.extend_from_slice(event);
        Ok(Self(Arc::new(wire)))
    }
}

/// Starts a Runtime API; also returns the calls of its function.
pub(crate) fn start() -> Result<(Server, Receiver<Call>), Error> {
    let (sender, calls) = channel();
    let server = Server::start(move |Request { path, body, .. }| {
        if path.ends_with("/invocation/next") {
            let asked = Instant::now();
            let (invocation, invocations) = channel();
            sender.send(Call::Next(Waiting { asked, invocation }))?;
            let Invocation(wire) = invocations.recv()?;
            sender.send(Call::Sent(Instant::now()))?;
            return Ok(wire);
        }
        sender.send(if path.ends_with("/response") {
            Call::Answer { body, received: Instant::now() }
        } else {
            Call::Failed(format!("{path}: {}", String::from_utf8_lossy(&body)))
        })?;
        Ok(Arc::new(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_vec()))
    })?;
    Ok((server, calls))
}
