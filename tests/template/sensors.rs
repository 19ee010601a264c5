//! Readings of machines: which stream is read, and how; the function's settings; the dashboard.

use std::collections::BTreeSet;

use sensor_points::{Auth, Config};
use serde_json::{Value, json};
use shared::config::Environment;
use testkit::code_blocks;

use crate::stack::{
    READINGS, SECRET_ARN, STORE, STORE_VPC, Stack, assert_has, list, object, read, texts,
};

#[test]
fn a_stack_without_a_store_writes_no_readings() {
    let stack = Stack::default();
    let of_sensors = |(name, _): &(&str, &Value)| name.starts_with("Sensor");
    assert_eq!(stack.resources().chain(stack.outputs()).find(of_sensors), None);
    assert!(Stack::complete().resources().filter(of_sensors).count() >= 12);
}

#[test]
fn the_stream_is_read_without_waiting_and_without_giving_up() {
    for (parameters, source) in [
        (&[STORE][..], "${SensorsStream.Arn}"),
        (&[STORE, READINGS], READINGS.1),
        (&[STORE, READINGS, ("SensorFanOut", "on")], "${SensorsConsumer.ConsumerARN}"),
    ] {
        let stack = Stack::with(parameters);
        let expected = json!({
            "FunctionName": "${SensorsPointsFunction}",
            "EventSourceArn": source,
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 1000,
            "MaximumBatchingWindowInSeconds": 0,
            "TumblingWindowInSeconds": 0,
            "ParallelizationFactor": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": true,
            "MaximumRetryAttempts": -1,
            "MaximumRecordAgeInSeconds": 82_800,
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::${BackupBucket}"}},
        });
        assert_eq!(stack.properties("SensorsMapping"), &expected);
        assert_eq!(stack.has("SensorsStream"), source.starts_with("${SensorsStream"));
        assert_eq!(stack.has("SensorsConsumer"), source.starts_with("${SensorsConsumer"));
    }
    let stack = Stack::with(&[STORE, READINGS, ("SensorFanOut", "on")]);
    let expected = json!({"ConsumerName": "sluice-dev-sensor-points", "StreamARN": READINGS.1});
    assert_eq!(stack.properties("SensorsConsumer"), &expected);
    let ten = Stack::with(&[STORE, ("SensorParallelization", "10")]);
    assert_eq!(ten.properties("SensorsMapping")["ParallelizationFactor"], "10");
    // An hour less than the retention.
    let stack = Stack::complete();
    let expected = json!({
        "RetentionPeriodHours": 24,
        "StreamModeDetails": {"StreamMode": "ON_DEMAND"},
        "StreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
    });
    assert_has(stack.properties("SensorsStream"), &expected);
}

/// The settings that the code reads from the variables of the template.
fn settings(parameters: &[(&str, &str)]) -> Config {
    let stack = Stack::with(parameters);
    let lambda = testkit::LAMBDA.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let variables = object(stack.variables("sensor-points")).iter().map(|(name, value)| {
        // What only a deployment knows.
        let queue = "https://sqs.test/123456789012/quarantine";
        (name.as_str(), suite::text(value).replace("${QuarantineQueue}", queue))
    });
    let all: Vec<_> = lambda.chain(variables).collect();
    let environment: Environment = all.iter().map(|(name, value)| (*name, &**value)).collect();
    Config::from_environment(&environment).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_function_signs_in_with_the_secret() {
    let config = settings(&[STORE]);
    assert_eq!(config.store.url.to_string(), format!("{}&precision=ns", STORE.1));
    assert_eq!(config.quarantine_url, "https://sqs.test/123456789012/quarantine");
    assert!(matches!(config.store.auth, Auth::None));
    for scheme in ["Token", "Bearer", "Basic"] {
        let chosen = ("SensorAuth", &*scheme.to_lowercase());
        let config = settings(&[STORE, chosen, ("SensorSecretArn", SECRET_ARN)]);
        let expected = format!("Secret({SECRET_ARN:?}, {scheme})");
        assert_eq!(format!("{:?}", config.store.auth), expected);
    }
    let network = json!({"SubnetIds": ["subnet-4d", "subnet-5e"], "SecurityGroupIds": ["sg-6f"]});
    let stack = Stack::with(&[STORE, STORE_VPC[0], STORE_VPC[1]]);
    assert_eq!(stack.function("sensor-points")["VpcConfig"], network);
}

fn dashboard() -> Value {
    read("dashboards/sensors.json").parse().unwrap_or_else(|error| panic!("not JSON: {error}"))
}

#[test]
fn the_dashboard_shows_four_figures_in_windows_of_one_and_five_minutes() {
    let dashboard = dashboard();
    assert_eq!(dashboard["refresh"], "1s");
    // The first window of a minute is whole.
    assert_eq!(dashboard["time"]["from"], "now-15m/m");
    let mut found = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut places = BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(x < 24 && places.insert((x, y)), "{panel} covers another");
            }
        }
        let [target] = list(&panel["targets"])[..] else { panic!("{panel}") };
        assert_eq!(target["rawQuery"], true);
        let query = target["query"].as_str().unwrap();
        let query = query.replace(" FROM \"line\" WHERE $timeFilter", "").replace('"', "");
        assert!(found.insert(query.clone()), "{query} is there twice");
    }
    let mut expected = BTreeSet::from([
        "SELECT count(items) GROUP BY time(1s) fill(0)".to_owned(),
        "SELECT last(items)".to_owned(),
    ]);
    for (window, a_minute) in [("1m", ""), ("5m", " / 5")] {
        for (figure, by) in [
            (&*format!("sum(items){a_minute}"), "line"),
            ("mean(running)", "machine"),
            ("sum(defects) / sum(items)", "line"),
            ("sum(energy_kwh) / sum(items)", "line"),
        ] {
            expected.insert(format!("SELECT {figure} GROUP BY time({window}), {by} fill(none)"));
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn the_dashboard_asks_for_what_the_built_in_series_has() {
    let readme = read("functions/sensor-points/README.md");
    let series: Value = code_blocks(&readme, "json")[0].parse().unwrap();
    let mut known: BTreeSet<&str> = texts(&series["measurement"]).into_iter().collect();
    for member in ["tags", "fields"] {
        known.extend(object(&series[member]).keys().map(String::as_str));
    }
    for panel in list(&dashboard()["panels"]) {
        let query = panel["targets"][0]["query"].as_str().unwrap();
        for name in query.split('"').skip(1).step_by(2) {
            assert!(known.contains(name), "{name} in {query}");
        }
    }
}
