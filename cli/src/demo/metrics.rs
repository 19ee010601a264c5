//! Metrics from documents: what `firehose-transform` emitted for the rules of `--metric-rules`,
//! compared with OpenSearch's own count.

use std::collections::BTreeMap;
use std::fmt::{self, Formatter};
use std::fs;
use std::path::Path;

use firehose_transform::config::Config;
use local::opensearch::{Client, ClientError};
use local::runtime_api::{LogLine, LogStream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::config::Environment;

use super::logs::json_lines;
use crate::error::CliError;
use crate::layout::{details, most_first, row};

/// Maximum number of values that OpenSearch counts: a dimension has at most 100.
const VALUES: u32 = 1_000;

/// The rules of a file.
#[derive(Debug)]
pub(super) struct Rules {
    json: String,
    rules: Vec<Rule>,
}

/// A rule, as far as its metric can be counted again.
#[derive(Debug, Deserialize)]
struct Rule {
    metric: String,
    #[serde(default)]
    when: BTreeMap<String, Vec<Value>>,
    sum: Option<String>,
    #[serde(default)]
    by: BTreeMap<String, Dimension>,
}

#[derive(Debug, Deserialize)]
struct Dimension {
    path: String,
}

/// A rule's metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Metric {
    name: String,
    dimension: Option<String>,
    emitted: Counts,
    /// `None` if OpenSearch cannot count it with a simple search.
    counted: Option<Counts>,
}

/// Number of documents: all, and by the value of the dimension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Counts {
    total: u64,
    by_value: BTreeMap<String, u64>,
}

impl Rules {
    /// Reads a file, and checks its rules as the function does.
    ///
    /// # Errors
    /// [`CliError::Usage`] if it does not contain rules, or for an invalid rule.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let unusable = |error: &dyn fmt::Display| {
            CliError::usage(format_args!("--metric-rules: {}: {error}", path.display()))
        };
        let json = fs::read_to_string(path).map_err(|error| unusable(&error))?;
        let rules = serde_json::from_str(&json).map_err(|error| unusable(&error))?;
        let rules = Self { json, rules };
        // Variables that Lambda sets.
        let lambda = ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_RUNTIME_API"];
        let environment: Environment = lambda.map(|name| (name, "local")).into_iter().collect();
        let set = |environment: Environment, (name, value)| environment.with(name, value);
        let environment = rules.variables().into_iter().fold(environment, set);
        Config::from_environment(&environment).map_err(|error| unusable(&error))?;
        Ok(rules)
    }

    /// The function's variables. The events of the sample are years old, and CloudWatch accepts
    /// metrics of two weeks: without timestamp fields, documents have the time of their arrival.
    pub(super) fn variables(&self) -> [(String, String); 2] {
        [("METRIC_RULES", &*self.json), ("TIMESTAMP_FIELDS", "none")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    }

    /// The metrics of the rules that count documents, from the function's standard output and from
    /// OpenSearch.
    pub(super) async fn metrics(
        &self,
        logs: &[LogLine],
        client: &Client,
        index: &str,
    ) -> Result<Vec<Metric>, ClientError> {
        let lines: Vec<Value> = json_lines(logs, LogStream::Stdout).collect();
        let mut metrics = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.sum.is_none()) {
            metrics.push(Metric {
                name: rule.metric.clone(),
                dimension: rule.by.keys().next().cloned(),
                emitted: rule.emitted(&lines),
                counted: rule.counted(client, index).await?,
            });
        }
        Ok(metrics)
    }
}

impl Rule {
    fn emitted(&self, lines: &[Value]) -> Counts {
        let mut counts = Counts::default();
        for line in lines {
            let count = line[&self.metric].as_u64().unwrap_or_default();
            counts.total += count;
            if let Some(value) = self.by.keys().next().and_then(|name| line[name].as_str()) {
                *counts.by_value.entry(value.to_owned()).or_default() += count;
            }
        }
        counts
    }

