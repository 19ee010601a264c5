//! Redshift queries, and which of them run too long.
//!
//! Source: Amazon Redshift Database Developer Guide, `SYS_QUERY_HISTORY`.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use shared::redshift::Cell;

use crate::window::{Window, plus, seconds_between};

/// A row of `sql/queries.sql`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) id: i64,
    pub(crate) session: Option<i64>,
    pub(crate) user: Option<String>,
    pub(crate) database: Option<String>,
    /// Such as `SELECT`.
    pub(crate) kind: Option<String>,
    /// `planning`, `queued`, `running`, `returning`, `success`, `failed` or `canceled`.
    pub(crate) status: String,
    pub(crate) start: Option<Timestamp>,
    /// When it ended; the view also has a time for a running query, which is meaningless.
    end: Option<Timestamp>,
    pub(crate) queued: Option<Duration>,
    pub(crate) error: Option<String>,
    pub(crate) sql: Option<String>,
}

impl Query {
    /// `None` if the row lacks a value that every query has.
    pub(crate) fn read(row: &[Cell]) -> Option<Self> {
        let [id, session, user, database, kind, status, start, end, queued, error, sql] = row
        else {
            return None;
        };
        let status = text(status)?;
        let is_unfinished = matches!(&*status, "planning" | "queued" | "running" | "returning");
        let queued = queued.long().and_then(|micros| u64::try_from(micros).ok());
        Some(Self {
            id: id.long()?,
            session: session.long(),
            user: text(user),
            database: text(database),
            kind: text(kind),
            start: time(start),
            // A query that is over must have an end.
            end: if is_unfinished { None } else { Some(time(end)?) },
            status,
            queued: queued.map(Duration::from_micros),
            error: text(error),
            sql: text(sql),
        })
    }

    /// Whether it has not ended at this time.
    pub(crate) fn is_unfinished(&self, now: Timestamp) -> bool {
        self.end.is_none_or(|end| end > now)
    }
}

/// Trimmed text, if it is not empty.
pub(crate) fn text(cell: &Cell) -> Option<String> {
    let text = cell.text()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A time without a zone, in UTC.
pub(crate) fn time(cell: &Cell) -> Option<Timestamp> {
    let time: DateTime = cell.text()?.trim().parse().ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The limits for the duration of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) seconds: i64,
    pub(crate) repeat: Option<SignedDuration>,
    pub(crate) ignored_users: Vec<String>,
}

/// A query that runs too long, or did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LongQuery<'a> {
    pub(crate) query: &'a Query,
    /// When it crossed the limit, or ended.
    pub(crate) at: Timestamp,
    pub(crate) is_over: bool,
    pub(crate) ran_seconds: u64,
}

/// The queries that crossed the limit in the window and still run, and those that ended in it after
/// exceeding the limit; the longest first.
pub(crate) fn long<'a>(queries: &'a [Query], rule: &Rule, window: Window) -> Vec<LongQuery<'a>> {
    let mut long: Vec<_> =
        queries.iter().filter_map(|query| LongQuery::find(query, rule, window)).collect();
    long.sort_by(|a, b| b.ran_seconds.cmp(&a.ran_seconds).then(a.query.id.cmp(&b.query.id)));
    long
}

impl<'a> LongQuery<'a> {
    fn find(query: &'a Query, rule: &Rule, window: Window) -> Option<Self> {
        if query.user.as_ref().is_some_and(|user| rule.ignored_users.contains(user)) {
            return None;
        }
        let start = query.start?;
        let limit = plus(start, SignedDuration::from_secs(rule.seconds));
        let (at, is_over, end) = match query.end {
            Some(end) if end <= window.now => {
                (Some(end).filter(|end| window.contains(*end) && *end >= limit), true, end)
            }
            _ => (window.last_of(limit, rule.repeat), false, window.now),
        };
        let ran_seconds = seconds_between(start, end);
        Some(Self { query, at: at?, is_over, ran_seconds })
    }
}

/// The load of the warehouse.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Load {
    pub(crate) running: u64,
    pub(crate) queued: u64,
    pub(crate) longest_seconds: u64,
}

