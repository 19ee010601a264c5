//! The sums of an invocation, and their lines.

use std::collections::HashMap;
use std::io::{self, Write};

use foldhash::fast::FixedState;
use serde_json::Number;

use super::{LINES_SKIPPED, MAX_MAGNITUDE, MetricRules, Value};
use crate::event::{Event, Timestamp};
use crate::json::{Found, Kind};
use crate::metrics::{Metrics, Total, Unit};

/// Maximum number of lines of a rule in an invocation.
const MAX_LINES: usize = 100;

/// Maximum number of sums in memory, 2 MB: an object can have any number of minutes.
const MAX_SUMS: usize = 50_000;

/// CloudWatch accepts values of the last two weeks and of the next two hours (source: Amazon
/// CloudWatch User Guide, "Publish custom metrics"); the limits leave time for delivering the line.
const MINUTES_BEFORE: u32 = 13 * 24 * 60;
const MINUTES_AFTER: u32 = 60;

/// The sums of the rules over the documents of one invocation. Its buffers are reused.
#[derive(Debug, Default)]
pub struct Tally {
    /// Numbers from documents that may still fail, by the number of the document.
    pending: Vec<(usize, Line, f64)>,
    sums: Sums,
    found: Vec<Found>,
    spare: Vec<u8>,
}

/// The sum of each line.
#[derive(Debug, Default)]
struct Sums {
    by_line: HashMap<Line, f64, FixedState>,
    /// Number of additions to lines beyond the [`MAX_SUMS`].
    beyond: u64,
}

impl Sums {
    fn add(&mut self, line: Line, number: f64) {
        if let Some(sum) = self.by_line.get_mut(&line) {
            *sum += number;
        } else if self.by_line.len() < MAX_SUMS {
            self.by_line.insert(line, number);
        } else {
            self.beyond += 1;
        }
    }
}

/// The key of a line, in the order of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Line {
    rule: u8,
    /// Minutes since 1970.
    minute: u32,
    /// The index of the dimension's value.
    value: u8,
}

impl Tally {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.sums.by_line.clear();
        self.sums.beyond = 0;
    }

    /// Counts a document: one JSON object with an `@timestamp`, as written by the event model.
    pub fn count(&mut self, rules: &MetricRules, document: &[u8]) {
        if rules.is_empty() {
            return;
        }
        let Self { sums, found, spare, .. } = self;
        found.clear();
        found.resize(rules.fields.len() + 1, Found::NOTHING);
        rules.all.find(document, 0, found, spare);
        let value = |path: usize| value_of(found[path], document);
        let time = value(rules.time).and_then(|(_, text)| Timestamp::from_rfc3339(text));
        let Some(minute) = time.and_then(minute) else { return };
        for (line, number) in taken(rules, minute, value, spare) {
            sums.add(line, number);
        }
    }

    /// Notes a document that was just written from this `event`, to be counted later by
    /// [`Tally::count_noted`] under this `number`.
    pub fn note(
        &mut self,
        rules: &MetricRules,
        number: usize,
        event: &Event<'_>,
        document: &[u8],
        time: Timestamp,
    ) {
        if rules.is_empty() {
            return;
        }
        let Self { pending, found, spare, .. } = self;
        found.clear();
        found.resize(rules.fields.len(), Found::NOTHING);
        let start = if rules.others_are_extra { event.extra_start() } else { 0 };
        rules.others.find(document, start, found, spare);
        let value = |path: usize| match rules.fields[path] {
            Some(field) => event.known(field, document),
            None => value_of(found[path], document),
        };
        let Some(minute) = minute(time) else { return };
        let taken = taken(rules, minute, value, spare);
        pending.extend(taken.map(|(line, sum)| (number, line, sum)));
    }

    /// Counts the noted documents with the numbers for which `counts` is true.
    pub fn count_noted(&mut self, counts: impl Fn(usize) -> bool) {
        for (_, line, number) in self.pending.drain(..).filter(|(number, ..)| counts(*number)) {
            self.sums.add(line, number);
        }
    }

    /// Emits the sums and clears them. Lines that CloudWatch would not accept, or that exceed
    /// [`MAX_LINES`] of a rule, are counted instead.
    ///
    /// # Errors
    /// If writing to `out` fails.
    pub fn emit(
        &mut self,
        rules: &MetricRules,
        namespace: &str,
        function_name: &str,
        now: Timestamp,
        mut out: impl Write,
    ) -> io::Result<()> {
        let Sums { by_line, beyond } = &mut self.sums;
        if by_line.is_empty() {
            return Ok(());
        }
        let mut sums: Vec<_> = by_line.drain().collect();
        sums.sort_unstable_by_key(|(line, _)| *line);
        let now_minute = minute(now).unwrap_or_default();
        let accepted = now_minute.saturating_sub(MINUTES_BEFORE)..=now_minute + MINUTES_AFTER;
        let mut lines = Vec::new();
        let mut skipped = std::mem::take(beyond);
        for of_rule in sums.chunk_by(|(one, _), (other, _)| one.rule == other.rule) {
            let mut emitted = 0;
            for (line, sum) in of_rule {
                let is_accepted = accepted.contains(&line.minute) && sum.abs() <= MAX_MAGNITUDE;
                if is_accepted && emitted < MAX_LINES {
                    emitted += 1;
                    append(rules, namespace, *line, *sum, &mut lines)?;
                } else {
                    skipped += 1;
                }
            }
        }
        if skipped > 0 {
            Metrics {
                namespace,
                dimensions: &[("FunctionName", function_name)],
                timestamp_ms: now.milliseconds(),
                metrics: &[(LINES_SKIPPED, Unit::Count, skipped)],
            }
            .append(Total::Without, &mut lines)?;
        }
        out.write_all(&lines)?;
        out.flush()
    }
}

/// The contribution of each rule for a document.
fn taken<'v>(
    rules: &MetricRules,
    minute: u32,
    value: impl Fn(usize) -> Option<Value<'v>>,
    spare: &mut Vec<u8>,
) -> impl Iterator<Item = (Line, f64)> {
    (0..).zip(&rules.rules).filter_map(move |(rule, it)| {
        let (value, number) = it.take(&value, spare)?;
        Some((Line { rule, minute, value: u8::try_from(value).ok()? }, number))
    })
}

fn value_of(found: Found, document: &[u8]) -> Option<Value<'_>> {
    (found.kind != Kind::Null).then(|| (found.kind, found.span.of(document)))
}

/// The minute of a time, since 1970.
fn minute(time: Timestamp) -> Option<u32> {
    u32::try_from(time.milliseconds() / 60_000).ok()
}

/// Appends a line with its sum.
fn append(
    rules: &MetricRules,
    namespace: &str,
    line: Line,
    sum: f64,
    lines: &mut Vec<u8>,
) -> io::Result<()> {
    let rule = &rules.rules[usize::from(line.rule)];
    let dimension = rule.by.as_ref().map(|by| (&*by.name, by.value(usize::from(line.value))));
    let Some(value) = as_written(sum) else { return Ok(()) };
    Metrics {
        namespace,
        dimensions: dimension.as_slice(),
        timestamp_ms: u64::from(line.minute) * 60_000,
        metrics: &[(&*rule.metric, rule.unit, value)],
    }
    .append(Total::With, lines)
}

/// A finite number; a whole number has no fraction, if a double represents it exactly.
fn as_written(number: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
        return Some(Number::from(number as i64));
    }
    Number::from_f64(number)
}
