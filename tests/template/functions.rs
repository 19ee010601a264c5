//! The resources of the functions against the workspace: build, settings and environment variables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::stack::{
    BUCKET, COST, DATA_CHECKS, FUNCTION, PIPELINES, PREFECT, PROJECTS, SECRET_ARN, STORE, Stack,
    WAREHOUSE, assert_has, object, read,
};

/// The functions with the variables that their code reads, except those of Lambda.
fn functions() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    use shared::{event, metric_rules, opensearch, sqs};
    let own: &[(&str, &[&[&str]])] = &[
        ("alert-notifier", &[alert_notifier::config::VARIABLES]),
        ("cost-report", &[cost_report::VARIABLES, shared::notice::VARIABLES]),
        (
            "data-checks",
            &[data_checks::VARIABLES, opensearch::AUTH_VARIABLES, shared::notice::VARIABLES],
        ),
        ("dlq-redrive", &[dlq_redrive::config::VARIABLES, opensearch::AUTH_VARIABLES]),
        (
            "firehose-transform",
            &[firehose_transform::config::VARIABLES, event::VARIABLES, metric_rules::VARIABLES],
        ),
        (
            "idle-resources",
            &[idle_resources::VARIABLES, shared::cost::VARIABLES, shared::notice::VARIABLES],
        ),
        ("lambda-metrics", &[lambda_metrics::VARIABLES]),
        ("log-metrics", &[log_metrics::config::VARIABLES]),
        (
            "object-loader",
            &[
                object_loader::VARIABLES,
                opensearch::VARIABLES,
                opensearch::WRITING_VARIABLES,
                event::VARIABLES,
                metric_rules::VARIABLES,
                sqs::BACKOFF_VARIABLES,
            ],
        ),
        ("parking", &[parking::VARIABLES, shared::notice::VARIABLES]),
        ("pipeline-alerts", &[pipeline_alerts::VARIABLES, shared::notice::VARIABLES]),
        (
            "rightsizing",
            &[rightsizing::VARIABLES, shared::notice::VARIABLES, shared::cost::VARIABLES],
        ),
        ("sensor-points", &[sensor_points::VARIABLES, event::TIMESTAMP_VARIABLES]),
        (
            "sqs-consumer",
            &[
                sqs_consumer::VARIABLES,
                opensearch::VARIABLES,
                opensearch::WRITING_VARIABLES,
                event::VARIABLES,
                metric_rules::VARIABLES,
                sqs::BACKOFF_VARIABLES,
            ],
        ),
        ("warehouse-watch", &[warehouse_watch::VARIABLES, shared::notice::VARIABLES]),
    ];
    let all = own.iter().map(|(name, lists)| {
        let lists = lists.iter().chain([&shared::telemetry::VARIABLES]);
        (*name, lists.copied().flatten().copied().collect())
    });
    all.collect()
}

