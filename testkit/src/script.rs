//! A function that is scripted by a test.

use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use local::runtime_api::{Invoke, InvokeError};
use serde_json::Value;

type Answer = dyn Fn(&Value, usize) -> Result<String, InvokeError> + Send + Sync;

/// A function in the test's own process that stores its events. Clones are the same function.
#[derive(Clone)]
pub struct Script {
    answer: Arc<Answer>,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Script {
    /// A function that answers with the return value of `answer`, which receives the event and its
    /// number, from 0.
    pub fn new<A: ToString>(
        answer: impl Fn(&Value, usize) -> Result<A, InvokeError> + Send + Sync + 'static,
    ) -> Self {
        let answer = move |event: &Value, number: usize| {
            answer(event, number).map(|answer| answer.to_string())
        };
        Self { answer: Arc::new(answer), events: Arc::default() }
    }

    /// The events so far.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Script").field("events", &self.events).finish_non_exhaustive()
    }
}

impl Invoke for Script {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let number = {
            let mut events = self.events.lock().unwrap();
            events.push(event.clone());
            events.len() - 1
        };
        (self.answer)(&event, number).map(Bytes::from)
    }
}
