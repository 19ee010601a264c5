//! The function that watches warehouses: only if there is one, and off until it is switched on.

use serde_json::{Value, json};
use shared::config::Environment;

use crate::stack::{PROJECTS, SECRET_ARN, Stack, WAREHOUSE, WORKGROUP, object};

fn is_of_warehouses((name, _): &(&str, &Value)) -> bool {
    name.contains("Warehouse")
}

#[test]
fn a_stack_without_a_warehouse_watches_none() {
    let stack = Stack::default();
    assert_eq!(stack.resources().chain(stack.outputs()).find(is_of_warehouses), None);
    let stack = Stack::with(&WAREHOUSE[..1]);
    let outputs: Vec<_> = stack.outputs().filter(is_of_warehouses).collect();
    let [(_, log)] = outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(log["Value"], "${WatchWarehouseWatchLogGroup}");
    assert!(!stack.has("WatchPipelineAlertsFunction") && !stack.has("WatchDataChecksFunction"));
}

#[test]
fn the_schedule_is_off_until_it_is_enabled_and_the_function_knows_its_period() {
    let enabled = WAREHOUSE[1];
    for (more, state, rate, seconds) in [
        (&[][..], "DISABLED", "rate(5 minutes)", 300),
        (&[enabled], "ENABLED", "rate(5 minutes)", 300),
        (&[enabled, ("WarehouseRate", "rate(1 hour)")], "ENABLED", "rate(1 hour)", 3_600),
    ] {
        let stack = Stack::with(&[&WAREHOUSE[..1], more].concat());
        let function = stack.function("warehouse-watch");
        let schedule = &function["Events"]["Schedule"]["Properties"];
        assert_eq!(
            (&schedule["State"], &schedule["Schedule"]),
            (&json!(state), &json!(rate)),
            "{more:?}"
        );
        assert_eq!(stack.variables("warehouse-watch")["POLL_SECONDS"], seconds);
        assert_eq!(function["Timeout"], 60);
        // A schedule that is off has no runs to miss.
        let heartbeat = "WatchWarehouseWatchHeartbeatAlarm";
        assert_eq!(stack.has(heartbeat), state == "ENABLED");
        if stack.has(heartbeat) {
            assert_eq!(stack.properties(heartbeat)["Period"], seconds);
        }
    }
}

#[test]
fn the_function_has_its_topic_and_its_warehouse() {
    let common = json!({
        "LONG_QUERY_SECONDS": 3_600, "LOCK_SECONDS": 300, "REPEAT_HOURS": 6, "POLL_SECONDS": 300,
        "BIGQUERY_USD_PER_TIB": 6.25, "BIGQUERY_ALERT_USD": 5, "BIGQUERY_MAX_USERS": 20,
    });
    let cluster = json!({"REDSHIFT_CLUSTER": "music", "REDSHIFT_DATABASE": "dev"});
    let workgroup = json!({
        "REDSHIFT_WORKGROUP": "lake", "REDSHIFT_DATABASE": "dev", "REDSHIFT_SECRET_ARN": SECRET_ARN,
    });
    let projects = json!({
        "BIGQUERY_PROJECTS": "music-prod", "GOOGLE_CREDENTIALS_SECRET_ARN": SECRET_ARN,
    });
    let with_secret = [WORKGROUP[0], WORKGROUP[1], ("RedshiftSecretArn", SECRET_ARN)];
    for (parameters, own) in
        [(&WAREHOUSE[..1], cluster), (&with_secret, workgroup), (&PROJECTS, projects)]
    {
        let stack = Stack::with(parameters);
        let mut variables = object(stack.variables("warehouse-watch")).clone();
        assert_eq!(variables["ALERTS_TOPIC_ARN"], "${AlertsTopic}");
        variables["ALERTS_TOPIC_ARN"] =
            json!("arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts");
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let pairs = variables.iter().map(|(name, value)| (name.clone(), text(value)));
        let lambda = testkit::LAMBDA.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment: Environment = lambda.into_iter().chain(pairs).collect();
        warehouse_watch::Config::from_environment(&environment).unwrap();
        for other in ["ALERTS_TOPIC_ARN", "LOG_LEVEL", "METRICS_NAMESPACE"] {
            variables.remove(other);
        }
        let mut expected = object(&common).clone();
        expected.extend(object(&own).clone());
        assert_eq!(variables, expected);
    }
}
