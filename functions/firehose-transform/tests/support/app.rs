//! The handler with a scripted source, on a paused clock.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firehose_transform::App;
use firehose_transform::config::Config;
use firehose_transform::error::HandlerError;
use firehose_transform::reingest::{CallError, PutRecord, Source, Target};
use serde_json::Value;
use shared::event::Timestamp;
use shared::runtime::{Function, Invocation};
use testkit::{LAMBDA, Output, numbers};
use tokio::time::Instant;

/// The reaction of the source to one call.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// It accepts the records for which this repeated pattern is `true`.
    Take(Vec<bool>),
    /// The response contains only the first few records, all accepted.
    TakeFirst(usize),
    Fail,
    Deny,
    /// It does not respond.
    Hang,
}

/// A source that follows a script, and then accepts all records.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    script: Mutex<VecDeque<Call>>,
    taken: Taken,
}

/// Partition key and payload of each record that the source accepted. Without Kinesis, the key is
/// the record's id.
type Taken = Arc<Mutex<Vec<(String, String)>>>;

impl Source for Scripted {
    async fn put(&self, _: &Target, records: &[PutRecord]) -> Result<Vec<bool>, CallError> {
        let call = self.script.lock().unwrap().pop_front().unwrap_or(Call::Take(vec![true]));
        let taken: Vec<bool> = match call {
            Call::Take(pattern) => pattern.into_iter().cycle().take(records.len()).collect(),
            Call::TakeFirst(count) => vec![true; count.min(records.len())],
            Call::Fail => return Err(CallError::Transient),
            Call::Deny => return Err(CallError::Denied),
            Call::Hang => std::future::pending().await,
        };
        let accepted = records.iter().zip(&taken).filter(|(_, taken)| **taken);
        let shown = |record: &PutRecord| {
            let payload = String::from_utf8_lossy(&record.payload).into_owned();
            (record.partition_key.clone(), payload)
        };
        self.taken.lock().unwrap().extend(accepted.map(|(record, _)| shown(record)));
        Ok(taken)
    }
}

/// The handler under test.
#[derive(Debug)]
pub(crate) struct Handler {
    app: tokio::sync::Mutex<App<Scripted, Output>>,
    output: Output,
    taken: Taken,
}

impl Handler {
    /// A handler with these variables in addition to Lambda's own.
    pub(crate) fn new(variables: &[(&str, &str)], script: impl IntoIterator<Item = Call>) -> Self {
        let environment = [&LAMBDA, variables].concat().into_iter().collect();
        let config = Config::from_environment(&environment).unwrap();
        let source =
            Scripted { script: Mutex::new(script.into_iter().collect()), ..Scripted::default() };
        let (output, taken) = (Output::default(), Arc::clone(&source.taken));
        let app = App::new(config, source, output.clone()).into();
        Self { app, output, taken }
    }

    /// Handles one request with this remaining time.
    pub(crate) async fn handle(
        &self,
        body: &[u8],
        left: Duration,
    ) -> Result<Vec<u8>, HandlerError> {
        let now = Timestamp::from_milliseconds(b"1709296498001").unwrap();
        let deadline = Instant::now() + left;
        let mut app = self.app.lock().await;
        let invocation =
            Invocation { body, request_id: "request", function_arn: "", now, deadline };
        let mut answer = Vec::new();
        app.handle(invocation, &mut answer).await.map(|()| answer)
    }

    /// The lines on standard output since the last time.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.output.take_lines()
    }

    /// The metrics of the last invocation.
    pub(crate) fn metrics(&self) -> BTreeMap<String, u64> {
        numbers(&self.output.take_line())
    }

    /// The ids of the accepted records, each at most once.
    pub(crate) fn taken(&self) -> HashSet<String> {
        let taken = self.taken.lock().unwrap();
        let ids: HashSet<_> = taken.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(ids.len(), taken.len(), "{taken:?}");
        ids
    }

    /// Ids and payloads of the records accepted since the last call: for a split record, its id and
    /// each event.
    pub(crate) fn take_taken(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.taken.lock().unwrap())
    }
}
