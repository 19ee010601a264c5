//! The subset of `InfluxQL` that the dashboard uses: aggregates of fields by time windows and by
//! tags.
//!
//! Source: InfluxDB 1.8 documentation, "Influx Query Language reference".

mod parse;

use std::collections::BTreeMap;

use super::database::{Database, Points};
pub(super) use parse::{Statement, parse};

/// Maximum number of windows of an answer (InfluxDB: `max-select-buckets`, which is off by
/// default).
const MAX_WINDOWS: i64 = 1_000_000;

/// A `SELECT` statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Select {
    pub(super) columns: Vec<Column>,
    pub(super) measurement: String,
    /// The first time, in nanoseconds since 1970.
    pub(super) from_ns: Option<i64>,
    /// The end time, exclusive.
    pub(super) until_ns: Option<i64>,
    /// Tags that a series must have.
    pub(super) tags: Vec<(String, String)>,
    /// `GROUP BY time(…)`
    pub(super) window_ns: Option<i64>,
    /// The tags of `GROUP BY`.
    pub(super) by: Vec<String>,
    pub(super) fill: Fill,
}

/// A column: one operand, or two with an operator between them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) first: Operand,
    pub(super) then: Option<(char, Operand)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Number(f64),
    Aggregate(Aggregate, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Mean,
    Count,
    Last,
}

/// The value of an empty window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Fill {
    #[default]
    Null,
    None,
    Number(f64),
}

/// The rows of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The measurement.
    pub name: String,
    /// The tags of `GROUP BY`; a tag that the points do not have is empty.
    pub tags: BTreeMap<String, String>,
    /// The names of the columns after `time`.
    pub columns: Vec<String>,
    /// The rows by time, in nanoseconds since 1970.
    pub rows: Vec<Row>,
}

/// A time and the values of the columns.
pub type Row = (i64, Vec<Option<f64>>);

impl Select {
    /// Runs the query on a database at `now_ns`.
    ///
    /// # Errors
    /// Why the query exceeds a limit.
    pub(super) fn ask(&self, database: &Database, now_ns: i64) -> Result<Vec<Series>, String> {
        let mut groups: BTreeMap<Vec<String>, Vec<&Points>> = BTreeMap::new();
        for ((measurement, tags), points) in &database.series {
            let tag = |name: &String| tags.get(name).cloned().unwrap_or_default();
            let is_asked = self.tags.iter().all(|(name, value)| tag(name) == *value);
            if *measurement == self.measurement && is_asked {
                groups.entry(self.by.iter().map(tag).collect()).or_default().push(points);
            }
        }
        let mut answer = Vec::new();
        for (values, points) in groups {
            let rows = self.rows(&points, now_ns)?;
            if !rows.is_empty() {
                let tags = self.by.iter().cloned().zip(values).collect();
                let (name, columns) = (self.measurement.clone(), self.names());
                answer.push(Series { name, tags, columns, rows });
            }
        }
        Ok(answer)
    }

    fn rows(&self, series: &[&Points], now_ns: i64) -> Result<Vec<Row>, String> {
        let from = self.from_ns.unwrap_or(i64::MIN);
        let until = self.until_ns.unwrap_or(i64::MAX).max(from);
        let window = |time: i64| match self.window_ns {
            Some(window) => time - time.rem_euclid(window),
            None => self.from_ns.unwrap_or(0),
        };
        let mut windows: BTreeMap<i64, Window> = BTreeMap::new();
        for points in series {
            for (time, fields) in points.range(from..until) {
                let found = windows.entry(window(*time)).or_default();
                for (name, value) in fields {
                    if let Some(number) = value.number() {
                        found.entry(name.clone()).or_default().add(*time, number);
                    }
                }
            }
        }
        let first = windows.keys().next().copied();
        let mut rows = Vec::new();
        for (start, fields) in &windows {
            let values: Vec<_> = self.columns.iter().map(|column| column.value(fields)).collect();
            // A row exists for any operand, even if the other operand of its column is missing.
            if self.columns.iter().any(|column| column.has_any(fields)) {
                // A single selector without windows returns the time of its point.
                let time = self.selected(fields).unwrap_or(*start);
                rows.push((time, values));
            }
        }
        let (Some(width), Some(first)) = (self.window_ns, first) else { return Ok(rows) };
        let filling = match self.fill {
            Fill::None => return Ok(rows),
            Fill::Null => None,
            Fill::Number(number) => Some(number),
        };
        let start = self.from_ns.map_or(first, window);
        let end = self.until_ns.unwrap_or(now_ns);
        if end.saturating_sub(start) / width > MAX_WINDOWS {
            return Err(format!("more than {MAX_WINDOWS} windows"));
        }
        let mut filled: BTreeMap<i64, Vec<Option<f64>>> = BTreeMap::new();
        let mut time = start;
        while time < end {
            filled.insert(time, vec![filling; self.columns.len()]);
            time += width;
        }
        let fill = |value: Option<f64>| value.or(filling);
        filled.extend(
            rows.into_iter().map(|(time, values)| (time, values.into_iter().map(fill).collect())),
        );
        Ok(filled.into_iter().collect())
    }

