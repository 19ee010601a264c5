//! The dashboard against the stack that it shows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stack::{FUNCTION, Stack, list, texts};

/// The type of an alarm.
pub(crate) const ALARM: &str = "AWS::CloudWatch::Alarm";

/// The dashboard's widgets.
pub(crate) fn widgets(stack: &Stack) -> Vec<Value> {
    let body = stack.properties("Dashboard")["DashboardBody"].as_str().unwrap_or_default();
    let body: Value = body.parse().unwrap_or_else(|error| panic!("no JSON: {error}"));
    list(&body["widgets"]).into_iter().cloned().collect()
}

/// The metrics of a widget, written out: what is `...` in the source is as in the metric before
/// (source: "Dashboard body structure and syntax", Amazon CloudWatch API reference).
pub(crate) fn metrics(widget: &Value) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    for metric in list(&widget["properties"]["metrics"]) {
        let own: Vec<String> = texts(metric).into_iter().map(str::to_owned).collect();
        all.push(match all.last() {
            Some(before) if own[0] == "..." => {
                let kept = before.len() - (own.len() - 1);
                [&before[..kept], &own[1..]].concat()
            }
            _ => own,
        });
    }
    all
}

#[test]
fn every_alarm_is_shown_once() {
    for stack in Stack::variants() {
        let shown: Vec<Value> = widgets(&stack)
            .iter()
            .filter(|widget| widget["type"] == "alarm")
            .flat_map(|widget| widget["properties"]["alarms"].as_array().unwrap().clone())
            .collect();
        let alarms = stack.of_type(ALARM);
        let deployed: BTreeSet<String> =
            alarms.iter().map(|(name, _)| format!("${{{name}.Arn}}")).collect();
        assert_eq!(
            shown.iter().map(|arn| arn.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(),
            deployed
        );
        assert_eq!(shown.len(), deployed.len());
        // More do not fit in one widget (source: as above).
        assert!(shown.len() <= 100);
    }
}

#[test]
fn what_an_alarm_watches_can_be_looked_at() {
    for stack in Stack::variants() {
        let shown: BTreeSet<Vec<String>> = widgets(&stack).iter().flat_map(metrics).collect();
        for (name, alarm) in stack.of_type(ALARM) {
            let properties = &alarm["Properties"];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let mut metric = vec![text(&properties["Namespace"]), text(&properties["MetricName"])];
            for dimension in list(&properties["Dimensions"]) {
                let function = dimension["Value"].as_str().and_then(|value| {
                    let resource = value.strip_prefix("${")?.strip_suffix('}')?;
                    stack.has(resource).then(|| stack.properties(resource).get("FunctionName"))?
                });
                metric.extend([
                    text(&dimension["Name"]),
                    text(function.unwrap_or(&dimension["Value"])),
                ]);
            }
            assert!(shown.contains(&metric), "{name}: {metric:?} is nowhere on the dashboard");
        }
    }
}

#[test]
fn every_function_is_in_each_widget_of_functions() {
    let stack = Stack::default();
    let functions: BTreeSet<String> = stack
        .of_type(FUNCTION)
        .iter()
        .map(|(_, function)| function["Properties"]["FunctionName"].as_str().unwrap().to_owned())
        .collect();
    let mut shown = Vec::new();
    for widget in widgets(&stack) {
        let metrics = metrics(&widget);
        // Only what is invoked asynchronously has a destination.
        let of_all = |metric: &Vec<String>| {
            metric[0] == "AWS/Lambda" && metric[1] != "DestinationDeliveryFailures"
        };
        if metrics.iter().any(of_all) {
            let names: BTreeSet<String> = metrics.iter().map(|metric| metric[3].clone()).collect();
            assert_eq!(names, functions, "{}", widget["properties"]["title"]);
            shown.extend(metrics.into_iter().map(|metric| metric[1].clone()));
        }
    }
    shown.dedup();
    assert_eq!(shown, ["Invocations", "Errors", "Throttles", "Duration"]);
}

#[test]
pub(crate) fn widgets_stand_beside_each_other() {
    let mut taken = BTreeSet::new();
    for widget in widgets(&Stack::default()) {
        let at = |name: &str| widget[name].as_u64().unwrap();
        assert!(at("x") + at("width") <= 24, "{widget}");
        for x in at("x")..at("x") + at("width") {
            for y in at("y")..at("y") + at("height") {
                assert!(taken.insert((x, y)), "{widget} covers another");
            }
        }
        if widget["type"] == "metric" {
            assert_eq!(widget["properties"]["region"], json!("eu-west-1"));
        }
    }
}
