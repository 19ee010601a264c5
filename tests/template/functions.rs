//! The functions' resources against the workspace: what is built, how it runs, and which
//! environment variables it gets.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::stack::{FUNCTION, SECRET_ARN, Stack, object, project, read};

/// The folders of the functions with the variables that their code reads, beside those that
/// Lambda sets itself.
fn functions() -> Vec<(&'static str, BTreeSet<&'static str>)> {
    let variables = |lists: &[&[&'static str]]| lists.iter().copied().flatten().copied().collect();
    vec![
        (
            "functions/alert-notifier",
            variables(&[alert_notifier::config::VARIABLES, shared::telemetry::VARIABLES]),
        ),
        (
            "functions/dlq-redrive",
            variables(&[
                dlq_redrive::config::VARIABLES,
                shared::opensearch::AUTH_VARIABLES,
                shared::telemetry::VARIABLES,
            ]),
        ),
        (
            "functions/firehose-transform",
            variables(&[
                firehose_transform::config::VARIABLES,
                shared::event::VARIABLES,
                shared::telemetry::VARIABLES,
            ]),
        ),
        (
            "functions/lambda-metrics",
            variables(&[lambda_metrics::config::VARIABLES, shared::telemetry::VARIABLES]),
        ),
        (
            "functions/log-metrics",
            variables(&[log_metrics::config::VARIABLES, shared::telemetry::VARIABLES]),
        ),
        (
            "functions/sqs-consumer",
            variables(&[
                sqs_consumer::config::VARIABLES,
                shared::opensearch::VARIABLES,
                shared::event::VARIABLES,
                shared::telemetry::VARIABLES,
            ]),
        ),
    ]
}

/// The resource whose code is in this folder.
fn resource<'a>(stack: &'a Stack, folder: &str) -> &'a Value {
    let functions = stack.of_type(FUNCTION);
    let mut found =
        functions.iter().filter(|(_, function)| function["Properties"]["CodeUri"] == folder);
    match (found.next(), found.next()) {
        (Some((_, function)), None) => function,
        (None, _) => panic!("no function of the template is built from {folder}"),
        (Some(_), Some(_)) => panic!("{folder} is built twice"),
    }
}

#[test]
fn every_function_of_the_workspace_is_deployed_and_listed_here() {
    let stack = Stack::default();
    let deployed: BTreeSet<&str> = stack
        .of_type(FUNCTION)
        .iter()
        .filter_map(|(_, function)| function["Properties"]["CodeUri"].as_str())
        .collect();
    let members: BTreeSet<String> = fs::read_dir(project().join("functions"))
        .unwrap()
        .map(|entry| format!("functions/{}", entry.unwrap().file_name().display()))
        .collect();
    assert_eq!(deployed, members.iter().map(String::as_str).collect());
    assert_eq!(deployed, functions().iter().map(|(folder, _)| *folder).collect());
}

#[test]
fn every_function_is_built_from_its_workspace_member_for_arm64() {
    let stack = Stack::default();
    for (folder, _) in functions() {
        let function = resource(&stack, folder);
        let properties = &function["Properties"];
        assert_eq!(properties["Runtime"], "provided.al2023", "{folder}");
        assert_eq!(properties["Handler"], "bootstrap", "{folder}");
        assert_eq!(properties["Architectures"], serde_json::json!(["arm64"]), "{folder}");
        let metadata = &function["Metadata"];
        assert_eq!(metadata["BuildMethod"], "rust-cargolambda", "{folder}");
        let binary = metadata["BuildProperties"]["Binary"].as_str().unwrap();
        let manifest = read(&format!("{folder}/Cargo.toml"));
        assert!(
            manifest.lines().any(|line| line == format!("name = \"{binary}\"")),
            "{folder} has no binary {binary}"
        );
        assert!(project().join(folder).join("src/main.rs").is_file(), "{folder} has no binary");
    }
}

#[test]
fn memory_and_time_are_bounded() {
    let stack = Stack::default();
    for (folder, _) in functions() {
        let properties = &resource(&stack, folder)["Properties"];
        let memory_mb = properties["MemorySize"].as_u64().unwrap();
        assert!((128..=1024).contains(&memory_mb), "{folder}: {memory_mb} MB");
        let timeout_s = properties["Timeout"].as_u64().unwrap();
        // Firehose gives up after five minutes.
        assert!((10..=300).contains(&timeout_s), "{folder}: {timeout_s} s");
    }
}

