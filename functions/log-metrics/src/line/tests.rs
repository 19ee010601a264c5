//! Lines from the documentation and published logs, and lines that look like them.

use super::*;

const ID: &str = "8f507cfc-6a1d-4a1b-9c39-0d7a0e2f9f21";

fn report(failure: Option<Failure>, memory_mb: Option<(f64, f64)>, init_ms: Option<f64>) -> Line {
    let memory = memory_mb.map(|(used_mb, size_mb)| Memory { used_mb, size_mb });
    Line::Report(Report { request_id: ID.to_owned(), failure, memory, init_ms })
}

fn error(cause: Cause) -> Line {
    Line::Error { request_id: ID.to_owned(), cause }
}

const fn start_failed(in_invocation: bool) -> Line {
    Line::StartFailed { in_invocation }
}

#[test]
fn reads_reports_in_text() {
    for (rest, expected) in [
        (
            "Duration: 128.83 ms\tBilled Duration: 129 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 96 MB\tInit Duration: 166.62 ms\t\n",
            report(None, Some((96.0, 128.0)), Some(166.62)),
        ),
        (
            "Duration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 1024 MB\t\
             Max Memory Used: 64 MB\tStatus: timeout",
            report(Some(Failure::Timeout), Some((64.0, 1024.0)), None),
        ),
        (
            "Duration: 600000.00 ms\tBilled Duration: 600477 ms\tMemory Size: 1024 MB\t\
             Max Memory Used: 512 MB\tInit Duration: 476.75 ms\tStatus: timeout\n\
             XRAY TraceId: 1-6ac7d63f-0104e99861c65c8039f183da\tSegmentId: 7c4eb6a6d56f2a27\t\
             Sampled: true\n",
            report(Some(Failure::Timeout), Some((512.0, 1024.0)), Some(476.75)),
        ),
        (
            "Duration: 11.48 ms\tBilled Duration: 12 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 16 MB\tStatus: error\tError Type: Runtime.InvalidEntrypoint\n",
            report(Some(Failure::Unhandled), Some((16.0, 128.0)), None),
        ),
        (
            "Duration: 9.04 ms\tBilled Duration: 10 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 127 MB\tStatus: error\tError Type: Runtime.OutOfMemory\n",
            report(Some(Failure::OutOfMemory), Some((127.0, 128.0)), None),
        ),
        // The name of a generic type, and a copy without tabs.
        (
            "Duration: 2.5 ms\tMemory Size: 128 MB\tMax Memory Used: 16 MB\tStatus: error\t\
             Error Type: &alloc::boxed::Box<dyn core::error::Error + core::marker::Send>\n",
            report(Some(Failure::Unhandled), Some((16.0, 128.0)), None),
        ),
        (
            "Duration: 2.5 ms Status: timeout Error Type: a b\nXRAY TraceId: 1-2\n",
            report(Some(Failure::Timeout), None, None),
        ),
        (
            "Duration: 2.5 ms Status: error Error Type: Runtime.OutOfMemory XRAY TraceId: 1-2",
            report(Some(Failure::OutOfMemory), None, None),
        ),
        // Copied without tabs, and with an unknown field.
        (
            "Duration: 2.5 ms Billed Duration: 3 ms  Memory Size: 128 MB Max Memory Used: 32 MB",
            report(None, Some((32.0, 128.0)), None),
        ),
        ("Duration: 2.5 ms\tNew Field: 7 units\tStatus: success", report(None, None, None)),
        // Of a snapshot, and of a managed instance.
        (
            "Duration: 2.5 ms\tRestore Duration: 333.07 ms\tBilled Restore Duration: 70 ms\n",
            report(None, None, None),
        ),
        ("Duration: 2.5 ms\n", report(None, None, None)),
        ("Duration: 1 ms\tMax Memory Used: 1 MB", report(None, None, None)),
    ] {
        assert_eq!(read(&format!("REPORT RequestId: {ID}\t{rest}")), Some(expected), "{rest}");
    }
}

