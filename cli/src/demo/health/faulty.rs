//! A function that fails in every way, with a reserved concurrency of 1.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use local::monitoring::{Ended, LogEvent, Watched};
use local::runtime_api::{Function, FunctionOptions, InvokeError};
use serde::Serialize;

use crate::error::CliError;

/// The function's name.
pub(super) const NAME: &str = "plays";
/// The function's timeout. A slow machine needs two seconds to log [`FULL`].
const TIMEOUT: Duration = Duration::from_secs(2);
/// Interval at which the log is searched for [`FULL`].
const POLL: Duration = Duration::from_millis(5);

const SUCCEED: &str = r#"{"artist":"Nova Kim"}"#;
const FAIL: &str = r#"{"do":"error","log":"{\"level\":\"ERROR\",\"message\":\"no such song\"}"}"#;
const HANG: &str = r#"{"do":"hang"}"#;
const FILL: &str = r#"{"do":"hang","log":"memory is full"}"#;
/// The function logs this when Lambda would kill it.
const FULL: &str = "memory is full";

/// Number of invocations by outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Caused {
    pub(super) succeeded: u64,
    /// Invocations that returned an error.
    pub(super) failed: u64,
    pub(super) timed_out: u64,
    /// Invocations that were killed, as Lambda does when memory runs out.
    pub(super) out_of_memory: u64,
    /// Invocations that were rejected because another one was running.
    pub(super) throttled: u64,
}

impl Caused {
    pub(super) const fn errors(&self) -> u64 {
        self.failed + self.timed_out + self.out_of_memory
    }

    pub(super) const fn invocations(&self) -> u64 {
        self.succeeded + self.errors()
    }
}

/// Makes the function fail in every way, and returns the outcomes, and its metrics and log in
/// CloudWatch.
///
/// # Errors
/// [`CliError::Failed`] if the function fails to start.
pub(super) async fn cause(binary: &Path) -> Result<(Caused, Watched), CliError> {
    let options = FunctionOptions { timeout: TIMEOUT, ..FunctionOptions::new(NAME, binary) };
    let function = Function::start(options).await.map_err(CliError::failed)?;
    let lambda = Lambda { function, is_busy: Cell::default(), record: RefCell::default() };
    lambda.invoke(SUCCEED).await;
    lambda.invoke(FAIL).await;
    tokio::join!(lambda.invoke(FILL), lambda.kill_when_full());
    // The second is throttled, because the first hangs.
    tokio::join!(lambda.invoke(HANG), lambda.invoke(SUCCEED));
    lambda.function.stop().await;
    let record = lambda.record.into_inner();
    Ok((record.caused.clone(), record.watched()))
}

struct Lambda {
    function: Function,
    is_busy: Cell<bool>,
    record: RefCell<Record>,
}

#[derive(Default)]
struct Record {
    caused: Caused,
    longest: Duration,
    log: Vec<LogEvent>,
    /// Number of the function's lines that are in `log`.
    lines: usize,
}

impl Lambda {
    async fn invoke(&self, payload: &'static str) {
        if self.is_busy.replace(true) {
            self.record.borrow_mut().caused.throttled += 1;
            return;
        }
        let (began, clock) = (SystemTime::now(), Instant::now());
        let result = self.function.invoke(payload).await;
        self.is_busy.set(false);
        let lines = self.function.logs().into_iter().map(|line| line.text).collect();
        self.record.borrow_mut().add(began, clock.elapsed(), lines, result.as_ref().err());
    }

    /// Kills the process with SIGKILL, as Lambda does, when it logs [`FULL`].
    async fn kill_when_full(&self) {
        while self.is_busy.get() {
            if self.function.logs().iter().any(|line| line.text == FULL) {
                self.function.kill().await;
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Record {
    /// Adds an invocation. `lines` are all lines that the function has written.
    fn add(
        &mut self,
        began: SystemTime,
        duration: Duration,
        lines: Vec<String>,
        error: Option<&InvokeError>,
    ) {
        // The rest of the time was spent outside of the function.
        let duration = duration.min(TIMEOUT);
        self.longest = self.longest.max(duration);
        let total = lines.len();
        let lines = lines.into_iter().skip(self.lines).collect();
        self.lines = total;
        self.log.extend(Ended { began, duration, lines, error }.log());
        let caused = &mut self.caused;
        match error {
            None => caused.succeeded += 1,
            Some(InvokeError::Timeout { .. }) => caused.timed_out += 1,
            Some(InvokeError::Exit { .. }) => caused.out_of_memory += 1,
            Some(_) => caused.failed += 1,
        }
    }

    /// Returns the metrics and the log that Lambda would send to CloudWatch.
    fn watched(self) -> Watched {
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let count = |number: u64| number as f64;
        let metrics = BTreeMap::from([
            ("Invocations", count(self.caused.invocations())),
            ("Errors", count(self.caused.errors())),
            ("Throttles", count(self.caused.throttled)),
            ("Duration", self.longest.as_secs_f64() * 1_000.0),
            ("ConcurrentExecutions", 1.0),
        ]);
        Watched { timeout: TIMEOUT, metrics, log: self.log }
    }
}
