//! The dashboard against the stack.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stack::{ALARM, Stack, list, texts};

/// The dashboard's widgets.
pub(crate) fn widgets(stack: &Stack) -> Vec<Value> {
    let dashboards = stack.of_type("AWS::CloudWatch::Dashboard");
    let [(_, dashboard)] = dashboards[..] else { panic!("not one dashboard: {dashboards:?}") };
    let body = dashboard["Properties"]["DashboardBody"].as_str().unwrap_or_default();
    let body: Value = body.parse().unwrap_or_else(|error| panic!("not JSON: {error}"));
    list(&body["widgets"]).into_iter().cloned().collect()
}

/// The metrics of a widget, with all fields: `...` repeats the fields of the previous metric, and a
/// search for all values of a dimension has the value `*` (source: "Dashboard body structure and
/// syntax", Amazon CloudWatch API reference).
pub(crate) fn metrics(widget: &Value) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    for metric in list(&widget["properties"]["metrics"]) {
        if let Some(search) = metric[0]["expression"].as_str() {
            all.push(searched(search, &widget["properties"]));
            continue;
        }
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

/// The metric that `SEARCH('{NAMESPACE,DIMENSION} MetricName="NAME"', 'STATISTIC', PERIOD)` finds for
/// all values of its dimensions (source: "CloudWatch search expression syntax", Amazon CloudWatch User
/// Guide).
fn searched(search: &str, properties: &Value) -> Vec<String> {
    let parts: Vec<_> = search.split(['{', '}', '"', '\'']).collect();
    let ["SEARCH(", "", schema, " MetricName=", name, "", ", ", statistic, period] = parts[..]
    else {
        panic!("{search}: {parts:?}");
    };
    assert_eq!(properties["stat"], statistic, "{search}");
    assert_eq!(period, format!(", {})", properties["period"]), "{search}");
    let mut schema = schema.split(',');
    let mut metric = vec![schema.next().unwrap_or_default().to_owned(), name.to_owned()];
    // Their order means nothing.
    let dimensions: BTreeSet<_> = schema.collect();
    metric.extend(dimensions.into_iter().flat_map(|dimension| [dimension, "*"].map(str::to_owned)));
    metric
}

#[test]
fn every_alarm_is_shown_once() {
    for stack in Stack::variants() {
        let widgets = widgets(&stack);
        let mut shown: Vec<&str> = widgets
            .iter()
            .filter(|widget| widget["type"] == "alarm")
            .flat_map(|widget| texts(&widget["properties"]["alarms"]))
            .map(|arn| arn.trim_start_matches("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"))
            .collect();
        shown.sort_unstable();
        let alarms = stack.of_type(ALARM).into_iter();
        let mut deployed: Vec<&str> =
            alarms.flat_map(|(_, alarm)| texts(&alarm["Properties"]["AlarmName"])).collect();
        deployed.sort_unstable();
        assert_eq!(shown, deployed);
        // The limit of one widget (source: as above).
        assert!(shown.len() <= 100);
    }
}

#[test]
fn the_metric_of_every_alarm_is_shown() {
    for stack in Stack::variants() {
        let shown: BTreeSet<Vec<String>> = widgets(&stack).iter().flat_map(metrics).collect();
        for (name, alarm) in stack.of_type(ALARM) {
            let properties = &alarm["Properties"];
            let dimensions = list(&properties["Dimensions"]).into_iter();
            let metric: Vec<String> = [&properties["Namespace"], &properties["MetricName"]]
                .into_iter()
                .chain(dimensions.flat_map(|dimension| [&dimension["Name"], &dimension["Value"]]))
                .map(|text| text.as_str().unwrap().to_owned())
                .collect();
            assert!(shown.contains(&metric), "{name}: {metric:?} is not on the dashboard");
        }
    }
}

#[test]
fn every_function_is_in_each_widget_of_functions() {
    for stack in [Stack::default(), Stack::complete()] {
        check_widgets_of_functions(&stack);
    }
}

fn check_widgets_of_functions(stack: &Stack) {
    let functions: BTreeSet<String> =
        stack.functions().keys().map(|name| format!("sluice-dev-{name}")).collect();
    let mut shown = Vec::new();
    for widget in widgets(stack) {
        let metrics = metrics(&widget);
        // Only functions with asynchronous invocations have a destination, and only one reads a stream.
        let of_some = ["DestinationDeliveryFailures", "IteratorAge"];
        let of_all =
            |metric: &Vec<String>| metric[0] == "AWS/Lambda" && !of_some.contains(&&*metric[1]);
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
fn widgets_do_not_overlap() {
    let mut taken = BTreeSet::new();
    for widget in widgets(&Stack::complete()) {
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
