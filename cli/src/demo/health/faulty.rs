//! A function that fails in every way, of which one invocation may run at a time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use local::monitoring::{Ended, LogEvent, Watched};
use local::runtime_api::{Function, FunctionOptions, InvokeError};
use serde::Serialize;

use crate::failure::Failure;

/// The function's name.
pub(super) const NAME: &str = "plays";
/// The function's timeout: two seconds, so that a slow machine fills its memory in time.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How often the log is looked at for [`FULL`].
const LOOK: Duration = Duration::from_millis(5);

const WELL: &str = r#"{"artist":"Nova Kim"}"#;
const FAIL: &str = r#"{"do":"error","log":"{\"level\":\"ERROR\",\"message\":\"no such song\"}"}"#;
const HANG: &str = r#"{"do":"hang"}"#;
const FILL: &str = r#"{"do":"hang","log":"memory is full"}"#;
/// What the function says when the platform would end it for its memory.
const FULL: &str = "memory is full";

/// What was done to the function, as its invocations ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Caused {
    pub(super) succeeded: u64,
    /// Answered with an error.
    pub(super) failed: u64,
    pub(super) timed_out: u64,
    /// Ended as the platform does it when memory runs out.
    pub(super) out_of_memory: u64,
    /// Refused, because another invocation ran.
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

/// Makes the function fail in every way; gives what became of its invocations, and what CloudWatch
/// knows of them.
///
/// # Errors
/// When the function cannot be started.
pub(super) async fn cause(binary: &Path) -> Result<(Caused, Watched), Failure> {
    let options = FunctionOptions { timeout: TIMEOUT, ..FunctionOptions::new(NAME, binary) };
    let function = Function::start(options).await.map_err(Failure::failed)?;
    let lambda = Lambda { function, running: Cell::default(), told: RefCell::default() };
    lambda.invoke(WELL).await;
    lambda.invoke(FAIL).await;
    tokio::join!(lambda.invoke(FILL), lambda.end_when_full());
    // The second comes while the first hangs.
    tokio::join!(lambda.invoke(HANG), lambda.invoke(WELL));
    lambda.function.stop().await;
    let told = lambda.told.into_inner();
    Ok((told.caused.clone(), told.watched()))
}

/// Lambda, with a reserved concurrency of one.
struct Lambda {
    function: Function,
    running: Cell<bool>,
    told: RefCell<Told>,
}

#[derive(Default)]
struct Told {
    caused: Caused,
    longest: Duration,
    log: Vec<LogEvent>,
    /// Lines of the function that are in the log.
    lines: usize,
}

impl Lambda {
    async fn invoke(&self, payload: &'static str) {
        if self.running.replace(true) {
            self.told.borrow_mut().caused.throttled += 1;
            return;
        }
        let (began, clock) = (SystemTime::now(), Instant::now());
        let result = self.function.invoke(payload).await;
        self.running.set(false);
        let lines = self.function.logs().into_iter().map(|line| line.text).collect();
        self.told.borrow_mut().add(began, clock.elapsed(), lines, result.as_ref().err());
    }

    /// Ends the process as the platform does it (SIGKILL) once it says that its memory is full.
    async fn end_when_full(&self) {
        while self.running.get() {
            if self.function.logs().iter().any(|line| line.text == FULL) {
                self.function.kill().await;
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Told {
    /// An invocation, and all lines that the function has written.
    fn add(
        &mut self,
        began: SystemTime,
        duration: Duration,
        lines: Vec<String>,
        error: Option<&InvokeError>,
    ) {
        // What ran longer was not the function.
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

    /// What Lambda would tell CloudWatch of this minute.
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