#[test]
fn every_function_of_the_workspace_is_deployed_for_arm64() {
    let listed = functions();
    let mut members: BTreeSet<String> = fs::read_dir(suite::project().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for (id, function) in Stack::complete().of_type(FUNCTION) {
        let properties = &function["Properties"];
        let name = properties["FunctionName"].as_str().unwrap().replace("sluice-dev-", "");
        assert!(listed.contains_key(&*name), "{id} is not listed here");
        assert!(members.remove(&name), "{id} is not a member of the workspace, or deployed twice");
        let expected = json!({
            "Properties": {
                // The workspace: functions that are built alone would each build what they share.
                "CodeUri": ".",
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "Architectures": ["arm64"],
            },
            "Metadata": {
                "BuildMethod": "rust-cargolambda", "BuildProperties": { "Binary": name },
            },
        });
        assert_has(function, &expected);
        let manifest = read(&format!("functions/{name}/Cargo.toml"));
        let binary = format!("name = \"{name}\"");
        assert!(manifest.lines().any(|line| line == binary), "{id} has no binary {name}");
        let main = format!("functions/{name}/src/main.rs");
        assert!(suite::project().join(main).is_file(), "{id} has no binary");
    }
    assert!(members.is_empty(), "not deployed: {members:?}");
}

#[test]
fn memory_and_time_are_bounded() {
    for (name, function) in Stack::complete().functions() {
        let memory_mb = function["MemorySize"].as_u64().unwrap();
        assert!((128..=1024).contains(&memory_mb), "{name}: {memory_mb} MB");
        let timeout_s = function["Timeout"].as_u64().unwrap();
        // The limit of Lambda; Firehose waits for at most five minutes.
        let longest_s = if name == "firehose-transform" { 300 } else { 900 };
        assert!((10..=longest_s).contains(&timeout_s), "{name}: {timeout_s} s");
    }
}

#[test]
fn the_environment_is_what_the_code_reads() {
    let every_setting = Stack::with(&[
        ("DropActions", "ping"),
        ("TimestampFields", "at"),
        ("FieldMapping", "{}"),
        ("MetricRules", "[]"),
        ("ChatSecretArn", SECRET_ARN),
        ("ChatWebhookUrl", "https://chat.example/webhook"),
        ("SensorSecretArn", SECRET_ARN),
        ("SensorSeries", "{}"),
        BUCKET,
        DATA_CHECKS,
        ("GoogleCredentialsSecretArn", SECRET_ARN),
        COST,
        ("ParkingSchedules", "{}"),
        ("ParkingHolidays", "12-25"),
        PIPELINES,
        PREFECT[0],
        PREFECT[1],
        ("PrefectUiUrl", "https://prefect.test"),
        STORE,
        WAREHOUSE[0],
        ("RedshiftSecretArn", SECRET_ARN),
        ("IgnoredUsers", "etl"),
        PROJECTS[0],
    ]);
    for (name, read_by_code) in functions() {
        for variable in object(every_setting.variables(name)).keys() {
            assert!(read_by_code.contains(&**variable), "{name} does not read {variable}");
        }
        let readme = read(&format!("functions/{name}/README.md"));
        for variable in read_by_code {
            let described = readme.contains(&format!("`{variable}`"));
            assert!(described, "{variable} is missing in the README of {name}");
        }
    }
}

#[test]
fn the_lists_of_variables_are_complete() {
    for (function, listed) in functions() {
        let source = read(&format!("functions/{function}/src/config.rs"));
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let names = code.split('"').skip(1).step_by(2).filter(|literal| {
            literal.starts_with(|first: char| first.is_ascii_uppercase())
                && literal.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
                && !literal.starts_with("AWS_")
        });
        for name in names {
            assert!(
                listed.contains(name),
                "{function} reads {name}, which VARIABLES does not list"
            );
        }
    }
}

#[test]
fn settings_left_empty_do_not_reach_the_function() {
    // An empty value is a setting, and invalid for MAPPING.
    let expected = json!({
        "DOCUMENT": "mapped", "LOG_LEVEL": "info", "METRICS_NAMESPACE": "Sluice", "REINGEST": "on",
        "SPLIT": "off",
    });
    assert_eq!(Stack::default().variables("firehose-transform"), &expected);
}

#[test]
fn all_functions_write_documents_of_the_same_form() {
    let stack = Stack::with(&[("Document", "passthrough"), BUCKET]);
    for (name, read_by_code) in functions() {
        if read_by_code.contains("DOCUMENT") {
            assert_eq!(stack.variables(name)["DOCUMENT"], "passthrough", "{name}");
        }
    }
}

#[test]
fn the_function_log_level_determines_what_is_logged() {
    let stack = Stack::with(&[("FunctionLogLevel", "error"), BUCKET, STORE]);
    for (name, function) in stack.functions() {
        assert_eq!(stack.variables(name)["LOG_LEVEL"], "error", "{name}");
        // Above INFO, Lambda drops the metrics, whose lines have no level. log-metrics reads the
        // platform's reports, which have the system level INFO.
        let expected = json!({ "LogFormat": "JSON", "ApplicationLogLevel": "TRACE", "SystemLogLevel": "INFO" });
        assert_has(&function["LoggingConfig"], &expected);
    }
}

#[test]
fn the_redrive_knows_its_queues_and_runs_by_itself_only_if_enabled() {
    for (parameters, state) in
        [(&[][..], "DISABLED"), (&[("RedriveSchedule", "ENABLED")], "ENABLED")]
    {
        let stack = Stack::with(parameters);
        let variables = stack.variables("dlq-redrive");
        assert_eq!(variables["DLQ_URL"], "${DeadLetterQueue}");
        assert_eq!(variables["PARKING_QUEUE_URL"], "${ParkingQueue}");
        let schedule = &stack.function("dlq-redrive")["Events"]["Schedule"]["Properties"];
        assert_eq!(schedule["State"], state);
        let payload = schedule["Input"].as_str().unwrap();
        let request = dlq_redrive::request::Request::parse(payload.as_bytes(), None).unwrap();
        let dlq_redrive::request::Action::Redrive(redrive) = request.action else {
            panic!("{payload}");
        };
        // A message that always fails must not circulate forever.
        assert_eq!(redrive.max_redrives, Some(3));
    }
}

#[test]
fn the_poller_watches_the_suite_and_other_named_functions() {
    for (parameters, names, tag, rate) in [
        (&[][..], "sluice-dev-*", Value::Null, "rate(1 minute)"),
        (
            &[
                ("WatchedFunctionNames", "billing,orders-*"),
                ("WatchedFunctionTag", "team=music"),
                ("PollRate", "rate(5 minutes)"),
            ],
            "sluice-dev-*,billing,orders-*",
            json!("team=music"),
            "rate(5 minutes)",
        ),
    ] {
        let stack = Stack::with(parameters);
        let poller = stack.function("lambda-metrics");
        let variables = stack.variables("lambda-metrics");
        // All function names of the suite have this prefix (see Stack::functions).
        assert_eq!(variables["FUNCTION_NAMES"], names);
        assert_eq!(variables["WATCH_TAG"], tag);
        assert_eq!(poller["Events"]["Schedule"]["Properties"]["Schedule"], rate);
        // A run ends before the next one begins, and is not retried.
        assert_eq!(poller["Timeout"], 50);
        assert_eq!(poller["EventInvokeConfig"]["MaximumRetryAttempts"], 0);
    }
}
