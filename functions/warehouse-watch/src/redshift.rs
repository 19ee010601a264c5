//! A Redshift warehouse: reads queries, locks and queues from its system views.

mod locks;
mod memory;
mod notices;
mod queries;
mod queues;

use std::time::Duration;

use futures_util::join;
use jiff::Timestamp;
use shared::aws::CallFailure;
use shared::metrics::{Metric, Unit};
use shared::redshift::{Cell, Redshift, Warehouse};
use tokio::time::Instant;

use crate::config::RedshiftConfig;
use crate::findings::{Findings, Gauges, PollFailure};
use crate::told::Told;
use crate::window::{Window, seconds_between};

use locks::{Lock, Locks};
use memory::{LOCK_WAIT_SECONDS, WAREHOUSE};
use notices::Rest;
use queries::{Load, Query};
use queues::InState;

pub(crate) use memory::Memory;
pub(crate) use notices::LockRule;
pub(crate) use queries::Rule;

/// More rows than any of the statements returns.
const MAX_ROWS: usize = 10_000;

/// The statements. Their comments exclude them from their own results.
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

/// Reads a warehouse, and remembers what a later run needs.
#[derive(Debug)]
pub(crate) struct Watch {
    config: RedshiftConfig,
    redshift: Redshift,
    memory: Memory,
}

/// The results of a run that a later run needs.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    waits: Waits,
    rest: Option<Rest>,
}

/// The waits for locks that a run saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Waits {
    /// The locks, or the result of the last run, could not be read completely.
    #[default]
    Unknown,
    /// A session waits too long.
    TooLong,
    /// No session waits too long any more, which the notice with this id reports.
    Over(String),
    /// No session waits too long, and none did before.
    None,
}

/// The rows of the statements, as far as they could be read.
#[derive(Debug, Default)]
struct Rows {
    queries: Option<Understood<Query>>,
    locks: Option<Understood<Lock>>,
    queues: Option<Understood<InState>>,
}

/// The rows of a statement that could be parsed.
#[derive(Debug)]
struct Understood<T> {
    rows: Vec<T>,
    /// Whether these are all rows.
    is_whole: bool,
}

impl Rows {
    fn queries(&self) -> &[Query] {
        self.queries.as_ref().map(|queries| &*queries.rows).unwrap_or_default()
    }
}

impl Watch {
    pub(crate) const fn new(config: RedshiftConfig, redshift: Redshift, memory: Memory) -> Self {
        Self { config, redshift, memory }
    }

    /// Reads the warehouse, until `until`.
    pub(crate) async fn poll(
        &self,
        window: Window,
        until: Instant,
        told: &Told,
    ) -> (Findings, Seen) {
        let mut findings = Findings::default();
        // At the same time, because a statement may take all of it.
        let was_waiting =
            self.memory.was_waiting(self.name(), self.config.locks, window.now, until);
        let (rows, was_waiting) = join!(self.read(window, until, &mut findings), was_waiting);
        findings.gauges = self.gauges(&rows, window.now);
        let long = queries::long(rows.queries(), &self.config.long_queries, window);
        let (notices, rest) = notices::of_long_queries(&long, self.name(), told);
        findings.notices = notices;
        let waits = self.add_locks(&rows, window, was_waiting, &mut findings);
        (findings, Seen { waits, rest })
    }

    /// Remembers what the next run needs from the run at `now`.
    pub(crate) fn remember(
        &mut self,
        seen: Seen,
        now: Timestamp,
        told: &mut Told,
        findings: &mut Findings,
    ) {
        if let Some(rest) = seen.rest.filter(|rest| told.has(&rest.id)) {
            rest.counted.into_iter().for_each(|id| told.add(id));
        }
        let is_waiting = match &seen.waits {
            Waits::Unknown => None,
            Waits::TooLong => Some(true),
            Waits::Over(id) => Some(!told.has(id)),
            Waits::None => Some(false),
        };
        if let Some(is_waiting) = is_waiting {
            self.memory.remember(is_waiting, now);
        }
        // Until an OK is published, or known not to be due, the earlier wait must stay the last
        // value in CloudWatch, from which the next process reads it.
        if seen.waits != Waits::TooLong && is_waiting != Some(false) {
            findings.withhold(LOCK_WAIT_SECONDS);
        }
    }

    fn name(&self) -> &str {
        self.config.database.warehouse.name()
    }

