//! A warehouse of Redshift: what its system views say about queries, locks and queues.

mod locks;
mod notices;
mod queries;
mod queues;

use std::time::Duration;

use futures_util::join;
use jiff::Timestamp;
use shared::aws::CallFailure;
use shared::cloudwatch::{CloudWatch, Query as MetricQuery};
use shared::metrics::{Metric, Unit};
use shared::redshift::{Cell, Redshift, Warehouse};
use tokio::time::{Instant, timeout_at};

use crate::config::RedshiftConfig;
use crate::findings::{Findings, Gauges, PollFailure};
use crate::told::Told;
use crate::window::{Window, seconds_between};

use locks::{Lock, Locks};
use queries::{Load, Query};
use queues::InState;

pub(crate) use notices::LockRule;
pub(crate) use queries::Rule;

/// More rows than any of the statements returns.
const MAX_ROWS: usize = 10_000;

/// How far back the last run is looked for, in milliseconds.
const MEMORY_MS: u64 = 24 * 3_600_000;

const LOCK_WAIT_SECONDS: &str = "LockWaitSeconds";
const WAREHOUSE: &str = "Warehouse";

/// The statements: their comments keep them out of what they find.
#[derive(Clone, Copy, Debug)]
enum Statement {
    Queries,
    Locks,
    Queues,
}

impl Statement {
    const fn name(self) -> &'static str {
        match self {
            Self::Queries => "queries",
            Self::Locks => "locks",
            Self::Queues => "queues",
        }
    }

    const fn sql(self) -> &'static str {
        match self {
            Self::Queries => include_str!("../sql/queries.sql"),
            Self::Locks => include_str!("../sql/locks.sql"),
            Self::Queues => include_str!("../sql/queues.sql"),
        }
    }

    fn failure(self, reason: &impl ToString) -> PollFailure {
        PollFailure::new(format!("statement {}", self.name()), reason)
    }
}

/// Reads a warehouse, and remembers what a later run must know.
#[derive(Debug)]
pub(crate) struct Watch {
    config: RedshiftConfig,
    namespace: String,
    redshift: Redshift,
    cloudwatch: CloudWatch,
    /// Whether the last run saw a wait that was too long; `None` in a new process.
    is_waiting: Option<bool>,
}

/// What a run saw of waits for locks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Waits {
    /// The locks, or what the last run saw, could not be read.
    #[default]
    Unknown,
    /// A session waits too long.
    TooLong,
    /// No session does any more: the notice with this id says so.
    Over(String),
    /// No session does, and none did.
    None,
}

/// The rows of the statements, as far as they could be read.
#[derive(Debug, Default)]
struct Rows {
    queries: Option<Vec<Query>>,
    locks: Option<Vec<Lock>>,
    queues: Option<Vec<InState>>,
}

impl Watch {
    pub(crate) fn new(
        config: RedshiftConfig,
        namespace: String,
        redshift: Redshift,
        cloudwatch: CloudWatch,
    ) -> Self {
        Self { config, namespace, redshift, cloudwatch, is_waiting: None }
    }

    /// Reads the warehouse until then.
    pub(crate) async fn poll(&self, window: Window, until: Instant) -> (Findings, Waits) {
        let mut findings = Findings::default();
        let rows = self.read(window, until, &mut findings).await;
        findings.gauges = self.gauges(&rows, window.now);
        let queries = rows.queries.as_deref().unwrap_or_default();
        let RedshiftConfig { long_queries, .. } = &self.config;
        let long = queries::long(queries, long_queries, window);
        findings.notices = notices::of_long_queries(&long, self.name());
        let Some(locks) = &rows.locks else { return (findings, Waits::Unknown) };
        let waits = self.add_locks(locks, queries, window, until, &mut findings).await;
        (findings, waits)
    }

    /// Keeps what the next run must know of this one.
    pub(crate) fn remember(&mut self, waits: &Waits, told: &Told) {
        match waits {
            Waits::Unknown => {}
            Waits::TooLong => self.is_waiting = Some(true),
            Waits::Over(id) => self.is_waiting = Some(!told.has(id)),
            Waits::None => self.is_waiting = Some(false),
        }
    }

    fn name(&self) -> &str {
        self.config.database.warehouse.name()
    }

    /// Runs the statements, each on its own: one that is refused takes no other with it.
    async fn read(&self, window: Window, until: Instant, findings: &mut Findings) -> Rows {
        let since = window.start.strftime("%Y-%m-%d %H:%M:%S%.f").to_string();
        let seconds = self.config.long_queries.seconds.to_string();
        let parameters = [("since", &*since), ("seconds", &*seconds)];
        let is_cluster = matches!(self.config.database.warehouse, Warehouse::Cluster(_));
        let (queries, locks, queues) = join!(
            self.query(Statement::Queries, &parameters, until, Query::read),
            self.query(Statement::Locks, &[], until, Lock::read),
            async {
                // Serverless has no queues to show.
                if !is_cluster {
                    return (None, None);
                }
                self.query(Statement::Queues, &[], until, InState::read).await
            },
        );
        findings.failures.extend([queries.1, locks.1, queues.1].into_iter().flatten());
        Rows { queries: queries.0, locks: locks.0, queues: queues.0 }
    }