#[test]
fn reads_starts_in_text() {
    for (line, in_invocation) in [
        ("INIT_REPORT Init Duration: 10.17 ms\tPhase: init\tStatus: error\tError Type: A\n", false),
        ("INIT_REPORT Init Duration: 4.87 ms\tPhase: invoke\tStatus: error\tError Type: A", true),
        ("INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout\n", false),
        ("INIT_REPORT Init Duration: 3000.00 ms    Phase: invoke    Status: timeout", true),
        ("RESTORE_REPORT Restore Duration: 10000.00 ms\tStatus: timeout", false),
        ("RESTORE_REPORT Restore Duration: 1.00 ms\tStatus: error\tError Type: A", false),
        ("INIT_REPORT Init Duration: 1 ms\tPhase: init\tStatus: error\tError Type: A B\n", false),
    ] {
        assert_eq!(read(line), Some(start_failed(in_invocation)), "{line}");
    }
}

#[test]
fn reads_errors_in_text() {
    let timed_out =
        format!("2019-02-13T20:12:38.950Z {ID} Task timed out after 300.09 seconds\n\n");
    assert_eq!(read(&timed_out), Some(error(Cause::Timeout)));
    let exited = "Error: Runtime exited with error: ";
    for (rest, cause) in [
        ("Error: Task timed out after 3.00 seconds\n", Cause::Timeout),
        ("{exited}signal: killed\nRuntime.ExitError\n", Cause::OutOfMemory),
        ("{exited}signal: killed", Cause::OutOfMemory),
        ("Error: signal: killed\nExtension.Crash", Cause::OutOfMemory),
        ("{exited}exit status 137\nRuntime.OutOfMemory", Cause::OutOfMemory),
        ("Error: Java heap space\njava.lang.OutOfMemoryError\n", Cause::OutOfMemory),
        ("{exited}exit status 137\nRuntime.ExitError", Cause::Aborted),
        ("{exited}signal: aborted\nRuntime.ExitError", Cause::Aborted),
        ("{exited}signal: aborted (core dumped)", Cause::Aborted),
        ("{exited}exit status 1\nRuntime.ExitError", Cause::Other),
        ("{exited}signal: segmentation fault (core dumped)\nRuntime.ExitError\n", Cause::Other),
        ("Error: Runtime exited without providing a reason\nRuntime.ExitError\n", Cause::Other),
        ("Error: exit status 2\nExtension.Crash\n", Cause::Other),
        ("Error: fork/exec /bootstrap: not found\nRuntime.InvalidEntrypoint\n", Cause::Other),
        ("Process exited before completing request\n", Cause::Other),
    ] {
        let line = format!("RequestId: {ID} {}", rest.replace("{exited}", exited));
        assert_eq!(read(&line), Some(error(cause)), "{line}");
    }
}

