//! The handler with scripted services, on a paused clock.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use lambda_metrics::{
    AccountLimits, App, Config, DataPage, HandlerError, Measure, Measured, Page, Query, Series,
    Services, Settings, Tag, Window,
};
use serde_json::Value;
use shared::aws::CallFailure;
use shared::event::Timestamp;
use shared::runtime::{Function, Invocation};
use testkit::{LAMBDA, Output};
use tokio::time::{Instant, sleep};

/// 2024-03-01T12:00:00Z, when the first run starts; the latest period is that of 11:58.
pub(crate) const NOON_MS: u64 = 1_709_294_400_000;
/// The latest period's start at noon.
pub(crate) const LATEST_MS: u64 = NOON_MS - 120_000;

/// The state and behavior of the services.
#[derive(Default)]
pub(crate) struct Cloud {
    pub(crate) functions: RefCell<Vec<(String, Settings)>>,
    pub(crate) tagged: RefCell<Vec<String>>,
    /// The functions and aliases that have a metric, by its name.
    pub(crate) measured: RefCell<BTreeMap<&'static str, Vec<Measured>>>,
    /// By metric and function, then by the period's start.
    pub(crate) values: RefCell<BTreeMap<String, BTreeMap<u64, f64>>>,
    /// Operations that fail.
    pub(crate) failing: RefCell<HashSet<&'static str>>,
    /// Operations that never respond.
    pub(crate) hanging: RefCell<HashSet<&'static str>>,
    /// Operations that return the same page forever.
    pub(crate) endless: RefCell<HashSet<&'static str>>,
    calls: RefCell<BTreeMap<&'static str, usize>>,
    at_once: Cell<usize>,
    pub(crate) most_at_once: Cell<usize>,
}

impl Cloud {
    pub(crate) fn with(functions: impl IntoIterator<Item = impl Into<String>>) -> Rc<Self> {
        let settings = Settings { timeout_ms: Some(4_000), memory_mb: Some(256) };
        let functions = functions.into_iter().map(|name| (name.into(), settings)).collect();
        Rc::new(Self { functions: RefCell::new(functions), ..Self::default() })
    }

    /// Sets a value, such as of `Errors of plays`.
    pub(crate) fn set(&self, metric: &str, period_ms: u64, value: f64) {
        self.values.borrow_mut().entry(metric.to_owned()).or_default().insert(period_ms, value);
    }

    /// Adds the metric of a function, or of one of its aliases.
    pub(crate) fn measure(&self, metric: &'static str, function: &str, resource: Option<&str>) {
        let (function, resource) = (function.to_owned(), resource.map(str::to_owned));
        let mut measured = self.measured.borrow_mut();
        measured.entry(metric).or_default().push(Measured { function, resource });
    }

    /// Number of calls of an operation since the last time.
    pub(crate) fn take_calls(&self, operation: &str) -> usize {
        self.calls.borrow_mut().remove(operation).unwrap_or_default()
    }

    async fn call(&self, operation: &'static str) -> Result<Option<String>, CallFailure> {
        *self.calls.borrow_mut().entry(operation).or_default() += 1;
        self.at_once.set(self.at_once.get() + 1);
        self.most_at_once.set(self.most_at_once.get().max(self.at_once.get()));
        sleep(Duration::from_millis(10)).await;
        self.at_once.set(self.at_once.get() - 1);
        if self.hanging.borrow().contains(operation) {
            pending::<()>().await;
        }
        if self.failing.borrow().contains(operation) {
            let message = "as the test wants it".to_owned();
            return Err(CallFailure { code: Some("Refused".to_owned()), message });
        }
        Ok(self.endless.borrow().contains(operation).then(|| "again".to_owned()))
    }
}

pub(crate) struct CloudServices(Rc<Cloud>);

impl Services for CloudServices {
    async fn functions(&self, _: Option<&str>) -> Result<Page<(String, Settings)>, CallFailure> {
        let next = self.0.call("ListFunctions").await?;
        Ok(Page { items: self.0.functions.borrow().clone(), next })
    }

