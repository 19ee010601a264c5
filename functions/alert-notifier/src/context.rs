//! Lookups before an alarm is posted: the function's log group, its error lines, and when the alarm
//! began. If a lookup fails or takes too long, the alarm is posted without it.

use std::time::Duration;

use shared::aws::CallFailure;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use crate::alarm::Alarm;
use crate::event::{Alert, Content};
use crate::history::{Histories, HistoryQuery, began_ms};
use crate::logs::{LogLine, LogSearch, Logs, last_errors, log_group};

/// Maximum time for the lookups of one alarm.
const MAX_TIME: Duration = Duration::from_secs(3);

/// The share of the remaining time that the lookups of all alarms may take.
const SHARE_OF_TIME: u32 = 3;

/// The results of the lookups for an alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    /// The log group of its function, if it is certain.
    pub(crate) log_group: Option<String>,
    /// The last error lines of its function.
    pub(crate) lines: Vec<LogLine>,
    /// When it began, if it recovered, in milliseconds since 1970.
    pub(crate) began_ms: Option<u64>,
}

/// The configurations of Lambda functions.
pub trait Functions {
    /// Returns the log group in a function's configuration; `None` if it does not name one.
    fn log_group(
        &self,
        function: &str,
        region: Option<&str>,
    ) -> impl Future<Output = Result<Option<String>, CallFailure>>;
}

/// Looks up contexts.
#[derive(Debug)]
pub(crate) struct Lookup<'a, C> {
    pub(crate) aws: &'a C,
    /// Maximum number of error lines.
    pub(crate) error_lines: usize,
    /// The current time, for an alarm without one, in milliseconds since 1970.
    pub(crate) now_ms: u64,
}

impl<C: Logs + Histories + Functions> Lookup<'_, C> {
    /// Returns the contexts of all alerts in their order, well before `deadline`.
    pub(crate) async fn contexts(&self, alerts: &[Alert], deadline: Instant) -> Vec<Context> {
        let total = deadline.saturating_duration_since(Instant::now()) / SHARE_OF_TIME;
        let each = total / u32::try_from(alerts.len()).unwrap_or(u32::MAX).max(1);
        let mut contexts = Vec::with_capacity(alerts.len());
        for alert in alerts {
            contexts.push(match &alert.content {
                Content::Alarm(alarm) => self.context(alarm, each.min(MAX_TIME)).await,
                Content::Notice(_) | Content::Note { .. } => Context::default(),
            });
        }
        contexts
    }

    async fn context(&self, alarm: &Alarm, limit: Duration) -> Context {
        let started = Instant::now();
        let until = started + limit;
        let mut context = Context::default();
        if alarm.recovered() {
            context.began_ms = match alarm.previous_ms {
                Some(previous_ms) => Some(previous_ms),
                None => self.began_ms(alarm, until).await,
            };
        }
        let Some(function) = alarm.function() else { return context };
        // Half of the time is for the error lines.
        context.log_group = self.log_group(function, alarm, started + limit / 2).await;
        if alarm.fires() && self.error_lines > 0 {
            self.add_lines(function, alarm, until, &mut context).await;
        }
        context
    }

    async fn add_lines(
        &self,
        function: &str,
        alarm: &Alarm,
        until: Instant,
        context: &mut Context,
    ) {
        let is_certain = context.log_group.is_some();
        let log_group = context.log_group.take().unwrap_or_else(|| log_group(function));
        let search = LogSearch::new(
            function,
            log_group,
            alarm.place.region.clone(),
            alarm.changed_ms.unwrap_or(self.now_ms),
            alarm.evaluated_ms(),
        );
        let lines = last_errors(self.aws, &search, self.error_lines, until).await;
        // Even without lines, an answer proves that the log group exists.
        context.log_group = (is_certain || lines.is_ok()).then_some(search.log_group);
        context.lines = lines.unwrap_or_else(|error| {
            tracing::warn!(alarm = alarm.name, %error, "alarm posted without error lines");
            Vec::new()
        });
    }

    /// Returns the log group of a function; `None` if it is not certain.
    async fn log_group(&self, function: &str, alarm: &Alarm, until: Instant) -> Option<String> {
        // The configuration of a replica is in another region and does not name the replica's own
        // log group.
        if function.contains('.') {
            return None;
        }
        let configured = self.aws.log_group(function, alarm.place.region.as_deref());
        let configured = timeout_at(until, configured).await;
        let found = logged(configured, alarm, "log group of the function not found")?;
        Some(found.unwrap_or_else(|| log_group(function)))
    }

    async fn began_ms(&self, alarm: &Alarm, until: Instant) -> Option<u64> {
        let query = HistoryQuery {
            alarm: alarm.name.clone(),
            region: alarm.place.region.clone(),
            contributor: alarm.contributor.as_ref().and_then(|one| one.id.clone()),
            recovered_ms: alarm.changed_ms?,
        };
        let changes = timeout_at(until, self.aws.changes(&query)).await;
        let items = logged(changes, alarm, "alarm posted without its duration")?;
        began_ms(&items, query.recovered_ms)
    }
}

/// Returns the result of a call, or logs why there is none.
fn logged<T>(
    result: Result<Result<T, CallFailure>, Elapsed>,
    alarm: &Alarm,
    message: &str,
) -> Option<T> {
    let error = match result {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(alarm = alarm.name, error, "{message}");
    None
}