    /// The rows of a statement, and what went wrong.
    async fn query<T>(
        &self,
        statement: Statement,
        parameters: &[(&str, &str)],
        until: Instant,
        read: impl Fn(&[Cell]) -> Option<T>,
    ) -> (Option<Vec<T>>, Option<PollFailure>) {
        let RedshiftConfig { database, .. } = &self.config;
        let sql = statement.sql().trim_end();
        let rows = match self.redshift.query(database, sql, parameters, MAX_ROWS, until).await {
            Ok(rows) => rows,
            Err(error) => return (None, Some(statement.failure(&error))),
        };
        let known: Vec<_> = rows.iter().filter_map(|row| read(row)).collect();
        let odd = rows.len() - known.len();
        let failure = (odd > 0).then(|| {
            statement.failure(&format!("{odd} of {} rows are not understood", rows.len()))
        });
        (Some(known), failure)
    }

    /// Adds the notice about locks.
    async fn add_locks(
        &self,
        locks: &[Lock],
        queries: &[Query],
        window: Window,
        until: Instant,
        findings: &mut Findings,
    ) -> Waits {
        let rule = self.config.locks;
        let locks = locks_of(locks, queries, window.now);
        let longest = longest_wait(&locks, window.now);
        if is_too_long(longest, rule) {
            let blockages = locks.blockages();
            let notice = notices::of_locks(&blockages, queries, rule, window, self.name());
            findings.notices.extend(notice);
            return Waits::TooLong;
        }
        let was_waiting = match self.is_waiting {
            Some(was_waiting) => was_waiting,
            None => match self.last_wait(window.now, until).await {
                Ok(last) => is_too_long(last, rule),
                Err(error) => {
                    let subject = "the last LockWaitSeconds in CloudWatch";
                    findings.failures.push(PollFailure::new(subject, &error));
                    return Waits::Unknown;
                }
            },
        };
        if !was_waiting {
            return Waits::None;
        }
        let notice = notices::of_no_locks(rule, window.now, self.name());
        let id = notice.id();
        findings.notices.push(notice);
        Waits::Over(id)
    }

    /// The longest wait that the last run of another process saw, in seconds.
    async fn last_wait(&self, now: Timestamp, until: Instant) -> Result<Option<u64>, CallFailure> {
        let now_ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
        // Whole minutes: what an earlier attempt of this run emitted is not the last run.
        let end_ms = now_ms - now_ms % 60_000;
        let query = MetricQuery {
            namespace: &self.namespace,
            metric: LOCK_WAIT_SECONDS,
            dimension: WAREHOUSE,
        };
        let range = end_ms.saturating_sub(MEMORY_MS)..end_ms;
        let names = [self.name()];
        let values = timeout_at(until, self.cloudwatch.maxima(query, &names, range)).await;
        let values = values.unwrap_or_else(|_| Err(CallFailure::late()))?;
        let last = values.first().and_then(|values| values.last());
        Ok(last
            .map(|(_, seconds)| Duration::try_from_secs_f64(*seconds).map_or(0, |s| s.as_secs())))
    }

    /// The metrics of the statements that were read.
    fn gauges(&self, rows: &Rows, now: Timestamp) -> Vec<Gauges> {
        let warehouse = || (WAREHOUSE, self.name().to_owned());
        let mut metrics = Vec::new();
        if let Some(queries) = &rows.queries {
            let load = Load::of(queries, now);
            metrics.extend([
                count("QueriesRunning", load.running),
                count("QueriesQueued", load.queued),
                seconds("LongestQuerySeconds", Duration::from_secs(load.longest_seconds)),
            ]);
        }
        if let Some(locks) = &rows.locks {
            let locks = locks_of(locks, rows.queries.as_deref().unwrap_or_default(), now);
            let longest = Duration::from_secs(longest_wait(&locks, now).unwrap_or_default());
            metrics.extend([
                count("LockWaits", locks.waiters().count()),
                seconds(LOCK_WAIT_SECONDS, longest),
            ]);
        }
        let of_warehouse = (!metrics.is_empty()).then(|| Gauges {
            dimensions: vec![warehouse()],
            at: now,
            metrics,
        });
        let queues = queues::queues(rows.queues.as_deref().unwrap_or_default());
        let of_queues = queues.into_iter().map(|(service_class, queue)| Gauges {
            dimensions: vec![warehouse(), ("Queue", service_class.to_string())],
            at: now,
            metrics: vec![
                count("QueriesRunning", queue.running),
                count("QueriesQueued", queue.queued),
                seconds("QueueWaitSeconds", queue.wait),
            ],
        });
        of_warehouse.into_iter().chain(of_queues).collect()
    }
}

fn locks_of<'a>(locks: &'a [Lock], queries: &[Query], now: Timestamp) -> Locks<'a> {
    let query_start = |session| notices::running_query(queries, session, now)?.start;
    Locks::new(locks, query_start)
}

/// The longest wait for a lock, in seconds; `None` where nothing waits.
fn longest_wait(locks: &Locks<'_>, now: Timestamp) -> Option<u64> {
    locks.waiters().map(|waiter| seconds_between(waiter.since, now)).max()
}

fn is_too_long(wait_seconds: Option<u64>, rule: LockRule) -> bool {
    let limit = u64::try_from(rule.seconds).unwrap_or_default();
    wait_seconds.is_some_and(|seconds| seconds >= limit)
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are small")]
fn count(name: &'static str, count: impl TryInto<u64>) -> Metric<f64> {
    (name, Unit::Count, count.try_into().unwrap_or_default() as f64)
}

fn seconds(name: &'static str, duration: Duration) -> Metric<f64> {
    (name, Unit::Seconds, duration.as_secs_f64())
}
