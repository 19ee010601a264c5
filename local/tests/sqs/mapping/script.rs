//! Functions that do what a test says, and remember what they were asked.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use local::runtime_api::{Invoke, InvokeError};
use serde_json::{Value, json};

type Reply = Result<String, InvokeError>;
type Act = dyn Fn(&Value, usize) -> Reply + Send + Sync;

/// A function: gets each event and its number, from 0.
#[derive(Clone)]
pub(crate) struct Script {
    reply: Arc<Act>,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Script {
    pub(crate) fn new(reply: impl Fn(&Value, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self { reply: Arc::new(reply), events: Arc::default() }
    }

    /// Always this answer.
    pub(crate) fn answering(answer: &str) -> Self {
        let answer = answer.to_owned();
        Self::new(move |_, _| Ok(answer.clone()))
    }

    /// The messages whose body contains the text fail.
    pub(crate) fn failing_on(text: &'static str) -> Self {
        Self::new(move |event, _| {
            let failed = records(event).iter().filter(|record| body(record).contains(text));
            let failed = failed.map(|record| json!({"itemIdentifier": record["messageId"]}));
            Ok(json!({"batchItemFailures": failed.collect::<Vec<_>>()}).to_string())
        })
    }

    /// The events so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// The bodies of each event so far.
    pub(crate) fn bodies(&self) -> Vec<Vec<String>> {
        let bodies =
            |event: &Value| records(event).iter().map(|record| body(record).to_owned()).collect();
        self.events().iter().map(bodies).collect()
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
        (self.reply)(&event, number).map(Bytes::from)
    }
}

pub(crate) fn records(event: &Value) -> &[Value] {
    event["Records"].as_array().unwrap()
}

fn body(record: &Value) -> &str {
    record["body"].as_str().unwrap()
}
