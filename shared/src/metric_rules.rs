//! Metrics from documents, by rules: `METRIC_RULES`.
//!
//! A rule selects matching documents and sums a number for each minute of their `@timestamp`, and
//! for each value of its dimension if it has one. The sums of an invocation become lines of
//! CloudWatch's embedded metric format, so no service is called.
//!
//! [`MetricRules`] are compiled once at start. A [`Tally`] matches documents against them and keeps
//! the sums of one invocation. Without rules, it does nothing.

mod parse;
mod tally;

pub use tally::Tally;

use crate::config::{self, ConfigError, Environment};
use crate::event::{DocumentForm, KnownField, Model, float};
use crate::json::{self, Kind, Paths, Word};
use crate::metrics::Unit;

/// The variable that [`MetricRules::from_environment`] reads.
pub const VARIABLES: &[&str] = &["METRIC_RULES"];

/// The metric that counts the lines that were not emitted.
const LINES_SKIPPED: &str = "MetricLinesSkipped";

/// The largest magnitude of a value in CloudWatch, 2^360 (source: Amazon CloudWatch API Reference,
/// `MetricDatum`).
const MAX_MAGNITUDE: f64 = f64::from_bits((1_023 + 360) << 52);

/// The path of a document's time.
const TIME: &str = "@timestamp";

/// The two names of the last member of a document.
const EXTRA: [&str; 2] = ["extra", "overflow"];

/// Rules for metrics, compiled for look-up.
#[derive(Debug, Default)]
pub struct MetricRules {
    rules: Vec<Rule>,
    /// For each path in the rules, by its number, the field if events know its value.
    fields: Vec<Option<KnownField>>,
    /// All paths, including that of the time.
    all: Paths,
    /// The number of `@timestamp` in `all`.
    time: usize,
    /// The paths whose values events do not know.
    others: Paths,
    /// Whether all `others` lead into [`EXTRA`].
    others_are_extra: bool,
}

/// One rule.
#[derive(Debug)]
struct Rule {
    metric: String,
    /// It selects documents in which each of these paths has one of the values.
    when: Vec<Listed>,
    /// The path of the number to sum. Without it, the rule counts.
    sum: Option<usize>,
    unit: Unit,
    by: Option<Dimension>,
}

/// A path, by its number, and the values to match.
#[derive(Debug)]
struct Listed {
    path: usize,
    values: Vec<Word>,
}

/// The values that every dimension has in addition to the listed ones.
const OTHER_AND_NONE: [&str; 2] = ["other", "none"];

/// A dimension.
#[derive(Debug)]
struct Dimension {
    name: String,
    listed: Listed,
}

/// A text, number or boolean in a document; for a text, the content between the quotes.
type Value<'a> = (Kind, &'a [u8]);

impl MetricRules {
    /// Reads `METRIC_RULES`, which is JSON, or `@` and the path of a file with JSON. A metric of a
    /// rule must not have the name of one of the function's own metrics. The model also learns the
    /// paths of the rules.
    ///
    /// # Errors
    /// [`ConfigError`] that names the rule and its member.
    pub fn from_environment(
        environment: &Environment,
        model: &mut Model,
        own_metrics: &[&str],
    ) -> Result<Self, ConfigError> {
        let [variable] = VARIABLES else { return Ok(Self::default()) };
        let Some(value) = environment.get(variable) else {
            return Ok(Self::default());
        };
        let parsed = config::text_or_file(value).and_then(|json| parse::parse(&json, own_metrics));
        let (rules, paths) = parsed.map_err(|reason| {
            let allowed = "a list of rules in JSON, [{\"metric\":\"Plays\",…},…], or @ and the path \
                 of a file that holds one";
            ConfigError::new(variable, value, format!("{allowed} ({reason})"))
        })?;
        Ok(Self::compile(rules, &paths, model))
    }

    fn compile(rules: Vec<Rule>, paths: &[String], model: &mut Model) -> Self {
        let fields: Vec<_> = paths.iter().map(|path| model.known_field(path)).collect();
        let others_are_extra = model.form == DocumentForm::Mapped;
        let mut compiled = Self { rules, fields, others_are_extra, ..Self::default() };
        for (number, path) in paths.iter().enumerate() {
            compiled.all.add(path.split('.'), number);
            if compiled.fields[number].is_none() {
                compiled.others.add(path.split('.'), number);
                let first = path.split('.').next().unwrap_or_default();
                compiled.others_are_extra &= EXTRA.contains(&first);
            }
        }
        compiled.time = paths.iter().position(|path| path == TIME).unwrap_or(paths.len());
        if compiled.time == paths.len() {
            compiled.all.add([TIME], compiled.time);
        }
        compiled
    }

    /// Whether there are no rules.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl Rule {
    /// The contribution of this rule for a document with these values at the paths: the index of
    /// the dimension's value, and the number. `None` if it does not select the document. `spare` is
    /// a buffer.
    fn take<'v>(
        &self,
        value: impl Fn(usize) -> Option<Value<'v>>,
        spare: &mut Vec<u8>,
    ) -> Option<(usize, f64)> {
        for listed in &self.when {
            listed.position(value(listed.path)?, spare)?;
        }
        let number = match self.sum {
            None => 1.0,
            Some(path) => number(value(path)?)?,
        };
        let Some(Dimension { listed, .. }) = &self.by else {
            return Some((0, number));
        };
        let place = match value(listed.path) {
            None => listed.values.len() + 1,
            Some(value) => listed.position(value, spare).unwrap_or(listed.values.len()),
        };
        Some((place, number))
    }
}

impl Dimension {
    /// The value at an index: the listed ones, then `other` and `none`.
    fn value(&self, place: usize) -> &str {
        let values = &self.listed.values;
        match values.get(place) {
            Some(value) => value.text(),
            None => OTHER_AND_NONE[usize::from(place > values.len())],
        }
    }
}

impl Listed {
    /// The index of a value; a text is compared unescaped, anything else as written.
    fn position(&self, (kind, text): Value<'_>, spare: &mut Vec<u8>) -> Option<usize> {
        let find = |text: &[u8]| {
            let head = Word::head(text);
            self.values.iter().position(|value| value.is(head, text))
        };
        if kind == Kind::String && text.contains(&b'\\') {
            return find(json::meaning(text, spare));
        }
        find(text)
    }
}

/// The number of a value, if CloudWatch accepts it.
fn number((kind, text): Value<'_>) -> Option<f64> {
    if kind != Kind::Number {
        return None;
    }
    float(text).filter(|number| number.abs() <= MAX_MAGNITUDE)
}

#[cfg(test)]
mod tests;