    async fn counted(&self, client: &Client, index: &str) -> Result<Option<Counts>, ClientError> {
        let (Some((path, values)), true) = (self.when.first_key_value(), self.when.len() == 1)
        else {
            return Ok(None);
        };
        let Some(values) = values.iter().map(Value::as_str).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let terms = |path: &str| json!({ "terms": { "field": path, "size": VALUES } });
        let mut aggregations = BTreeMap::from([("total", terms(path))]);
        if let Some(dimension) = self.by.values().next() {
            aggregations.insert("values", terms(&dimension.path));
        }
        let mut counts = Counts::default();
        for value in values {
            let query =
                json!({ "size": 0, "query": { "term": { path: value } }, "aggs": aggregations });
            let reply = client.search(index, &query).await?;
            let of_value = |(found, _): &(String, u64)| found == value;
            counts.total += reply.buckets("total").into_iter().find(of_value).map_or(0, |it| it.1);
            for (value, documents) in reply.buckets("values") {
                *counts.by_value.entry(value).or_default() += documents;
            }
        }
        Ok(Some(counts))
    }
}

impl Metric {
    /// The differences between the function and OpenSearch. Values that the rule does not list are
    /// `other`.
    pub(super) fn discrepancies(&self) -> Vec<String> {
        let Self { name, emitted, counted: Some(counted), .. } = self else { return Vec::new() };
        let listed =
            emitted.by_value.iter().filter(|(value, _)| !["other", "none"].contains(&&***value));
        let of_value = listed.map(|(value, count)| (&**value, *count, counted.by_value.get(value)));
        let all = [("all values", emitted.total, Some(&counted.total))].into_iter().chain(of_value);
        let different =
            all.filter(|(_, emitted, counted)| *emitted != counted.copied().unwrap_or(0));
        let text = |(value, emitted, counted): (&str, u64, Option<&u64>)| {
            let counted = counted.copied().unwrap_or(0);
            format!("{name} of {value}: {emitted} emitted, but OpenSearch counts {counted}")
        };
        different.map(text).collect()
    }

    pub(super) fn rows(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let by = self.dimension.as_ref().map(|name| format!(" by {name}")).unwrap_or_default();
        let same = match self.counted {
            Some(_) if self.discrepancies().is_empty() => ", the same in OpenSearch",
            Some(_) => ", not the same in OpenSearch",
            None => "",
        };
        row(out, &self.name, self.emitted.total, &format!("metric of documents{by}{same}"))?;
        details(out, most_first(&self.emitted.by_value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(total: u64, by_value: &[(&str, u64)]) -> Counts {
        let by_value = by_value.iter().map(|(value, count)| ((*value).to_owned(), *count));
        Counts { total, by_value: by_value.collect() }
    }

    #[test]
    fn lines_add_up_and_are_compared_with_opensearch() {
        let rule: Rule = serde_json::from_value(json!({
            "metric": "Plays",
            "by": {"Country": {"path": "interaction.country", "values": ["KR", "US"]}},
        }))
        .unwrap();
        let lines = [
            json!({"RecordsIn": 9}),
            json!({"Plays": 2, "Country": "KR"}),
            json!({"Plays": 1, "Country": "other"}),
            json!({"Plays": 3, "Country": "KR"}),
        ];
        let emitted = rule.emitted(&lines);
        assert_eq!(emitted, counts(6, &[("KR", 5), ("other", 1)]));
        let metric = |counted| {
            let dimension = Some("Country".to_owned());
            Metric { name: rule.metric.clone(), dimension, emitted: emitted.clone(), counted }
        };
        let same = counts(6, &[("KR", 5), ("FR", 1)]);
        assert_eq!(metric(Some(same)).discrepancies(), [""; 0]);
        assert_eq!(metric(None).discrepancies(), [""; 0]);
        let other = counts(7, &[("KR", 6), ("FR", 1)]);
        let expected = [
            "Plays of all values: 6 emitted, but OpenSearch counts 7",
            "Plays of KR: 5 emitted, but OpenSearch counts 6",
        ];
        assert_eq!(metric(Some(other)).discrepancies(), expected);
    }
}