impl Load {
    pub(crate) fn of(queries: &[Query], now: Timestamp) -> Self {
        let mut load = Self::default();
        for query in queries {
            match &*query.status {
                "running" | "returning" | "planning" => load.running += 1,
                "queued" => load.queued += 1,
                _ => continue,
            }
            let ran_seconds = query.start.map_or(0, |start| seconds_between(start, now));
            load.longest_seconds = load.longest_seconds.max(ran_seconds);
        }
        load
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(status: &str, start: &str, end: Option<&str>) -> Vec<Cell> {
        let text = |text: &str| Cell::Text(text.to_owned());
        vec![
            Cell::Long(7),
            Cell::Long(1_073_741_824),
            text("etl"),
            text("dev"),
            text("SELECT"),
            text(status),
            text(start),
            end.map_or(Cell::Null, text),
            Cell::Long(1_500_000),
            text(" "),
            text("SELECT 1"),
        ]
    }

    fn query(status: &str, start: &str, end: Option<&str>) -> Query {
        Query::read(&row(status, start, end)).unwrap()
    }

    const WINDOW: (&str, &str) = ("2026-11-28T06:50:00Z", "2026-11-28T07:00:00Z");

    fn found(query: Query, repeat_hours: Option<i64>) -> Option<(String, bool, u64)> {
        let window = Window { start: WINDOW.0.parse().unwrap(), now: WINDOW.1.parse().unwrap() };
        let repeat = repeat_hours.map(SignedDuration::from_hours);
        let rule = Rule { seconds: 3_600, repeat, ignored_users: vec!["ada".to_owned()] };
        let queries = [query];
        let long = long(&queries, &rule, window);
        long.first().map(|long| (long.at.to_string(), long.is_over, long.ran_seconds))
    }

    #[test]
    fn rows_are_read_with_blanks_and_nulls() {
        let query = query("running   ", "2026-11-28 06:00:00.25", Some("2026-11-28 06:30:00"));
        assert_eq!((&*query.status, query.end, query.error), ("running", None, None));
        assert_eq!(query.start, Some("2026-11-28T06:00:00.25Z".parse().unwrap()));
        assert_eq!(query.queued, Some(Duration::from_millis(1_500)));
        for (index, is_read) in [(0, false), (1, true), (2, true), (5, false), (6, true)] {
            let mut row = row("planning", "2026-11-28 06:00:00", None);
            row[index] = Cell::Null;
            assert_eq!(Query::read(&row).is_some(), is_read, "{index}");
        }
        assert_eq!(Query::read(&row("success", "2026-11-28 06:00:00", None)), None);
        // An unknown status is not that of a running query.
        assert_eq!(Query::read(&row("odd", "2026-11-28 06:00:00", None)), None);
        let ended = row("odd", "2026-11-28 06:00:00", Some("2026-11-28 06:30:00"));
        assert!(Query::read(&ended).unwrap().end.is_some());
        assert_eq!(Query::read(&row("running", "2026-11-28 06:00:00", None)[..10]), None);
    }

    #[test]
    fn a_query_is_long_when_it_crosses_the_limit_or_ends_after_it() {
        let running = |start| query("running", start, Some("2026-11-28 06:59:00"));
        let ended = |start, end| query("failed", start, Some(end));
        for (query, expected) in [
            (running("2026-11-28 05:55:00"), Some(("2026-11-28T06:55:00Z", false, 3_900))),
            (running("2026-11-28 06:00:00"), Some(("2026-11-28T07:00:00Z", false, 3_600))),
            (running("2026-11-28 05:50:00"), None),
            (running("2026-11-28 06:00:01"), None),
            // Six hours later again.
            (running("2026-11-27 23:58:00"), Some(("2026-11-28T06:58:00Z", false, 25_320))),
            (
                query("queued", "2026-11-28 05:55:00", None),
                Some(("2026-11-28T06:55:00Z", false, 3_900)),
            ),
            // It also crossed the limit in the window, but only its end counts.
            (
                ended("2026-11-28 05:55:00", "2026-11-28 06:56:00"),
                Some(("2026-11-28T06:56:00Z", true, 3_660)),
            ),
            (
                ended("2026-11-28 05:51:00", "2026-11-28 06:51:00"),
                Some(("2026-11-28T06:51:00Z", true, 3_600)),
            ),
            (ended("2026-11-28 05:55:00", "2026-11-28 06:54:59"), None),
            (ended("2026-11-28 04:00:00", "2026-11-28 06:50:00"), None),
            // At the end of this window it still runs: its end is in the next window.
            (
                ended("2026-11-28 05:55:00", "2026-11-28 07:00:01"),
                Some(("2026-11-28T06:55:00Z", false, 3_900)),
            ),
            (ended("2026-11-28 04:00:00", "2026-11-28 07:00:01"), None),
        ] {
            let expected = expected.map(|(at, is_over, ran)| (at.to_owned(), is_over, ran));
            assert_eq!(found(query.clone(), Some(6)), expected, "{query:?}");
        }
        assert_eq!(found(running("2026-11-27 23:58:00"), None), None);
    }

    #[test]
    fn queries_of_ignored_users_are_not_long() {
        let mut query = query("running", "2026-11-28 05:55:00", None);
        query.user = Some("ada".to_owned());
        assert_eq!(found(query.clone(), None), None);
        query.user = None;
        assert!(found(query, None).is_some());
    }

    #[test]
    fn the_longest_come_first() {
        let mut queries = ["05:55:00", "05:50:01", "05:55:00"]
            .map(|start| query("running", &format!("2026-11-28 {start}"), None));
        for (query, id) in queries.iter_mut().zip([3, 2, 1]) {
            query.id = id;
        }
        let window = Window { start: WINDOW.0.parse().unwrap(), now: WINDOW.1.parse().unwrap() };
        let rule = Rule { seconds: 3_600, repeat: None, ignored_users: vec![] };
        let ids: Vec<_> = long(&queries, &rule, window).iter().map(|long| long.query.id).collect();
        assert_eq!(ids, [2, 1, 3]);
    }

    #[test]
    fn the_load_counts_what_has_not_ended() {
        let statuses = ["running", "returning", "planning", "queued", "success", "odd"];
        let queries = statuses
            .map(|status| query(status, "2026-11-28 06:00:00", Some("2026-11-28 06:30:00")));
        let load = Load::of(&queries, WINDOW.1.parse().unwrap());
        assert_eq!(load, Load { running: 3, queued: 1, longest_seconds: 3_600 });
        assert_eq!(Load::of(&[], WINDOW.1.parse().unwrap()), Load::default());
    }
}