    async fn tagged(&self, _: &Tag, _: Option<&str>) -> Result<Page<String>, CallFailure> {
        let next = self.0.call("GetResources").await?;
        Ok(Page { items: self.0.tagged.borrow().clone(), next })
    }

    async fn measured(
        &self,
        measure: Measure,
        _: Option<&str>,
    ) -> Result<Page<Measured>, CallFailure> {
        let next = self.0.call("ListMetrics").await?;
        let measured = self.0.measured.borrow();
        Ok(Page { items: measured.get(&*measure.to_string()).cloned().unwrap_or_default(), next })
    }

    async fn reserved_concurrency(&self, _: &str) -> Result<Option<u32>, CallFailure> {
        self.0.call("GetFunctionConcurrency").await?;
        Ok(None)
    }

    async fn account_limits(&self) -> Result<AccountLimits, CallFailure> {
        self.0.call("GetAccountSettings").await?;
        Ok(AccountLimits { total: 1_000, unreserved: 900 })
    }

    async fn metric_data(
        &self,
        queries: &[Query<'_>],
        window: Window,
        _: Option<&str>,
    ) -> Result<DataPage, CallFailure> {
        let next = self.0.call("GetMetricData").await?;
        let values = self.0.values.borrow();
        let series = queries.iter().enumerate().map(|(index, query)| {
            let points = values.get(&query.to_string()).into_iter().flatten();
            // More points than CloudWatch would return: the function must ignore the excess.
            let points = points.filter(|(at, _)| **at < window.end_ms + 600_000);
            Series {
                id: Query::id(index),
                status: Some("Complete".to_owned()),
                points: points.map(|(&at, &value)| (at, value)).collect(),
                messages: Vec::new(),
            }
        });
        Ok(DataPage { series: series.collect(), next, messages: Vec::new() })
    }
}

/// The handler.
pub(crate) struct Handler {
    app: App<CloudServices, Output>,
    pub(crate) output: Output,
}

/// The results of one run.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) answer: Result<Value, HandlerError>,
    pub(crate) metrics: Vec<Value>,
    pub(crate) took: Duration,
}

impl Handler {
    pub(crate) fn new(cloud: &Rc<Cloud>, variables: &[(&str, &str)]) -> Self {
        let own = [("FUNCTION_NAMES", "*")];
        let environment = [&LAMBDA, &own[..], variables].concat().into_iter().collect();
        let config = Config::from_environment(&environment).unwrap();
        let output = Output::default();
        Self { app: App::new(config, CloudServices(Rc::clone(cloud)), output.clone()), output }
    }

    /// A run this number of seconds after noon, with a timeout of 50 seconds.
    pub(crate) async fn run(&mut self, seconds: u64) -> Observed {
        let now_ms = NOON_MS + seconds * 1_000;
        let started = Instant::now();
        let invocation = Invocation {
            body: b"{}",
            request_id: "r-1",
            function_arn: "",
            now: Timestamp::from_nanos(u128::from(now_ms) * 1_000_000).unwrap(),
            deadline: started + Duration::from_secs(50),
        };
        let mut json = Vec::new();
        let answer = self.app.handle(invocation, &mut json).await;
        let answer = answer.map(|()| serde_json::from_slice(&json).unwrap());
        let metrics = self.output.take_lines();
        Observed { answer, metrics, took: started.elapsed() }
    }
}

impl Observed {
    /// The first failure of a run that could not read all metrics.
    pub(crate) fn unread(&self) -> &str {
        match &self.answer {
            Err(HandlerError::PollFailed { first, .. }) => first,
            other => panic!("{other:?}"),
        }
    }

    /// The first value of a metric: of a function, or of all functions together.
    pub(crate) fn value(&self, function: Option<&str>, metric: &str) -> Option<f64> {
        let has = |line: &&Value| line["FunctionName"].as_str() == function;
        self.metrics.iter().filter(has).find_map(|line| line[metric].as_f64())
    }

    /// Number of metrics that were requested.
    pub(crate) fn requested(&self) -> u64 {
        self.answer.as_ref().unwrap()["metricsRequested"].as_u64().unwrap()
    }
}