    /// The time of the point in the only column, if that is a selector.
    fn selected(&self, fields: &Window) -> Option<i64> {
        match (&self.columns[..], self.window_ns) {
            ([Column { first: Operand::Aggregate(Aggregate::Last, field), then: None }], None) => {
                fields.get(field).map(|sums| sums.last.0)
            }
            _ => None,
        }
    }

    /// The names of the columns; a duplicate name gets a number.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for column in &self.columns {
            let name = column.name();
            let same = |other: &&String| {
                other.strip_prefix(&name).is_some_and(|end| end.is_empty() || end.starts_with('_'))
            };
            let count = names.iter().filter(same).count();
            names.push(if count == 0 { name } else { format!("{name}_{count}") });
        }
        names
    }
}

/// The data for every aggregate, by field.
type Window = BTreeMap<String, Sums>;

#[derive(Clone, Copy, Debug)]
struct Sums {
    sum: f64,
    count: f64,
    last: (i64, f64),
}

impl Default for Sums {
    fn default() -> Self {
        Self { sum: 0.0, count: 0.0, last: (i64::MIN, 0.0) }
    }
}

impl Sums {
    fn add(&mut self, time: i64, number: f64) {
        self.sum += number;
        self.count += 1.0;
        if time >= self.last.0 {
            self.last = (time, number);
        }
    }
}

impl Column {
    fn value(&self, window: &Window) -> Option<f64> {
        let first = self.first.value(window)?;
        let Some((operator, second)) = &self.then else { return Some(first) };
        let second = second.value(window)?;
        Some(match operator {
            '+' => first + second,
            '-' => first - second,
            '*' => first * second,
            // As in InfluxDB 1.
            _ if second == 0.0 => 0.0,
            _ => first / second,
        })
    }

    /// Whether the window contains a field of one of its aggregates.
    fn has_any(&self, window: &Window) -> bool {
        let then = self.then.iter().map(|(_, operand)| operand);
        [&self.first].into_iter().chain(then).any(|operand| match operand {
            Operand::Number(_) => false,
            Operand::Aggregate(_, field) => window.contains_key(field),
        })
    }

    fn name(&self) -> String {
        let then = self.then.iter().map(|(_, operand)| operand);
        let names: Vec<_> =
            [&self.first].into_iter().chain(then).filter_map(Operand::name).collect();
        names.join("_")
    }
}

impl Operand {
    fn value(&self, window: &Window) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Aggregate(aggregate, field) => {
                let Sums { sum, count, last } = window.get(field)?;
                Some(match aggregate {
                    Aggregate::Sum => *sum,
                    Aggregate::Mean => sum / count,
                    Aggregate::Count => *count,
                    Aggregate::Last => last.1,
                })
            }
        }
    }

    fn name(&self) -> Option<&'static str> {
        match self {
            Self::Number(_) => None,
            Self::Aggregate(Aggregate::Sum, _) => Some("sum"),
            Self::Aggregate(Aggregate::Mean, _) => Some("mean"),
            Self::Aggregate(Aggregate::Count, _) => Some("count"),
            Self::Aggregate(Aggregate::Last, _) => Some("last"),
        }
    }
}
