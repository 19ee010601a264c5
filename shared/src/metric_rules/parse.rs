//! Reads rules from JSON, with errors that name the rule and its member.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Dimension, LINES_SKIPPED, Listed, OTHER_AND_NONE, Rule};
use crate::json::{Entries, Word};
use crate::metrics::Unit;

/// Maximum number of rules.
const MAX_RULES: usize = 20;

/// Maximum number of values in a list: each value of a dimension is a metric that costs money.
const MAX_VALUES: usize = 100;

/// Maximum number of segments of a path.
const MAX_SEGMENTS: usize = 3;

/// Maximum length of the name of a metric or dimension (source: Amazon CloudWatch API Reference,
/// `MetricDatum` and `Dimension`).
const MAX_NAME_LENGTH: usize = 255;

/// Maximum length of a dimension's value (source: Amazon CloudWatch API Reference, `Dimension`).
const MAX_DIMENSION_LENGTH: usize = 1_024;

/// Returns the rules and the paths in them, by their numbers.
///
/// # Errors
/// The reason, with the rule and its member.
pub(super) fn parse(json: &str, own_metrics: &[&str]) -> Result<(Vec<Rule>, Vec<String>), String> {
    let list: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if list.len() > MAX_RULES {
        return Err(format!("{} rules, but at most {MAX_RULES} are allowed", list.len()));
    }
    let mut taken: BTreeSet<_> = own_metrics.iter().copied().map(str::to_owned).collect();
    taken.insert(LINES_SKIPPED.to_owned());
    let mut rules = Vec::new();
    let mut paths = Paths::default();
    for (index, rule) in list.into_iter().enumerate() {
        let place = format!("rule {}", index + 1);
        let rule = read_rule(rule, &place, &mut paths)?;
        if !taken.insert(rule.metric.clone()) {
            let reason = "it is a metric of the function or of an earlier rule";
            return Err(format!("{place} ({}): `metric`: {reason}", rule.metric));
        }
        rules.push(rule);
    }
    Ok((rules, paths.0))
}

/// The paths in the rules, each once.
#[derive(Default)]
struct Paths(Vec<String>);

impl Paths {
    /// The number of a path.
    fn number(&mut self, path: &str) -> Result<usize, String> {
        let segments = path.split('.');
        if segments.clone().count() > MAX_SEGMENTS || segments.clone().any(str::is_empty) {
            return Err(format!("{path:?} is not a path of one to three segments"));
        }
        let known = self.0.iter().position(|known| known == path);
        Ok(known.unwrap_or_else(|| {
            self.0.push(path.to_owned());
            self.0.len() - 1
        }))
    }
}

fn read_rule(rule: &RawValue, place: &str, paths: &mut Paths) -> Result<Rule, String> {
    let Entries(members): Entries<&RawValue> =
        read(rule, "an object").map_err(|reason| format!("{place}: {reason}"))?;
    let metric = members.iter().find(|(name, _)| name == "metric");
    let metric = metric.and_then(|(_, value)| read::<String>(value, "").ok());
    let place = match &metric {
        Some(metric) => format!("{place} ({metric})"),
        None => place.to_owned(),
    };
    let mut unit = None;
    let mut rule =
        Rule { metric: String::new(), when: Vec::new(), sum: None, unit: Unit::Count, by: None };
    let mut known = BTreeSet::new();
    for (member, value) in &members {
        let read = match member.as_str() {
            _ if !known.insert(member) => Err("is there twice".to_owned()),
            "metric" => read_name(value).map(|name| rule.metric = name),
            "when" => read_when(value, paths).map(|when| rule.when = when),
            "sum" => read_path(value, paths).map(|path| rule.sum = Some(path)),
            "unit" => read_unit(value).map(|read| unit = Some(read)),
            "by" => read_by(value, paths).map(|by| rule.by = Some(by)),
            _ => Err("is not one of metric, when, sum, unit and by".to_owned()),
        };
        read.map_err(|reason| format!("{place}: `{member}`: {reason}"))?;
    }
    if !known.contains(&"metric".to_owned()) {
        return Err(format!("{place}: `metric`: is missing"));
    }
    if rule.by.as_ref().is_some_and(|by| by.name == rule.metric) {
        return Err(format!("{place}: `by`: the dimension has the name of the metric"));
    }
    rule.unit = unit.unwrap_or(if rule.sum.is_some() { Unit::None } else { Unit::Count });
    Ok(rule)
}

