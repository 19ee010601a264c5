//! Situations of one kind, told in other words: what each comes to.

#![cfg(test)]

mod support {
    pub(crate) mod app;
    pub(crate) mod payload;
}

use serde_json::{Value, json};

use support::app::{NOW_MS, invoke};
use support::payload::{GROUP, STREAM, batch, event};

const ID: &str = "5b1f0c62-97a3-4d0e-8a55-2f6b9d3e7c10";
const OTHER: &str = "c9e4a7d1-3b58-4f26-9d07-61a8f2b4e503";

/// The metrics of a function for these messages, a millisecond apart.
fn metrics_in(group: &str, stream: &str, messages: &[String]) -> Value {
    let messages: Vec<_> = (NOW_MS - 30_000..).zip(messages).collect();
    let mut batch = batch(&messages);
    (batch["logGroup"], batch["logStream"]) = (group.into(), stream.into());
    let mut written = Vec::new();
    invoke(&event(&batch.to_string()), &mut written).unwrap();
    let Some(line) = written.split(|byte| *byte == b'\n').find(|line| !line.is_empty()) else {
        return json!({});
    };
    let mut line: Value = serde_json::from_slice(line).unwrap();
    line.as_object_mut().unwrap().remove("_aws").unwrap();
    line
}

/// The metrics of `plays`, forwards and backwards in time: without their name.
fn metrics(messages: &[String]) -> Value {
    let of = |messages: &[String]| {
        let mut metrics = metrics_in(GROUP, STREAM, messages);
        let name = metrics.as_object_mut().unwrap().remove("FunctionName");
        assert_eq!(name, Some("plays".into()), "{messages:#?}");
        metrics
    };
    let metrics = of(messages);
    let backwards: Vec<_> = messages.iter().rev().cloned().collect();
    assert_eq!(of(&backwards), metrics, "{messages:#?}");
    metrics
}

/// A text report that used so many of 128 MB.
fn report(id: &str, used_mb: u32, rest: &str) -> String {
    format!(
        "REPORT RequestId: {id}\tDuration: 900.00 ms\tBilled Duration: 900 ms\tMemory Size: 128 \
         MB\tMax Memory Used: {used_mb} MB\t{rest}\n"
    )
}

fn exited(id: &str, how: &str) -> String {
    format!("RequestId: {id} Error: Runtime exited with error: {how}\nRuntime.ExitError\n")
}

fn timed_out(id: &str) -> String {
    format!("2024-03-01T12:34:56.789Z {id} Task timed out after 3.00 seconds\n\n")
}

fn platform(kind: &str, record: &Value) -> String {
    let time = "2024-03-01T12:34:56.789Z";
    json!({"time": time, "type": format!("platform.{kind}"), "record": record}).to_string()
}

fn json_report(id: &str, used_mb: u32, status: &str, error_type: &str) -> String {
    let metrics = json!({"durationMs": 900, "memorySizeMB": 128, "maxMemoryUsedMB": used_mb});
    let record =
        json!({"requestId": id, "status": status, "errorType": error_type, "metrics": metrics});
    platform("report", &record)
}

const EXIT_ERROR: &str = "Status: error\tError Type: Runtime.ExitError";

#[test]
fn functions_of_a_shared_group_are_named_by_their_streams() {
    let messages = [json_report(ID, 32, "timeout", "")];
    for (group, stream, name) in [
        ("/aws/lambda/checkout", "2024/03/01/orders[$LATEST]0a1b", "orders"),
        (
            "/aws/lambda/team-a/shared",
            "2024/12/31/us-east-1.redirector[7]0a1b",
            "us-east-1.redirector",
        ),
        ("/aws/lambda/checkout", STREAM, "checkout"),
        ("/aws/lambda/checkout", "orders[$LATEST]0a1b", "checkout"),
        ("/platform/shared", "2024/03/01/orders[$LATEST]0a1b", "orders"),
        ("/platform/shared", STREAM, "unknown"),
    ] {
        let expected = json!({"FunctionName": name, "Timeouts": 1, "MaxMemoryUsedPercent": 25.0});
        assert_eq!(metrics_in(group, stream, &messages), expected, "{group} {stream}");
    }
}

#[test]
fn a_runtime_that_is_killed_for_its_memory_is_out_of_memory() {
    let (out_of_memory, unhandled) = ("OutOfMemory", "UnhandledErrors");
    for (how, used_mb, metric) in [
        ("signal: killed", 20, out_of_memory),
        ("signal: killed", 128, out_of_memory),
        ("signal: aborted", 128, out_of_memory),
        ("signal: aborted", 127, out_of_memory),
        ("signal: aborted (core dumped)", 127, out_of_memory),
        ("exit status 137", 127, out_of_memory),
        ("signal: aborted", 126, unhandled),
        ("exit status 137", 126, unhandled),
        ("exit status 1", 128, unhandled),
        ("exit status 13", 128, unhandled),
        ("signal: segmentation fault (core dumped)", 128, unhandled),
    ] {
        for report in [
            report(ID, used_mb, EXIT_ERROR),
            report(ID, used_mb, ""),
            json_report(ID, used_mb, "error", "Runtime.ExitError"),
        ] {
            let percent = f64::from(used_mb) / 1.28;
            let expected = json!({metric: 1, "MaxMemoryUsedPercent": percent});
            assert_eq!(metrics(&[report, exited(ID, how)]), expected, "{how} {used_mb}");
        }
    }
    // Neither the memory of another request, nor memory that is used up without an error.
    let lines = [exited(ID, "exit status 137"), report(ID, 64, EXIT_ERROR), report(OTHER, 128, "")];
    let expected = json!({"UnhandledErrors": 1, "MaxMemoryUsedPercent": 100.0});
    assert_eq!(metrics(&lines), expected);
}

