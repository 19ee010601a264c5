use std::fs;

use serde_json::{Value as Json, json};

use super::*;
use crate::event::{Timestamp, model};

const NOW: &str = "2024-03-14T12:34:56.789Z";
const MINUTE_MS: u64 = 60_000;

fn read(rules: &str) -> Result<MetricRules, String> {
    let environment = [("METRIC_RULES", rules)].into_iter().collect();
    let mut model = model(&Environment::default()).unwrap();
    MetricRules::from_environment(&environment, &mut model, &["RecordsIn"])
        .map_err(|error| error.to_string())
}

fn rules(rules: &Json) -> MetricRules {
    read(&rules.to_string()).unwrap()
}

fn emitted(tally: &mut Tally, rules: &MetricRules) -> Vec<Json> {
    let mut out = Vec::new();
    let now = Timestamp::from_rfc3339(NOW.as_bytes()).unwrap();
    tally.emit(rules, "Team/Music", "writer", now, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines for these documents.
fn lines(rules: &MetricRules, documents: &[Json]) -> Vec<Json> {
    let mut tally = Tally::default();
    for document in documents {
        tally.count(rules, document.to_string().as_bytes());
    }
    emitted(&mut tally, rules)
}

/// A document with the current time and this member.
fn document(name: &str, value: impl Into<Json>) -> Json {
    let value: Json = value.into();
    json!({"@timestamp": NOW, name: value})
}

/// The metric of a rule for a document with this text as its member `a`.
fn taken(rule: &Json, a: &str) -> Option<Json> {
    let rules = rules(&json!([rule]));
    let mut tally = Tally::default();
    tally.count(&rules, format!(r#"{{"@timestamp":"{NOW}","a":{a}}}"#).as_bytes());
    let mut lines = emitted(&mut tally, &rules);
    lines.pop().map(|mut line| line[&rules.rules[0].metric].take())
}

fn minute_ms(time: &str) -> u64 {
    Timestamp::from_rfc3339(time.as_bytes()).unwrap().milliseconds() / MINUTE_MS * MINUTE_MS
}

#[test]
fn a_rule_without_members_counts_every_document() {
    let rules = rules(&json!([{"metric": "Documents"}]));
    let expected = json!({
        "_aws": {
            "Timestamp": minute_ms(NOW),
            "CloudWatchMetrics": [{
                "Namespace": "Team/Music",
                "Dimensions": [[]],
                "Metrics": [{"Name": "Documents", "Unit": "Count"}],
            }],
        },
        "Documents": 2,
    });
    assert_eq!(lines(&rules, &[document("a", 1), document("b", json!({}))]), [expected]);
}

#[test]
fn nothing_is_emitted_without_rules_or_documents() {
    let document = document("a", 1);
    for none in [MetricRules::default(), rules(&json!([]))] {
        assert!(none.is_empty());
        assert_eq!(lines(&none, std::slice::from_ref(&document)), [Json::Null; 0]);
    }
    assert_eq!(lines(&rules(&json!([{"metric": "A"}])), &[]), [Json::Null; 0]);
}

#[test]
fn every_path_has_one_of_its_values() {
    let rules = rules(&json!([{"metric": "A", "when": {"a.b": ["x", "y"], "c": ["z"]}}]));
    for (document, taken) in [
        (json!({"@timestamp": NOW, "a": {"b": "y"}, "c": "z"}), 1),
        (json!({"@timestamp": NOW, "a": {"b": "z"}, "c": "z"}), 0),
        (json!({"@timestamp": NOW, "a": {"b": "x"}, "c": "x"}), 0),
        (json!({"@timestamp": NOW, "a": {"b": "x"}}), 0),
    ] {
        assert_eq!(lines(&rules, std::slice::from_ref(&document)).len(), taken, "{document}");
    }
}

#[test]
fn texts_are_compared_by_their_meaning_and_the_rest_as_written() {
    for (values, a, taken_so) in [
        (json!(["ab"]), r#""ab""#, true),
        (json!(["ab"]), r#""\u0061b""#, true),
        (json!(["a\\b"]), r#""a\\b""#, true),
        (json!([r"\u0061b"]), r#""\u0061b""#, false),
        (json!([5]), "5", true),
        (json!([5]), r#""5""#, true),
        (json!(["5"]), "5", true),
        (json!([5]), "5.0", false),
        (json!(["1.50"]), "1.50", true),
        (json!(["1.5"]), "1.50", false),
        (json!([true]), "true", true),
        (json!(["true"]), "true", true),
        (json!([true]), "false", false),
        (json!(["null"]), "null", false),
        (json!(["ab"]), r#"["ab"]"#, false),
        (json!(["ab"]), r#"{"ab":"ab"}"#, false),
    ] {
        let rule = json!({"metric": "A", "when": {"a": values}});
        assert_eq!(taken(&rule, a).is_some(), taken_so, "{values} and {a}");
    }
}

#[test]
fn a_sum_takes_numbers_only() {
    let rule = json!({"metric": "A", "sum": "a"});
    for (a, sum) in [
        ("12", json!(12)),
        ("-3", json!(-3)),
        ("0", json!(0)),
        ("0.5581", json!(0.5581)),
        ("1.5e2", json!(150)),
        ("9007199254740991", json!(9_007_199_254_740_991_u64)),
        // A double, like all values in CloudWatch.
        ("9007199254740993", json!(9_007_199_254_740_992.0)),
        ("2e108", json!(2e108)),
    ] {
        assert_eq!(taken(&rule, a), Some(sum), "{a}");
    }
    for a in [r#""12""#, "true", "null", "[12]", "{}", "1e400", "-1e400", "2.4e108", "-2.4e108"] {
        assert_eq!(taken(&rule, a), None, "{a}");
    }
    let mut tally = Tally::default();
    let rules = rules(&json!([rule]));
    for number in [0.25, 1.5, 2.0] {
        tally.count(&rules, document("a", number).to_string().as_bytes());
    }
    assert_eq!(emitted(&mut tally, &rules)[0]["A"], 3.75);
}

#[test]
fn the_unit_is_count_or_for_a_sum_none_unless_it_is_set() {
    for (rule, unit) in [
        (json!({"metric": "A"}), "Count"),
        (json!({"metric": "A", "sum": "a"}), "None"),
        (json!({"metric": "A", "sum": "a", "unit": "Milliseconds"}), "Milliseconds"),
        (json!({"unit": "Bytes/Second", "metric": "A"}), "Bytes/Second"),
    ] {
        let lines = lines(&rules(&json!([rule])), &[document("a", 1)]);
        assert_eq!(lines[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"], unit, "{rule}");
    }
}

#[test]
fn a_dimension_has_the_listed_values_other_and_none_and_a_total() {
    let by = json!({"Country": {"path": "a.country", "values": ["KR", "US", 5]}});
    let rules = rules(&json!([{"metric": "Plays", "by": by}]));
    let countries = json!(["US", "FR", "KR", "US", null, ["US"], 5, "JP", {}]);
    let documents = countries.as_array().unwrap().iter();
    let mut documents: Vec<_> =
        documents.map(|country| document("a", json!({ "country": country }))).collect();
    documents.push(document("a", "US"));
    let lines = lines(&rules, &documents);
    let counts: Vec<_> = lines.iter().map(|line| (&line["Country"], &line["Plays"])).collect();
    let [kr, us, five, other, none] = ["KR", "US", "5", "other", "none"].map(Json::from);
    let [one, two, four] = [1, 2, 4].map(Json::from);
    assert_eq!(counts, [(&kr, &one), (&us, &two), (&five, &one), (&other, &two), (&none, &four)]);
    for line in &lines {
        // The total comes from the same lines, and functions add up.
        let dimensions = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        assert_eq!(dimensions, &json!([["Country"], []]));
        assert_eq!(line.get("FunctionName"), None);
    }
}

#[test]
fn the_time_is_the_minute_of_the_document() {
    let rules = rules(&json!([{"metric": "A"}]));
    let times = ["12:30:00Z", "12:30:59.999Z", "12:29:59.999999999Z"];
    let documents = times.map(|time| json!({"@timestamp": format!("2024-03-10T{time}")}));
    let lines = lines(&rules, &documents);
    let sums: Vec<_> = lines.iter().map(|line| (&line["_aws"]["Timestamp"], &line["A"])).collect();
    let [before, after] =
        ["2024-03-10T12:29:00Z", "2024-03-10T12:30:00Z"].map(|time| json!(minute_ms(time)));
    assert_eq!(sums, [(&before, &json!(1)), (&after, &json!(2))]);
}

#[test]
fn lines_are_from_13_days_ago_to_an_hour_ahead() {
    let rules = rules(&json!([{"metric": "A"}, {"metric": "B"}]));
    for (time, accepted) in [
        ("2024-03-01T12:33:59.999Z", false),
        ("2024-03-01T12:34:00Z", true),
        ("2024-03-14T13:34:59.999Z", true),
        ("2024-03-14T13:35:00Z", false),
    ] {
        let lines = lines(&rules, &[json!({ "@timestamp": time })]);
        if accepted {
            assert_eq!(lines.len(), 2, "{time}");
            assert_eq!(lines[1]["_aws"]["Timestamp"], minute_ms(time));
            continue;
        }
        let expected = json!({
            "_aws": {
                "Timestamp": Timestamp::from_rfc3339(NOW.as_bytes()).unwrap().milliseconds(),
                "CloudWatchMetrics": [{
                    "Namespace": "Team/Music",
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [{"Name": "MetricLinesSkipped", "Unit": "Count"}],
                }],
            },
            "FunctionName": "writer",
            "MetricLinesSkipped": 2,
        });
        assert_eq!(lines, [expected], "{time}");
    }
}

#[test]
fn a_rule_has_100_lines_of_the_oldest_minutes() {
    let by = json!({"Kind": {"path": "kind", "values": ["a"]}});
    let rules = rules(&json!([{"metric": "A", "by": by}, {"metric": "B"}]));
    let documents = (0..60).rev().flat_map(|minute| {
        let time = format!("2024-03-14T11:{minute:02}:00Z");
        [json!({"@timestamp": time, "kind": "a"}), json!({"@timestamp": time})]
    });
    let lines = lines(&rules, &documents.collect::<Vec<_>>());
    let minutes = |metric: &str| {
        let lines = lines.iter().filter(|line| line.get(metric).is_some());
        let minutes = lines.map(|line| line["_aws"]["Timestamp"].as_u64().unwrap());
        minutes.collect::<Vec<_>>()
    };
    let first = minute_ms("2024-03-14T11:00:00Z");
    let expected: Vec<_> = (0..60).map(|minute| first + minute * MINUTE_MS).collect();
    let twice: Vec<_> = expected[..50].iter().flat_map(|time| [*time, *time]).collect();
    assert_eq!(minutes("A"), twice);
    assert_eq!(minutes("B"), expected);
    assert_eq!(lines.last().unwrap()["MetricLinesSkipped"], 20);
    assert_eq!(lines.len(), 100 + 60 + 1);
}

#[test]
fn a_sum_that_cloudwatch_refuses_is_counted() {
    let rules = rules(&json!([{"metric": "A", "sum": "a"}]));
    let large = document("a", 2e108);
    assert_eq!(lines(&rules, std::slice::from_ref(&large))[0]["A"], 2e108);
    let lines = lines(&rules, &[large.clone(), large]);
    assert_eq!((lines.len(), &lines[0]["MetricLinesSkipped"]), (1, &json!(1)));
}

#[test]
fn an_invocation_begins_with_nothing() {
    let rules = rules(&json!([{"metric": "A"}]));
    let mut tally = Tally::default();
    let document = document("a", 1).to_string();
    tally.count(&rules, document.as_bytes());
    assert_eq!(emitted(&mut tally, &rules).len(), 1);
    assert_eq!(emitted(&mut tally, &rules).len(), 0);
    tally.count(&rules, document.as_bytes());
    tally.clear();
    assert_eq!(emitted(&mut tally, &rules).len(), 0);
}

#[test]
fn rules_can_be_in_a_file() {
    let path = std::env::temp_dir().join(format!("metric-rules-{}.json", std::process::id()));
    fs::write(&path, r#"[{"metric":"A"}]"#).unwrap();
    let rules = read(&format!("@{}", path.display()));
    fs::remove_file(&path).unwrap();
    assert_eq!(rules.unwrap().rules[0].metric, "A");
    let error = read("@no/such/file.json").unwrap_err();
    assert!(
        error.ends_with("(no/such/file.json: No such file or directory (os error 2))"),
        "{error}"
    );
}

#[test]
fn the_sums_in_memory_are_bounded() {
    let rules = rules(&json!([{"metric": "A"}]));
    let mut tally = Tally::default();
    let first = minute_ms("2024-03-10T00:00:00Z");
    for minute in (0..50_001).chain([0]) {
        let mut document = br#"{"@timestamp":""#.to_vec();
        let time = Timestamp::from_nanos(u128::from(first + minute * MINUTE_MS) * 1_000_000);
        time.unwrap().write(&mut document);
        document.extend_from_slice(b"\"}");
        tally.count(&rules, &document);
    }
    let lines = emitted(&mut tally, &rules);
    assert_eq!((&lines[0]["A"], &lines[1]["A"]), (&json!(2), &json!(1)));
    assert_eq!(lines[100]["MetricLinesSkipped"], 50_001 - 100);
}
