//! What passes between the service and one environment's runtime: events one way, answers the
//! other.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, oneshot};

use super::InvokeError;

/// One event on its way to the runtime.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) timeout: Duration,
    /// Told when the runtime takes the event: its time runs from then.
    pub(super) taken: oneshot::Sender<Instant>,
    pub(super) answer: oneshot::Sender<Result<Bytes, InvokeError>>,
}

/// An event as `next` hands it to the runtime.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) deadline_ms: u128,
}

/// Why an answer was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// No such invocation is under way.
    UnknownId,
    /// The invocation has timed out.
    TooLate,
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
    current: Option<Current>,
    timed_out: Option<String>,
    init_error: Option<InvokeError>,
}

#[derive(Debug)]
struct Current {
    request_id: String,
    answer: oneshot::Sender<Result<Bytes, InvokeError>>,
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

    /// Waits for the runtime's first call of `next`, or its report that it could not start.
    pub(super) async fn initialised(&self) -> Result<(), InvokeError> {
        self.initialised.notified().await;
        self.state().init_error.take().map_or(Ok(()), Err)
    }

    /// Hands an event to the runtime's next call of `next`.
    pub(super) async fn send(&self, event: Event) {
        // The receiver lives as long as `self`.
        self.send.send(event).await.ok();
    }

    /// Gives up an invocation: an answer that still comes is too late.
    pub(super) fn time_out(&self, request_id: &str) {
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| current.request_id == request_id) {
            state.current = None;
        }
        state.timed_out = Some(request_id.to_owned());
    }

    /// The runtime asks for its next event.
    pub(super) async fn next(&self) -> Option<Next> {
        self.initialised.notify_one();
        let event = self.receive.lock().await.recv().await?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let next = Next {
            request_id: event.request_id.clone(),
            payload: event.payload,
            deadline_ms: (now + event.timeout).as_millis(),
        };
        self.state().current = Some(Current { request_id: event.request_id, answer: event.answer });
        // Nobody listens any more if the invocation was given up.
        event.taken.send(Instant::now()).ok();
        Some(next)
    }

    /// Is this the invocation under way?
    pub(super) fn check(&self, request_id: &str) -> Result<(), Refused> {
        let state = self.state();
        if state.current.as_ref().is_some_and(|current| current.request_id == request_id) {
            Ok(())
        } else if state.timed_out.as_deref() == Some(request_id) {
            Err(Refused::TooLate)
        } else {
            Err(Refused::UnknownId)
        }
    }

    /// The runtime answers.
    pub(super) fn answer(
        &self,
        request_id: &str,
        answer: Result<Bytes, InvokeError>,
    ) -> Result<(), Refused> {
        self.check(request_id)?;
        if let Some(current) = self.state().current.take() {
            current.answer.send(answer).map_err(|_| Refused::TooLate)?;
        }
        Ok(())
    }

    /// The runtime could not start.
    pub(super) fn init_error(&self, error: InvokeError) {
        self.state().init_error = Some(error);
        self.initialised.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment: a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answers = oneshot::Receiver<Result<Bytes, InvokeError>>;

    async fn taken(exchange: &Exchange, id: &str) -> Answers {
        let (taken, _was_taken) = oneshot::channel();
        let (answer, answers) = oneshot::channel();
        let event = Event {
            request_id: id.to_owned(),
            payload: Bytes::from_static(b"{}"),
            timeout: Duration::from_secs(1),
            taken,
            answer,
        };
        exchange.send(event).await;
        let next = exchange.next().await.unwrap();
        assert_eq!((next.request_id.as_str(), next.payload.as_ref()), (id, &b"{}"[..]));
        answers
    }

    #[tokio::test]
    async fn an_answer_is_taken_once_in_time_and_for_its_own_invocation() {
        let exchange = Exchange::new();
        let answers = taken(&exchange, "a").await;
        let body = Bytes::from_static(b"answer");
        assert_eq!(exchange.answer("b", Ok(body.clone())), Err(Refused::UnknownId));
        assert_eq!(exchange.answer("a", Ok(body.clone())), Ok(()));
        assert_eq!(exchange.answer("a", Ok(body.clone())), Err(Refused::UnknownId));
        assert_eq!(answers.await.unwrap(), Ok(body));

        let _answers = taken(&exchange, "c").await;
        exchange.time_out("c");
        assert_eq!(exchange.answer("c", Ok(Bytes::new())), Err(Refused::TooLate));
        assert_eq!(exchange.answer("d", Ok(Bytes::new())), Err(Refused::UnknownId));
    }

    #[tokio::test]
    async fn an_init_error_ends_the_wait_for_the_first_next() {
        let exchange = Exchange::new();
        let error = InvokeError::Init { error_type: "A".to_owned(), message: "b".to_owned() };
        exchange.init_error(error.clone());
        assert_eq!(exchange.initialised().await, Err(error));
    }
}