#[test]
fn the_environment_is_what_the_code_reads() {
    let every_setting = Stack::with(&[
        ("DropActions", "ping"),
        ("TimestampFields", "at"),
        ("FieldMapping", "{}"),
        ("ChatSecretArn", SECRET_ARN),
        ("ChatWebhookUrl", "https://chat.example/webhook"),
    ]);
    for (folder, read_by_code) in functions() {
        let properties = &resource(&every_setting, folder)["Properties"];
        let declared: BTreeSet<&str> =
            object(&properties["Environment"]["Variables"]).keys().map(String::as_str).collect();
        let unknown: Vec<_> = declared.difference(&read_by_code).collect();
        assert!(unknown.is_empty(), "{folder} is given {unknown:?}, which its code does not read");
        let readme = read(&format!("{folder}/README.md"));
        for variable in read_by_code {
            assert!(
                readme.contains(&format!("`{variable}`")),
                "{variable} is missing in the README of {folder}"
            );
        }
    }
}

#[test]
fn the_lists_of_variables_are_complete() {
    for (folder, listed) in functions() {
        let source = read(&format!("{folder}/src/config.rs"));
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let names = code.split('"').skip(1).step_by(2).filter(|literal| {
            literal.starts_with(|first: char| first.is_ascii_uppercase())
                && literal.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
                && !literal.starts_with("AWS_")
        });
        for name in names {
            assert!(listed.contains(name), "{folder} reads {name}, which VARIABLES does not list");
        }
    }
}

#[test]
fn settings_left_empty_do_not_reach_the_function() {
    // An empty value would be a setting of its own, and for MAPPING a wrong one.
    let stack = Stack::default();
    let properties = &resource(&stack, "functions/firehose-transform")["Properties"];
    let variables: Vec<_> =
        object(&properties["Environment"]["Variables"]).iter().map(|(k, v)| (&**k, v)).collect();
    let expected = [("LOG_LEVEL", "info"), ("METRICS_NAMESPACE", "Sluice"), ("REINGEST", "on")];
    assert_eq!(variables.len(), expected.len(), "{variables:?}");
    for (name, value) in expected {
        assert!(variables.contains(&(name, &Value::from(value))), "{name}: {variables:?}");
    }
}

#[test]
fn the_functions_own_level_decides_what_is_logged() {
    for (name, function) in Stack::default().of_type(FUNCTION) {
        let logging = &function["Properties"]["LoggingConfig"];
        assert_eq!(logging["LogFormat"], "JSON", "{name}");
        // Anything above INFO would drop the metrics, whose lines have no level.
        assert_eq!(logging["ApplicationLogLevel"], "TRACE", "{name}");
        // The platform's reports, which later metrics are made of, are of this level.
        assert_eq!(logging["SystemLogLevel"], "INFO", "{name}");
    }
}

#[test]
fn the_redrive_knows_its_queues_and_runs_by_itself_only_if_it_is_told() {
    for (parameters, state) in
        [(&[][..], "DISABLED"), (&[("RedriveSchedule", "ENABLED")], "ENABLED")]
    {
        let stack = Stack::with(parameters);
        let redrive = &resource(&stack, "functions/dlq-redrive")["Properties"];
        let variables = &redrive["Environment"]["Variables"];
        assert_eq!(variables["DLQ_URL"], "${DeadLetterQueue}");
        assert_eq!(variables["PARKING_QUEUE_URL"], "${ParkingQueue}");
        let schedule = &redrive["Events"]["Schedule"]["Properties"];
        assert_eq!(schedule["State"], state);
        let payload = schedule["Input"].as_str().unwrap();
        let request = dlq_redrive::request::Request::parse(payload.as_bytes(), None).unwrap();
        let dlq_redrive::request::Action::Redrive(redrive) = request.action else {
            panic!("{payload}");
        };
        // What comes back again and again must not go round for ever.
        assert_eq!(redrive.max_redrives, Some(3));
    }
}

#[test]
fn the_poller_watches_the_suite_and_what_else_is_named() {
    for (parameters, names, tag, rate) in [
        (&[][..], "sluice-dev-*", Value::Null, "rate(1 minute)"),
        (
            &[
                ("WatchedFunctionNames", "billing,orders-*"),
                ("WatchedFunctionTag", "team=music"),
                ("PollRate", "rate(5 minutes)"),
            ],
            "sluice-dev-*,billing,orders-*",
            Value::from("team=music"),
            "rate(5 minutes)",
        ),
    ] {
        let stack = Stack::with(parameters);
        let poller = &resource(&stack, "functions/lambda-metrics")["Properties"];
        let variables = &poller["Environment"]["Variables"];
        assert_eq!(variables["FUNCTION_NAMES"], names);
        assert_eq!(variables["WATCH_TAG"], tag);
        assert_eq!(poller["Events"]["Schedule"]["Properties"]["Schedule"], rate);
        // A run that is over before the next one begins, and is not tried again.
        assert_eq!(poller["Timeout"], 50);
        assert_eq!(poller["EventInvokeConfig"]["MaximumRetryAttempts"], 0);
        let own = "sluice-dev-";
        for (name, function) in stack.of_type(FUNCTION) {
            let function = function["Properties"]["FunctionName"].as_str().unwrap();
            assert!(function.starts_with(own), "{name} is not watched");
        }
    }
}
