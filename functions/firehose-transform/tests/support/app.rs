//! The handler with a scripted source, on a paused clock.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firehose_transform::App;
use firehose_transform::config::Config;
use firehose_transform::error::Error;
use firehose_transform::reingest::{CallError, PutRecord, Source, Target};
use serde_json::Value;
use shared::event::Timestamp;
use shared::runtime::{Function, Invocation};
use tokio::time::Instant;

/// What the source makes of one call.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// The records at places where this repeats `true` are taken.
    Take(Vec<bool>),
    /// The answer tells of the first few records only, all taken.
    TakeFirst(usize),
    Fail,
    Deny,
    /// No answer comes.
    Hang,
}

/// A source that follows a script, and then takes everything.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    script: Mutex<VecDeque<Call>>,
    /// The partition keys of the records taken: without Kinesis, the records' ids.
    taken: Arc<Mutex<Vec<String>>>,
}

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
        self.taken.lock().unwrap().extend(accepted.map(|(record, _)| record.partition_key.clone()));
        Ok(taken)
    }
}

/// Where the metrics go.
#[derive(Clone, Debug, Default)]
struct Metrics(Arc<Mutex<Vec<u8>>>);

impl Write for Metrics {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The handler under test.
#[derive(Debug)]
pub(crate) struct Handler {
    app: tokio::sync::Mutex<App<Scripted, Metrics>>,
    metrics: Metrics,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Handler {
    /// A handler with these variables besides Lambda's own.
    pub(crate) fn new(variables: &[(&str, &str)], script: impl IntoIterator<Item = Call>) -> Self {
        let lambda = [
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
            ("AWS_LAMBDA_FUNCTION_NAME", "transform-test"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ];
        let environment = lambda.iter().chain(variables).copied().collect();
        let config = Config::from_environment(&environment).unwrap();
        let source =
            Scripted { script: Mutex::new(script.into_iter().collect()), ..Scripted::default() };
        let (metrics, taken) = (Metrics::default(), Arc::clone(&source.taken));
        let app = App::new(config, source, metrics.clone()).into();
        Self { app, metrics, taken }
    }

    /// Handles one request, with so much time left.
    pub(crate) async fn handle(&self, body: &[u8], left: Duration) -> Result<Vec<u8>, Error> {
        let now = Timestamp::from_milliseconds(b"1709296498001").unwrap();
        let deadline = Instant::now() + left;
        let mut app = self.app.lock().await;
        let invocation = Invocation { body, request_id: "request", now, deadline };
        let mut answer = Vec::new();
        app.handle(invocation, &mut answer).await.map(|()| answer)
    }

    /// The metrics of the last invocation.
    pub(crate) fn metrics(&self) -> BTreeMap<String, u64> {
        let lines = std::mem::take(&mut *self.metrics.0.lock().unwrap());
        let line = lines.strip_suffix(b"\n").expect("a line");
        assert!(!line.contains(&b'\n'), "one line");
        let Value::Object(line) = serde_json::from_slice(line).unwrap() else { panic!("{line:?}") };
        line.into_iter().filter_map(|(name, value)| Some((name, value.as_u64()?))).collect()
    }

    /// The ids of the records that the source took; none twice.
    pub(crate) fn taken(&self) -> HashSet<String> {
        let taken = self.taken.lock().unwrap();
        let ids: HashSet<_> = taken.iter().cloned().collect();
        assert_eq!(ids.len(), taken.len(), "{taken:?}");
        ids
    }
}

/// Runs a test on a clock that stands still but where all wait.
pub(crate) fn on_paused_clock<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(test)
}
