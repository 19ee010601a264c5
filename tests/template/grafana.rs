//! The Grafana dashboard against the CloudWatch dashboard: both show the same graphs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::dashboard::{metrics, widgets};
use crate::stack::{ALARM, Stack, list, object, read, texts};

/// A metric on a dashboard: its namespace, its name, a name and a value for each dimension, and the
/// statistic.
type Metric = Vec<String>;
/// The metrics of the graphs, by section and title.
type Graphs = BTreeMap<(String, String), BTreeSet<Metric>>;

fn dashboard() -> Value {
    let text = read("dashboards/sluice.json");
    text.parse().unwrap_or_else(|error| panic!("not JSON: {error}"))
}

fn text(value: &Value) -> String {
    suite::text(value).to_owned()
}

/// The graphs of the CloudWatch dashboard.
fn cloudwatch(stack: &Stack) -> Graphs {
    let mut graphs = Graphs::new();
    let mut section = String::new();
    for widget in widgets(stack) {
        let properties = &widget["properties"];
        match widget["type"].as_str() {
            Some("text") => section = text(&properties["markdown"]).replace("## ", ""),
            Some("metric") => {
                let shown = metrics(&widget)
                    .into_iter()
                    .map(|metric| [metric, vec![text(&properties["stat"])]].concat())
                    .collect();
                let title = (section.clone(), text(&properties["title"]));
                assert_eq!(graphs.insert(title, shown), None, "{widget}");
            }
            _ => {}
        }
    }
    graphs
}

/// The graphs of the Grafana dashboard, with the initial values of the variables.
fn grafana(stack: &Stack) -> Graphs {
    let dashboard = dashboard();
    let mut graphs = Graphs::new();
    let mut section = String::new();
    for panel in list(&dashboard["panels"]) {
        if panel["type"] == "row" {
            section = text(&panel["title"]);
            continue;
        }
        let shown = list(&panel["targets"])
            .into_iter()
            .flat_map(|query| queried(stack, &dashboard, query))
            .collect();
        assert_eq!(graphs.insert((section.clone(), text(&panel["title"])), shown), None, "{panel}");
    }
    graphs
}

/// The metrics of a query: one, or for a dimension with `$function` one of each function.
fn queried(stack: &Stack, dashboard: &Value, query: &Value) -> Vec<Metric> {
    let mut metrics =
        vec![vec![filled_in(dashboard, &query["namespace"]), text(&query["metricName"])]];
    for (name, value) in object(&query["dimensions"]) {
        let values = match value.as_str() {
            Some("$function") => function_names(stack),
            _ => vec![filled_in(dashboard, value)],
        };
        metrics = metrics
            .iter()
            .flat_map(|metric| values.iter().map(move |value| (metric, value)))
            .map(|(metric, value)| [&metric[..], &[name.clone(), value.clone()]].concat())
            .collect();
    }
    metrics.into_iter().map(|metric| [metric, vec![text(&query["statistic"])]].concat()).collect()
}

/// A text with the initial values of the variables.
fn filled_in(dashboard: &Value, value: &Value) -> String {
    let mut filled = text(value);
    for variable in list(&dashboard["templating"]["list"]) {
        if let Some(current) = variable["current"]["value"].as_str() {
            let name = text(&variable["name"]);
            filled = filled.replace(&format!("${{{name}}}"), current);
            filled = filled.replace(&format!("${name}"), current);
        }
    }
    assert!(!filled.contains('$'), "{value} has a variable without a value");
    filled
}

fn function_names(stack: &Stack) -> Vec<String> {
    stack.functions().keys().map(|name| format!("sluice-dev-{name}")).collect()
}

/// The variable of this name.
fn variable<'d>(dashboard: &'d Value, name: &str) -> &'d Value {
    let mut variables = list(&dashboard["templating"]["list"]).into_iter();
    variables.find(|variable| variable["name"] == name).unwrap_or_else(|| panic!("no ${name}"))
}

#[test]
fn both_dashboards_show_the_same() {
    let stack = Stack::complete();
    let (cloudwatch, grafana) = (cloudwatch(&stack), grafana(&stack));
    for (title, shown) in &cloudwatch {
        assert_eq!(grafana.get(title), Some(shown), "{title:?}: Grafana's against CloudWatch's");
    }
    for title in grafana.keys() {
        assert!(cloudwatch.contains_key(title), "{title:?} is on Grafana's dashboard only");
    }
    assert!(cloudwatch.len() >= 20, "{} graphs", cloudwatch.len());
}

#[test]
fn the_selectable_functions_are_those_of_the_stack() {
    let dashboard = dashboard();
    let chosen = &variable(&dashboard, "function")["regex"];
    let pattern = filled_in(&dashboard, chosen);
    let prefix = pattern.strip_prefix("/^").and_then(|rest| rest.strip_suffix('/')).unwrap();
    for name in function_names(&Stack::complete()) {
        assert!(name.starts_with(prefix), "{name} does not match {pattern}");
    }
}

/// Grafana marks only alarms with the statistic of the query (source: `filterAlarms` in its
/// data source of CloudWatch), and reads the first hundred.
#[test]
fn every_alarm_is_marked() {
    let dashboard = dashboard();
    let marks: BTreeMap<String, String> = list(&dashboard["annotations"]["list"])
        .into_iter()
        .map(|annotation| &annotation["target"])
        .map(|query| (text(&query["statistic"]), filled_in(&dashboard, &query["alarmNamePrefix"])))
        .collect();
    for stack in Stack::variants() {
        let alarms = stack.of_type(ALARM);
        assert!(alarms.len() <= 100, "{} alarms", alarms.len());
        for (name, alarm) in alarms {
            let properties = &alarm["Properties"];
            let prefix = marks.get(&text(&properties["Statistic"]));
            let prefix = prefix.unwrap_or_else(|| panic!("no marks for the statistic of {name}"));
            assert!(text(&properties["AlarmName"]).starts_with(prefix), "{name}");
        }
    }
}

#[test]
fn panels_and_queries_have_unique_ids() {
    let dashboard = dashboard();
    let mut panels = BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        assert!(panels.insert(panel["id"].as_u64().unwrap()), "{panel} has the id of another");
        let mut queries = BTreeSet::new();
        for query in list(&panel["targets"]) {
            assert!(queries.insert(texts(&query["refId"])), "{query} has the letter of another");
            assert_eq!(query["region"], "$region");
        }
    }
}