/// Reads a value that must be `what`.
fn read<'a, T: Deserialize<'a>>(value: &'a RawValue, what: &str) -> Result<T, String> {
    serde_json::from_str(value.get()).map_err(|_| format!("must be {what}"))
}

fn read_name(value: &RawValue) -> Result<String, String> {
    let name: String = read(value, "a text")?;
    check_name(&name)?;
    Ok(name)
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    let fits = (1..=MAX_NAME_LENGTH).contains(&name.len());
    // The embedded metric format itself uses that name.
    if fits && name.bytes().all(allowed) && name != "_aws" {
        return Ok(());
    }
    Err(format!("{name:?} is not a name of 1 to {MAX_NAME_LENGTH} letters, digits and _-./"))
}

fn read_when(value: &RawValue, paths: &mut Paths) -> Result<Vec<Listed>, String> {
    let Entries(when): Entries<Vec<&RawValue>> =
        read(value, "an object of paths, each with a list of values")?;
    let mut listed: Vec<Listed> = Vec::new();
    for (path, values) in when {
        let number = paths.number(&path)?;
        if listed.iter().any(|known| known.path == number) {
            return Err(format!("{path} is there twice"));
        }
        let values = read_values(&values).map_err(|reason| format!("{path} {reason}"))?;
        listed.push(Listed { path: number, values });
    }
    Ok(listed)
}

fn read_path(value: &RawValue, paths: &mut Paths) -> Result<usize, String> {
    paths.number(&read::<String>(value, "a path")?)
}

fn read_unit(value: &RawValue) -> Result<Unit, String> {
    let name: String = read(value, "a unit of CloudWatch")?;
    Unit::parse(&name).ok_or_else(|| {
        format!("{name:?} is not a unit of CloudWatch, such as Count, Bytes or Milliseconds")
    })
}

fn read_by(value: &RawValue, paths: &mut Paths) -> Result<Dimension, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct By<'a> {
        path: String,
        #[serde(borrow)]
        values: Vec<&'a RawValue>,
    }

    let Entries(dimensions): Entries<By<'_>> =
        read(value, "an object of one dimension, with a path and a list of values")?;
    let Ok([(name, By { path, values })]) = <[_; 1]>::try_from(dimensions) else {
        return Err("must have one dimension".to_owned());
    };
    check_name(&name)?;
    let path = paths.number(&path).map_err(|reason| format!("{name}.path: {reason}"))?;
    let values = read_values(&values).map_err(|reason| format!("{name}.values {reason}"))?;
    if let Some(wrong) = values.iter().map(Word::text).find(|value| !is_dimension_value(value)) {
        return Err(format!(
            "{name}.values has {wrong:?}, but a dimension's value has 1 to {MAX_DIMENSION_LENGTH} \
             visible ASCII characters and spaces, and is not `other` or `none`"
        ));
    }
    Ok(Dimension { name, listed: Listed { path, values } })
}

/// Reads texts, and numbers and booleans as they are written.
fn read_values(list: &[&RawValue]) -> Result<Vec<Word>, String> {
    if !(1..=MAX_VALUES).contains(&list.len()) {
        return Err(format!("has {} values, but 1 to {MAX_VALUES} are allowed", list.len()));
    }
    let mut values = Vec::new();
    for value in list {
        let text = value.get();
        let value = match text.as_bytes().first() {
            Some(b'"') => read(value, "a text")?,
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => text.to_owned(),
            _ => return Err("has a value that is not a text, number or boolean".to_owned()),
        };
        let value = Word::new(value);
        if values.contains(&value) {
            return Err(format!("has {:?} twice", value.text()));
        }
        values.push(value);
    }
    Ok(values)
}

/// Whether CloudWatch accepts the value, and it is not one that every dimension has (source: Amazon
/// CloudWatch API Reference, `Dimension`).
fn is_dimension_value(value: &str) -> bool {
    (1..=MAX_DIMENSION_LENGTH).contains(&value.len())
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !value.trim().is_empty()
        && !OTHER_AND_NONE.contains(&value)
}

#[cfg(test)]
mod tests;
