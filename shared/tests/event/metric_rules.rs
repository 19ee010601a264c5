//! Rules for metrics, against a second reading of the document.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use shared::event::Reader;
use shared::metric_rules::{MetricRules, Tally};
use testkit::holds;

use crate::support::tree::{Duplicates, Tree};
use crate::support::{arrival, model, payloads};

const PATHS: &[&str] = &[
    "@timestamp",
    "event.action",
    "event.id",
    "event.ingested",
    "artist",
    "artist.name",
    "artist.genre",
    "song.title",
    "song.duration_ms",
    "song.duration_ms.x",
    "interaction.country",
    "interaction.listened_ms",
    "interaction.user_id",
    "analytics.completion",
    "analytics.hour",
    "extra.a",
    "extra.song",
    "extra.track",
    "extra.track.b",
    "extra.user.name",
    "extra.한국",
    "@timestamp_original",
    "type",
    "country",
    "artist.genres",
    "track.duration_ms",
    "user",
    "user.name",
    "user.x.y",
    "a",
    "a.b",
    "한국",
    "track.a",
    "__sluice_reingests",
    "extra.null",
    "extra.ts",
    "extra.__sluice_reingests",
    "extra.@timestamp",
    "overflow.a",
    "overflow.b",
    "nowhere",
];

const VALUES: &[&str] = &[
    r#""x""#,
    r#""soon""#,
    r#""""#,
    r#"" a\tb ""#,
    r#""é𝄞""#,
    "true",
    "false",
    "-5",
    "1.50",
    "1e2",
    "12",
    "120000",
    "1",
];

fn path() -> impl Strategy<Value = &'static str> {
    select(PATHS)
}

/// The members of a rule: its conditions, its sum and its dimension.
type Rule = (BTreeMap<&'static str, Vec<&'static str>>, Option<&'static str>, Option<&'static str>);

fn rule() -> impl Strategy<Value = Rule> {
    let values = proptest::sample::subsequence(VALUES, 1..=VALUES.len());
    let when = proptest::collection::btree_map(path(), values, 0..2);
    (when, proptest::option::of(path()), proptest::option::of(path()))
}

/// The values of a dimension.
const LISTED: [&str; 5] = ["x", "5", "12", "1.50", "true"];

fn rules_json(rules: &[Rule]) -> String {
    let rule = |(number, (when, sum, by)): (usize, &Rule)| {
        // As text, because of numbers that are not written in JSON's canonical form.
        let when = when.iter().map(|(path, values)| format!("{path:?}:[{}]", values.join(",")));
        let when = when.collect::<Vec<_>>().join(",");
        let sum = sum.map(|path| format!(r#","sum":{path:?}"#)).unwrap_or_default();
        let by = by.map(|path| format!(r#","by":{{"D":{{"path":{path:?},"values":{LISTED:?}}}}}"#));
        let by = by.unwrap_or_default();
        format!(r#"{{"metric":"M{number}","when":{{{when}}}{sum}{by}}}"#)
    };
    format!("[{}]", rules.iter().enumerate().map(rule).collect::<Vec<_>>().join(","))
}

/// The text, number or boolean at a path, as rules compare it, and whether it is a number.
fn at(document: &Tree, path: &str) -> Option<(String, bool)> {
    let value = path.split('.').try_fold(document, Tree::get)?;
    match value {
        Tree::Leaf(text) if text == "null" => None,
        Tree::Leaf(text) if text.starts_with('"') => {
            Some((serde_json::from_str(text).unwrap(), false))
        }
        Tree::Leaf(text) => Some((
            text.clone(),
            text.starts_with(|first: char| first == '-' || first.is_ascii_digit()),
        )),
        Tree::Array(_) | Tree::Object(_) => None,
    }
}

/// Metric, dimension's value and sum of each line for these documents, in order.
fn expected(rules: &[Rule], documents: &[Tree]) -> Vec<Value> {
    let mut sums: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for document in documents {
        for (number, (when, sum, by)) in rules.iter().enumerate() {
            let holds = |(path, values): (&&str, &Vec<&str>)| {
                let mut values = values.iter().map(|value| {
                    serde_json::from_str::<String>(value).unwrap_or_else(|_| (*value).to_owned())
                });
                at(document, path).is_some_and(|(value, _)| values.any(|listed| listed == value))
            };
            if !when.iter().all(holds) {
                continue;
            }
            let added = match sum.map(|path| at(document, path)) {
                None => 1.0,
                Some(Some((number, true))) => number.parse::<f64>().unwrap(),
                Some(_) => continue,
            };
            if added.abs() > 2_f64.powi(360) {
                continue;
            }
            let place = match by.map(|path| at(document, path)) {
                None => 0,
                Some(None) => LISTED.len() + 1,
                Some(Some((value, _))) => {
                    LISTED.iter().position(|listed| *listed == value).unwrap_or(LISTED.len())
                }
            };
            *sums.entry((number, place)).or_default() += added;
        }
    }
    let line = |((number, place), sum): ((usize, usize), f64)| {
        let by = [&LISTED[..], &["other", "none"]].concat();
        let by = rules[number].2.map(|_| by[place]);
        json!([format!("M{number}"), by, sum])
    };
    sums.into_iter().map(line).collect()
}

/// The same for the emitted lines.
fn emitted(tally: &mut Tally, rules: &MetricRules) -> Vec<Value> {
    let mut out = Vec::new();
    tally.emit(rules, "Sluice", "f", arrival().now, &mut out).unwrap();
    let lines = std::str::from_utf8(&out).unwrap().lines();
    let line = |line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let metric = line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"].clone();
        let sum = line[metric.as_str().unwrap()].as_f64();
        json!([metric, line["D"], sum])
    };
    lines.map(line).collect()
}

#[test]
fn a_document_counts_as_the_rules_say() {
    let form = select(&[["mapped", "16384"], ["mapped", "20"], ["passthrough", "16384"]][..]);
    let cases = (vec(payloads::event(), 1..6), vec(rule(), 1..6), form);
    holds(400, &cases, |(payloads, drawn, [form, extra_max_bytes])| {
        let mut model = model(&[("DOCUMENT", form), ("EXTRA_MAX_BYTES", extra_max_bytes)]);
        let environment = [("METRIC_RULES", rules_json(&drawn))].into_iter().collect();
        let rules = MetricRules::from_environment(&environment, &mut model, &[]).unwrap();
        let (mut reader, mut out) = (Reader::default(), Vec::new());
        let [mut noted, mut counted] = [Tally::default(), Tally::default()];
        let mut documents = Vec::new();
        for (number, payload) in payloads.iter().enumerate() {
            let mut event = reader.read(&model, payload.as_bytes()).unwrap();
            out.clear();
            let written = event.write_document(&arrival(), &mut out);
            noted.note(&rules, number, &event, &out, written.timestamp);
            // A document that fails in the end does not count.
            noted.note(&rules, payloads.len(), &event, &out, written.timestamp);
            counted.count(&rules, &out);
            let document = std::str::from_utf8(&out).unwrap();
            documents.push(Tree::parse(document, Duplicates::Refused).unwrap());
        }
        noted.count_noted(|number| number < payloads.len());
        let expected = expected(&drawn, &documents);
        assert_eq!(emitted(&mut noted, &rules), expected, "{documents:?}");
        assert_eq!(emitted(&mut counted, &rules), expected, "{documents:?}");
    });
}