    /// Runs the statements independently: if one is rejected, the others still run.
    async fn read(&self, window: Window, until: Instant, findings: &mut Findings) -> Rows {
        let since = window.start.strftime("%Y-%m-%d %H:%M:%S%.f").to_string();
        let seconds = self.config.long_queries.seconds.to_string();
        let parameters = [("since", &*since), ("seconds", &*seconds)];
        let is_cluster = matches!(self.config.database.warehouse, Warehouse::Cluster(_));
        let (queries, locks, queues) = join!(
            self.query(Statement::Queries, &parameters, until, Query::read),
            self.query(Statement::Locks, &[], until, Lock::read),
            async {
                // Serverless has no queues.
                if !is_cluster {
                    return (None, None);
                }
                self.query(Statement::Queues, &[], until, InState::read).await
            },
        );
        findings.failures.extend([queries.1, locks.1, queues.1].into_iter().flatten());
        Rows { queries: queries.0, locks: locks.0, queues: queues.0 }
    }

    /// Runs a statement and returns its rows, and what went wrong.
    async fn query<T>(
        &self,
        statement: Statement,
        parameters: &[(&str, &str)],
        until: Instant,
        read: impl Fn(&[Cell]) -> Option<T>,
    ) -> (Option<Understood<T>>, Option<PollFailure>) {
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
        (Some(Understood { rows: known, is_whole: odd == 0 }), failure)
    }

    /// Adds the notice about locks; `was_waiting` is the result of the last run. Rows that could not
    /// be parsed may belong to sessions that wait: then no OK is published.
    fn add_locks(
        &self,
        rows: &Rows,
        window: Window,
        was_waiting: Result<bool, CallFailure>,
        findings: &mut Findings,
    ) -> Waits {
        let Some(read) = &rows.locks else { return Waits::Unknown };
        let rule = self.config.locks;
        let locks = locks_of(&read.rows, rows.queries(), window.now);
        if longest_wait(&locks, window.now).is_some_and(|seconds| rule.is_too_long(seconds)) {
            let activity = notices::Activity {
                queries: rows.queries(),
                is_whole: rows.queries.as_ref().is_some_and(|queries| queries.is_whole),
            };
            let blockages = locks.blockages();
            let notice = notices::of_locks(&blockages, activity, rule, window, self.name());
            findings.notices.extend(notice);
            return Waits::TooLong;
        }
        if !read.is_whole {
            return Waits::Unknown;
        }
        let was_waiting = match was_waiting {
            Ok(was_waiting) => was_waiting,
            Err(error) => {
                let subject = "the last LockWaitSeconds in CloudWatch";
                findings.failures.push(PollFailure::new(subject, &error));
                return Waits::Unknown;
            }
        };
        if !was_waiting {
            return Waits::None;
        }
        let notice = notices::of_no_locks(rule, window.now, self.name());
        let id = notice.id();
        findings.notices.push(notice);
        Waits::Over(id)
    }

    /// The metrics of the statements that were read.
    fn gauges(&self, rows: &Rows, now: Timestamp) -> Vec<Gauges> {
        let warehouse = || (WAREHOUSE, self.name().to_owned());
        let mut metrics = Vec::new();
        if let Some(queries) = &rows.queries {
            let load = Load::of(&queries.rows, now);
            metrics.extend([
                count("QueriesRunning", load.running),
                count("QueriesQueued", load.queued),
                seconds("LongestQuerySeconds", Duration::from_secs(load.longest_seconds)),
            ]);
        }
        if let Some(locks) = rows.locks.as_ref().filter(|locks| locks.is_whole) {
            let locks = locks_of(&locks.rows, rows.queries(), now);
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
        let queues = rows.queues.as_ref().filter(|queues| queues.is_whole);
        let queues = queues.map(|queues| queues::queues(&queues.rows)).unwrap_or_default();
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

/// The longest wait for a lock, in seconds; `None` if nothing waits.
fn longest_wait(locks: &Locks<'_>, now: Timestamp) -> Option<u64> {
    locks.waiters().map(|waiter| seconds_between(waiter.since, now)).max()
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are small")]
fn count(name: &'static str, count: impl TryInto<u64>) -> Metric<f64> {
    (name, Unit::Count, count.try_into().unwrap_or_default() as f64)
}

fn seconds(name: &'static str, duration: Duration) -> Metric<f64> {
    (name, Unit::Seconds, duration.as_secs_f64())
}