#[test]
fn reads_json() {
    let failed = |failure| Some(report(Some(failure), None, None));
    let memory = Some((32.0, 128.0));
    for (kind, record, expected) in [
        ("report", r#"ID,METRICS,"status":"success""#, Some(report(None, memory, Some(7.0)))),
        (
            "report",
            r#"ID,"status":"timeout","metrics":null,"tracing":{"spanId":"5"}"#,
            failed(Failure::Timeout),
        ),
        (
            "report",
            r#"ID,"status":"error","errorType":"A.OutOfMemory""#,
            failed(Failure::OutOfMemory),
        ),
        ("report", r#"ID,"status":"error","errorType":"A.ExitError""#, failed(Failure::Unhandled)),
        ("report", r#"ID,"status":"failure""#, failed(Failure::Unhandled)),
        // An unknown status is not a failure.
        ("report", r#"ID,"status":"paused""#, Some(report(None, None, None))),
        (
            "report",
            r#"ID,"status":"success","metrics":{"durationMs":1.5}"#,
            Some(report(None, None, None)),
        ),
        ("report", r#""status":"error""#, None),
        (
            "runtimeDone",
            r#"ID,"status":"error","errorType":"Runtime.OutOfMemory""#,
            Some(error(Cause::RuntimeOutOfMemory)),
        ),
        ("runtimeDone", r#"ID,"status":"timeout""#, None),
        ("initReport", r#"ON_DEMAND,"phase":"init","status":"timeout""#, Some(start_failed(false))),
        ("initReport", r#""phase":"invoke","status":"error""#, Some(start_failed(true))),
        ("initReport", r#""phase":"init","errorType":"a""#, Some(start_failed(false))),
        ("initReport", r#"ON_DEMAND,METRICS,"phase":"init","status":"success""#, None),
        (
            "initReport",
            r#"MANAGED,METRICS,"status":"success""#,
            Some(Line::Started { init_ms: 9.5 }),
        ),
        ("restoreReport", r#""status":"error""#, Some(start_failed(false))),
        ("start", r#"ID,"version":"$LATEST""#, None),
        ("initStart", r#""phase":"init""#, None),
        ("logsDropped", r#""reason":"Consumer is slow","droppedRecords":123"#, None),
    ] {
        let metrics =
            r#""durationMs":9.5,"memorySizeMB":128,"maxMemoryUsedMB":32,"initDurationMs":7"#;
        let record = record
            .replace("ON_DEMAND", r#""initializationType":"on-demand""#)
            .replace("MANAGED", r#""initializationType":"lambda-managed-instances""#)
            .replace("METRICS", &format!(r#""metrics":{{{metrics}}}"#));
        let record = match record.strip_prefix("ID") {
            Some(rest) => format!(r#""requestId":"{ID}"{rest}"#),
            None => record,
        };
        let time = "2024-03-01T12:34:56.789Z";
        let line = format!(r#"{{"time":"{time}","type":"platform.{kind}","record":{{{record}}}}}"#);
        assert_eq!(read(&line), expected, "{line}");
    }
}

#[test]
fn members_can_have_any_order_and_white_space() {
    let line = format!(
        "{{ \"record\" : {{\"status\":\"timeout\", \"requestId\":\"{ID}\"}},\n\
         \"type\" : \"platform.report\", \"time\" : \"2024-03-01T12:34:56.789Z\" }}\n"
    );
    assert_eq!(read(&line), Some(report(Some(Failure::Timeout), None, None)));
}

/// Lines of applications that contain lines of the platform.
fn quotations() -> Vec<String> {
    let report = format!("REPORT RequestId: {ID}\tDuration: 3000.00 ms\tStatus: timeout");
    let json = format!(
        r#"{{"time":"2024-03-01T12:34:56.789Z","type":"platform.report","record":{{"requestId":"{ID}","status":"timeout"}}}}"#
    );
    let killed = format!("RequestId: {ID} Error: Runtime exited with error: signal: killed");
    let timed_out = format!("2024-03-01T12:34:56.789Z {ID} Task timed out after 3.00 seconds");
    let with = |member: &str| json.replace("\"record\"", &format!("{member},\"record\""));
    vec![
        format!("the other one said: {report}"),
        format!(" {report}"),
        format!("\n{report}"),
        format!("{report} was in the log"),
        format!("{report}: what does that mean?"),
        report.replace("REPORT", "Report"),
        report.replace(" ms", ""),
        report.replace("Duration: 3000.00 ms\t", ""),
        format!("REPORT RequestId: {ID}"),
        "REPORT RequestId: \tDuration: 3000.00 ms\tStatus: timeout".to_owned(),
        format!("REPORT RequestId: <{ID}>\tDuration: 3000.00 ms\tStatus: timeout"),
        "INIT_REPORT Status: timeout".to_owned(),
        "INIT_REPORT of last week: Init Duration: 10 s".to_owned(),
        "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout, it said".to_owned(),
        format!("2024-03-01T12:34:56.789Z\t{ID}\tINFO\t{report}"),
        format!("2024-03-01T12:34:56.789Z\t{ID}\tERROR\tTask timed out after 3.00 seconds"),
        format!("2024-03-01T12:34:56.789Z {ID} ERROR Task timed out after 3.00 seconds"),
        format!("{timed_out}, they say"),
        format!("[ERROR] {timed_out}"),
        timed_out.replace("3.00", "three"),
        "Task timed out after 3.00 seconds".to_owned(),
        format!("upstream: {killed}"),
        format!("{killed} (yesterday)\nand again"),
        format!("RequestId: {ID} Error: no such song\nSongError"),
        format!("RequestId: {ID} Error: no such song"),
        format!("RequestId: {ID} Error: exit status 137"),
        format!("RequestId: {ID} Error: signal: killed\nSongError"),
        "java.lang.OutOfMemoryError: Java heap space".to_owned(),
        format!("RequestId: {ID} Runtime exited with error: signal: killed"),
        "RequestId: of whom? Error: Runtime exited with error: signal: killed".to_owned(),
        with(r#""level":"ERROR""#),
        with(r#""message":"x""#),
        json.replace("\"time\"", "\"timestamp\""),
        json.replace("2024-03-01T12:34:56.789Z", "now"),
        json.replace("platform.report", "function"),
        json.replace("\"platform.report\"", "\"my.platform.report\""),
        format!(r#"{{"time":"2024-03-01T12:34:56.789Z","level":"INFO","message":{json}}}"#),
        format!(r#"{{"message":{}}}"#, serde_json::Value::from(json.as_str())),
        format!("[{json}]"),
        format!("{json}{json}"),
        json.replace("}}", "}"),
        json.replace("\"time\":", "\"type\":\"platform.report\",\"time\":"),
    ]
}

#[test]
fn lines_of_applications_that_quote_the_platform_do_not_count() {
    for line in quotations() {
        assert_eq!(read(&line), None, "{line}");
    }
}

#[test]
fn lines_of_the_platform_pass_the_first_check() {
    let lines = [
        format!("REPORT RequestId: {ID}\tDuration: 1 ms"),
        "INIT_REPORT Init Duration: 1 ms\tStatus: timeout".to_owned(),
        "RESTORE_REPORT Restore Duration: 1 ms\tStatus: timeout".to_owned(),
        format!("RequestId: {ID} Error: Runtime exited without providing a reason"),
        format!("2024-03-01T12:34:56.789Z {ID} Task timed out after 3.00 seconds"),
        format!(
            "{{\n\t \"type\":\"platform.report\",\"record\":{{\"requestId\":\"{ID}\"}},\"time\":\"2024-03-01\"}}"
        ),
        format!(
            "{{\"record\":{{\"requestId\":\"{ID}\"}},\"type\":\"platform.report\",\"time\":\"2024-03-01\"}}"
        ),
    ];
    for line in lines {
        assert!(read(&line).is_some(), "{line}");
        let written = serde_json::to_string(&line).unwrap();
        assert!(may_be_platforms(&written.as_bytes()[1..]), "{written}");
        // Also with letters as escapes.
        for at in 0..line.len().min(40) {
            let letter = line.as_bytes()[at];
            let rest = serde_json::to_string(&line[at + 1..]).unwrap();
            let first = serde_json::to_string(&line[..at]).unwrap();
            let first = first.strip_suffix('"').unwrap();
            let written = format!("{first}\\u{letter:04x}{}", &rest[1..]);
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), line);
            assert!(may_be_platforms(&written.as_bytes()[1..]), "{written}");
        }
    }
}

#[test]
fn ordinary_lines_fail_the_first_check() {
    for line in [
        "",
        "START RequestId: 1 Version: $LATEST",
        "END RequestId: 1",
        "INFO played 3 songs",
        "2024-03-01T12:34:56.789Z\t8f50\tINFO\tplayed",
        "2024-03-01T12:34:56.789Z INFO played",
        r#"{"timestamp":"2024-03-01T12:34:56.789Z","level":"INFO","message":"played"}"#,
        r#"{"level":"INFO","time":"2024-03-01T12:34:56.789Z"}"#,
        "{}",
        "Traceback (most recent call last):",
        "\tat Player.play",
    ] {
        let written = serde_json::to_string(line).unwrap();
        assert!(!may_be_platforms(&written.as_bytes()[1..]), "{written}");
    }
}

#[test]
fn all_memory_is_used_if_at_most_one_megabyte_is_left() {
    for (used_mb, is_used_up) in [(126.0, false), (127.0, true), (128.0, true)] {
        let memory = Memory::of(Some(used_mb), Some(128.0)).unwrap();
        assert_eq!(memory.is_used_up(), is_used_up, "{used_mb}");
        assert!((memory.percent() - used_mb / 1.28).abs() < 1e-9, "{used_mb}");
    }
}
