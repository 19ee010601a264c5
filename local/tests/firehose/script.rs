//! Functions that do what a test says, and remember what they were asked.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use local::runtime_api::{Invoke, InvokeError};
use serde_json::{Value, json};

use super::base64;

type Reply = Result<Value, InvokeError>;
type Act = dyn Fn(&Value, usize) -> Reply + Send + Sync;

/// A function: gets each request and its number, from 0.
#[derive(Clone)]
pub(crate) struct Script {
    reply: Arc<Act>,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Script {
    pub(crate) fn new(reply: impl Fn(&Value, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self { reply: Arc::new(reply), requests: Arc::default() }
    }

    /// Each record becomes itself.
    pub(crate) fn echo() -> Self {
        Self::each(|data| answered("Ok", Some(data)))
    }

    /// Each record gets an answer of its own, without its id.
    pub(crate) fn each(answer: impl Fn(&str) -> Value + Send + Sync + 'static) -> Self {
        Self::new(move |request, _| Ok(answer_each(request, &answer)))
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }

    /// How many records each request so far had.
    pub(crate) fn batches(&self) -> Vec<usize> {
        self.requests().iter().map(|request| records(request).len()).collect()
    }
}

impl Invoke for Script {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let request: Value = serde_json::from_slice(&payload).unwrap();
        let number = {
            let mut requests = self.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        (self.reply)(&request, number).map(|answer| answer.to_string().into())
    }
}

pub(crate) fn records(request: &Value) -> &[Value] {
    request["records"].as_array().unwrap()
}

/// A record's data as the function sees it.
pub(crate) fn data(record: &Value) -> String {
    let data = record["data"].as_str().unwrap();
    String::from_utf8(base64_simd::STANDARD.decode_to_vec(data).unwrap()).unwrap()
}

pub(crate) fn answered(result: &str, data: Option<&str>) -> Value {
    match data {
        Some(data) => json!({"result": result, "data": base64(data)}),
        None => json!({"result": result}),
    }
}

pub(crate) fn answer_each(request: &Value, answer: impl Fn(&str) -> Value) -> Value {
    let answers = records(request).iter().map(|record| {
        let mut answer = answer(&data(record));
        answer["recordId"] = record["recordId"].clone();
        answer
    });
    json!({"records": answers.collect::<Vec<_>>()})
}
