//! The exchange between the service and the runtime of one environment: events in one direction,
//! answers in the other.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, oneshot};

use super::InvokeError;
use crate::server::locked;

type Answer = Result<Bytes, InvokeError>;

/// An event for the runtime.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) timeout: Duration,
    /// A deadline for the runtime that replaces the one derived from the timeout.
    pub(super) deadline_ms: Option<u64>,
    /// Notified when the runtime receives the event, which starts its time.
    pub(super) taken: oneshot::Sender<()>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// The exchange of one environment.
#[derive(Debug)]
pub(super) struct Exchange {
    send: mpsc::Sender<Event>,
    receive: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    state: Mutex<State>,
    initialised: Notify,
}

#[derive(Debug, Default)]
struct State {
    current: Option<(String, oneshot::Sender<Answer>)>,
    init_error: Option<InvokeError>,
}

impl Exchange {
    pub(super) fn new() -> Self {
        let (send, receive) = mpsc::channel(1);
        Self {
            send,
            receive: tokio::sync::Mutex::new(receive),
            state: Mutex::default(),
            initialised: Notify::new(),
        }
    }

    /// Waits for the runtime's first call to `next`, or its report that it could not start.
    pub(super) async fn initialised(&self) -> Result<(), InvokeError> {
        self.initialised.notified().await;
        self.state().init_error.take().map_or(Ok(()), Err)
    }

    /// Passes an event to the runtime's next call to `next`.
    pub(super) async fn send(&self, event: Event) {
        // The receiver lives as long as `self`.
        self.send.send(event).await.ok();
    }

    /// Gives up the current invocation: its answer is no longer needed.
    pub(super) fn give_up(&self) {
        self.state().current = None;
    }

    /// The runtime's next event: the request id, the payload and the deadline in milliseconds since
    /// 1970.
    pub(super) async fn next(&self) -> Option<(String, Bytes, u128)> {
        self.initialised.notify_one();
        let event = self.receive.lock().await.recv().await?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.state().current = Some((event.request_id.clone(), event.answer));
        // The receiver is gone if the invocation was given up.
        event.taken.send(()).ok();
        let deadline_ms =
            event.deadline_ms.map_or_else(|| (now + event.timeout).as_millis(), u128::from);
        Some((event.request_id, event.payload, deadline_ms))
    }

    pub(super) fn is_current(&self, request_id: &str) -> bool {
        self.state().current.as_ref().is_some_and(|(id, _)| id == request_id)
    }

    /// Passes on the runtime's answer; returns whether it is the answer to the current invocation.
    pub(super) fn answer(&self, request_id: &str, answer: Answer) -> bool {
        let current = self.state().current.take_if(|(id, _)| id == request_id);
        current.is_some_and(|(_, waiting)| waiting.send(answer).is_ok())
    }

    pub(super) fn init_error(&self, error: InvokeError) {
        self.state().init_error = Some(error);
        self.initialised.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}
