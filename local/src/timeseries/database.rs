//! The points of a database, without a server and with the caller's clock.

use std::collections::BTreeMap;

use super::line::{self, Value};

/// Measurement and tags.
pub(super) type Key = (String, BTreeMap<String, String>);

/// The fields of one series by time, in nanoseconds since 1970.
pub(super) type Points = BTreeMap<i64, BTreeMap<String, Value>>;

/// A database of points.
#[derive(Debug, Default)]
pub struct Database {
    pub(super) series: BTreeMap<Key, Points>,
    /// The type of each field of a measurement, which never changes.
    types: BTreeMap<(String, String), &'static str>,
}

impl Database {
    /// Writes lines whose times have this number of nanoseconds as their unit; a line without a
    /// time has the time `now_ns`. A point that is written again replaces the fields that it
    /// contains.
    ///
    /// # Errors
    /// The error text if some lines are rejected. All others are stored.
    pub fn write(&mut self, lines: &str, unit_ns: i64, now_ns: i64) -> Result<(), String> {
        let mut dropped = 0;
        let mut first = None;
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let written = match line::parse(line) {
                Ok(point) => self.write_point(point, unit_ns, now_ns).inspect_err(|_| dropped += 1),
                Err(problem) => Err(format!("unable to parse '{line}': {problem}")),
            };
            if let Err(problem) = written {
                first.get_or_insert(problem);
            }
        }
        let refusal = first.map(|first| format!("partial write: {first} dropped={dropped}"));
        refusal.map_or(Ok(()), Err)
    }

    fn write_point(&mut self, point: line::Point, unit_ns: i64, now_ns: i64) -> Result<(), String> {
        let line::Point { measurement, tags, fields, time } = point;
        for (name, value) in &fields {
            let key = (measurement.clone(), name.clone());
            let kind = *self.types.entry(key).or_insert(value.kind());
            if kind != value.kind() {
                return Err(format!(
                    "field type conflict: input field \"{name}\" on measurement \"{measurement}\" is \
                     type {}, already exists as type {kind}",
                    value.kind()
                ));
            }
        }
        let time = time.map_or(now_ns, |time| time.saturating_mul(unit_ns));
        let points = self.series.entry((measurement, tags)).or_default();
        points.entry(time).or_default().extend(fields);
        Ok(())
    }

    /// The names of the measurements.
    #[must_use]
    pub fn measurements(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.series.keys().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        names
    }
}