#[test]
fn an_error_type_that_names_want_of_memory_is_out_of_memory() {
    for error_type in
        ["java.lang.OutOfMemoryError", "System.OutOfMemoryException", "Runtime.OutOfMemory"]
    {
        let expected = json!({"OutOfMemory": 1, "MaxMemoryUsedPercent": 75.0});
        let text = report(ID, 96, &format!("Status: error\tError Type: {error_type}"));
        assert_eq!(metrics(&[text]), expected, "{error_type}");
        let lines = [
            json_report(ID, 96, "failure", error_type),
            platform(
                "runtimeDone",
                &json!({"requestId": ID, "status": "failure", "errorType": error_type}),
            ),
        ];
        assert_eq!(metrics(&lines), expected, "{error_type}");
        // Written by the application.
        let lines = [format!("{error_type}: no space\n"), report(ID, 96, "")];
        assert_eq!(metrics(&lines), json!({"MaxMemoryUsedPercent": 75.0}), "{error_type}");
    }
}

#[test]
fn a_failed_start_and_its_invocation_are_one_failure() {
    let in_text = |phase: &str, status: &str| {
        format!("INIT_REPORT Init Duration: 3000.00 ms\tPhase: {phase}\tStatus: {status}\n")
    };
    let in_json = |phase: &str, status: &str| {
        platform("initReport", &json!({"phase": phase, "status": status}))
    };
    let entrypoint = format!(
        "RequestId: {ID} Error: fork/exec /app: permission denied\nRuntime.InvalidEntrypoint\n"
    );
    for (lines, expected) in [
        (vec![in_text("invoke", "timeout"), timed_out(ID), report(ID, 128, "Status: timeout")], 1),
        (vec![in_text("invoke", "timeout"), report(ID, 128, ""), timed_out(ID), timed_out(ID)], 1),
        (vec![in_json("invoke", "timeout"), json_report(ID, 128, "timeout", "")], 1),
        (
            vec![
                in_json("init", "timeout"),
                in_json("invoke", "error"),
                json_report(ID, 128, "error", "Runtime.Unknown"),
            ],
            1,
        ),
        (
            vec![
                in_text("init", "error"),
                in_text("init", "error"),
                entrypoint.clone(),
                report(ID, 128, EXIT_ERROR),
            ],
            1,
        ),
        (vec![in_text("init", "timeout"), report(ID, 128, "")], 1),
    ] {
        let metrics = metrics(&lines);
        let expected = json!({"InitFailures": expected, "MaxMemoryUsedPercent": 100.0});
        assert_eq!(metrics, expected, "{lines:#?}");
    }
    // What fails before and after it has reasons of its own.
    let crashed = format!("RequestId: {OTHER} Error: exit status 2\nExtension.Crash\n");
    let lines = [
        crashed,
        report(OTHER, 32, "Status: error\tError Type: Extension.Crash"),
        in_text("init", "error"),
        entrypoint,
        report(ID, 2, "Status: error\tError Type: Runtime.InvalidEntrypoint"),
        exited("c-3", "signal: segmentation fault"),
        report("c-3", 64, EXIT_ERROR),
    ];
    let expected = json!({"InitFailures": 1, "UnhandledErrors": 2, "MaxMemoryUsedPercent": 50.0});
    assert_eq!(metrics(&lines), expected);
}

#[test]
fn lines_of_one_failure_count_once_however_often_they_come() {
    for (lines, metric, count) in [
        (vec![report(ID, 64, ""), timed_out(ID), timed_out(ID), timed_out(ID)], "Timeouts", 1),
        (vec![timed_out(ID), report(ID, 64, "Status: timeout"), timed_out(ID)], "Timeouts", 1),
        (
            vec![
                exited(ID, "signal: killed"),
                exited(ID, "signal: killed"),
                report(ID, 64, EXIT_ERROR),
            ],
            "OutOfMemory",
            1,
        ),
        (
            vec![
                report(ID, 64, ""),
                exited(ID, "exit status 1"),
                format!("RequestId: {ID} Process exited before completing request\n"),
            ],
            "UnhandledErrors",
            1,
        ),
        // An attempt each.
        (
            vec![
                timed_out(ID),
                report(ID, 64, "Status: timeout"),
                timed_out(ID),
                report(ID, 64, "Status: timeout"),
                report(ID, 64, ""),
            ],
            "Timeouts",
            2,
        ),
    ] {
        let expected = json!({metric: count, "MaxMemoryUsedPercent": 50.0});
        assert_eq!(metrics(&lines), expected, "{lines:#?}");
    }
    // Without its report, which comes in the next batch.
    let done = json!({"requestId": ID, "status": "error", "errorType": "Runtime.OutOfMemory"});
    let lines = [platform("runtimeDone", &done), report(OTHER, 64, "")];
    assert_eq!(metrics(&lines), json!({"MaxMemoryUsedPercent": 50.0}));
}
