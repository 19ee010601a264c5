//! The Runtime API stand-in with a real process: `programs/scripted-function.rs`.

#![cfg(test)]

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use local::runtime_api::{
    Function, FunctionOptions, InvokeError, LogLine, LogStream, REQUEST_LIMIT_BYTES,
    RESPONSE_LIMIT_BYTES,
};
use serde_json::{Value, json};

fn scripted() -> FunctionOptions {
    FunctionOptions::new("scripted", env!("CARGO_BIN_EXE_scripted-function"))
}

fn with_script(script: &str) -> FunctionOptions {
    let environment = vec![("SCRIPT".to_owned(), script.to_owned())];
    FunctionOptions { environment, ..scripted() }
}

async fn started(options: FunctionOptions) -> Function {
    Function::start(options).await.unwrap()
}

async fn text(function: &Function, event: &Value) -> String {
    let answer = function.invoke(event.to_string()).await.unwrap();
    String::from_utf8(answer.body.to_vec()).unwrap()
}

async fn error(function: &Function, event: &Value) -> InvokeError {
    function.invoke(event.to_string()).await.unwrap_err()
}

/// Waits for a line of the function that the test requires.
async fn line(function: &Function, text: &str) {
    let written = async {
        while !function.logs().iter().any(|line| line.text == text) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), written).await.expect(text);
}

#[tokio::test]
async fn an_event_goes_in_and_an_answer_comes_out_byte_for_byte() {
    let function = started(scripted()).await;
    let event = "{\"name\": \"Måneskin\"}\n";
    let first = function.invoke(event).await.unwrap();
    assert_eq!(first.body, event);
    assert!(first.init_duration.is_some());
    let second = function.invoke(event).await.unwrap();
    assert_eq!(second.init_duration, None, "a warm environment has no init");
}

#[tokio::test]
async fn the_function_sees_what_lambda_tells_it() {
    let environment = [("OWN", "value"), ("AWS_REGION", "eu-west-1")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options = FunctionOptions { environment: environment.to_vec(), ..scripted() };
    let folder = options.binary.parent().unwrap().canonicalize().unwrap();
    let before = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let function = started(options).await;
    let context: Value =
        serde_json::from_str(&text(&function, &json!({"do": "context"})).await).unwrap();

    let environment = &context["environment"];
    for (name, value) in [
        ("OWN", "value"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "scripted"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/scripted"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_SESSION_TOKEN", "local"),
        ("TZ", ":UTC"),
        ("_HANDLER", "bootstrap"),
        ("LAMBDA_TASK_ROOT", folder.to_str().unwrap()),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    let log_stream = environment["AWS_LAMBDA_LOG_STREAM_NAME"].as_str().unwrap();
    assert!(log_stream.starts_with("[$LATEST]"), "{log_stream}");
    assert_eq!(environment["HOME"], Value::Null, "the parent's environment stays outside");
    assert_eq!(environment["CARGO"], Value::Null, "the parent's environment stays outside");

    let headers = &context["headers"];
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:scripted";
    assert_eq!(headers["lambda-runtime-invoked-function-arn"], arn);
    let trace = headers["lambda-runtime-trace-id"].as_str().unwrap();
    assert!(trace.starts_with("Root=1-") && trace.ends_with(";Sampled=0"), "{trace}");
    let deadline: u128 = headers["lambda-runtime-deadline-ms"].as_str().unwrap().parse().unwrap();
    assert!(deadline >= before + 60_000, "the deadline is the timeout from now: {deadline}");
}

#[tokio::test]
async fn an_error_of_the_function_fails_the_invocation_and_keeps_the_environment() {
    let function = started(scripted()).await;
    let pid = text(&function, &json!({"do": "count"})).await.replace("/1", "");
    let failed = error(&function, &json!({"do": "error"})).await;
    let expected =
        InvokeError::Function { error_type: "Boom".to_owned(), message: "as told".to_owned() };
    assert_eq!(failed, expected);
    assert_eq!(failed.to_string(), "Boom: as told");
    let bare = error(&function, &json!({"do": "bare error"})).await;
    assert_eq!(bare.error_type(), "Runtime.Unknown");
    assert_eq!(text(&function, &json!({"do": "count"})).await, format!("{pid}/4"));
}

#[tokio::test]
async fn an_error_at_init_fails_the_invocation() {
    let function = started(with_script("init-error")).await;
    for _ in 0..2 {
        let failed = error(&function, &json!({})).await;
        let (error_type, message) = ("Config.Invalid".to_owned(), "FOO is missing".to_owned());
        assert_eq!(failed, InvokeError::Init { error_type, message });
    }
}

#[tokio::test]
async fn a_runtime_that_ends_or_hangs_at_init_fails_the_invocation() {
    let function = started(with_script("exit-at-init")).await;
    let failed = error(&function, &json!({})).await;
    assert_eq!(failed, InvokeError::Exit { status: "exit status 7".to_owned() });

    let init_timeout = Duration::from_millis(20);
    let function = started(FunctionOptions { init_timeout, ..with_script("hang-at-init") }).await;
    let failed = error(&function, &json!({})).await;
    assert_eq!(failed, InvokeError::Timeout { after: init_timeout });
}

#[tokio::test]
async fn a_crash_fails_its_invocation_and_the_next_gets_a_new_environment() {
    let function = started(scripted()).await;
    let first = text(&function, &json!({"do": "count"})).await;
    let failed = error(&function, &json!({"do": "exit"})).await;
    assert_eq!(failed, InvokeError::Exit { status: "exit status 3".to_owned() });
    let failed = error(&function, &json!({"do": "abort"})).await;
    assert_eq!(
        failed.to_string(),
        "Runtime.ExitError: Error: Runtime exited with error: signal: aborted"
    );
    let last = text(&function, &json!({"do": "count"})).await;
    assert_ne!(first, last);
    assert!(last.ends_with("/1"), "{last}");
}

#[tokio::test]
async fn an_environment_that_ends_between_two_events_fails_none() {
    let function = started(scripted()).await;
    for _ in 0..20 {
        let event = "{\"do\":\"answer and exit\"}";
        assert_eq!(function.invoke(event).await.unwrap().body, event);
    }
}

#[tokio::test]
async fn an_invocation_that_takes_too_long_is_killed() {
    let options = FunctionOptions { timeout: Duration::from_millis(50), ..scripted() };
    let function = started(options).await;
    let failed = error(&function, &json!({"do": "hang"})).await;
    assert_eq!(failed, InvokeError::Timeout { after: Duration::from_millis(50) });
    assert_eq!(failed.to_string(), "Sandbox.Timedout: Task timed out after 0.05 seconds");
    assert_eq!(function.invoke("{}").await.unwrap().body, "{}");
    let starts = function.logs().into_iter().filter(|line| line.text == "starting").count();
    assert_eq!(starts, 2);
}

#[tokio::test]
async fn a_kill_in_the_middle_of_an_invocation_fails_it() {
    let function = started(scripted()).await;
    let invoked = function.clone();
    let invocation = tokio::spawn(async move { invoked.invoke(r#"{"do":"hang"}"#).await });
    line(&function, "hanging").await;
    function.kill().await;
    let failed = invocation.await.unwrap().unwrap_err();
    assert_eq!(
        failed.to_string(),
        "Runtime.ExitError: Error: Runtime exited with error: signal: killed"
    );
    assert_eq!(function.invoke("[]").await.unwrap().body, "[]");
}

#[tokio::test]
async fn a_kill_between_invocations_costs_only_the_warm_environment() {
    let function = started(scripted()).await;
    let first = text(&function, &json!({"do": "count"})).await;
    function.kill().await;
    let second = text(&function, &json!({"do": "count"})).await;
    assert_ne!(first, second);
    assert!(second.ends_with("/1"), "{second}");
}

#[tokio::test]
async fn as_many_environments_run_at_once_as_are_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let function = started(FunctionOptions { concurrency: 3, ..scripted() }).await;
    // Each waits for the two others, so they end only if all run concurrently.
    let meet = json!({"do": "meet", "folder": folder.path(), "others": 3});
    let answers =
        tokio::join!(text(&function, &meet), text(&function, &meet), text(&function, &meet));
    assert_eq!(answers, ("met".to_owned(), "met".to_owned(), "met".to_owned()));

    let mut processes = HashSet::new();
    for _ in 0..6 {
        let count = text(&function, &json!({"do": "count"})).await;
        processes.insert(count.split('/').next().unwrap().to_owned());
    }
    assert_eq!(processes.len(), 1, "one at a time, the warmest environment takes them all");
}

#[tokio::test]
async fn invocations_beyond_the_concurrency_wait() {
    let function = started(scripted()).await;
    let event = json!({"do": "count"});
    let (one, other) = tokio::join!(text(&function, &event), text(&function, &event));
    let pid = one.split('/').next().unwrap();
    assert_eq!((one.clone(), other), (format!("{pid}/1"), format!("{pid}/2")));
}

#[tokio::test]
async fn six_megabytes_go_both_ways() {
    let function = started(scripted()).await;
    let payload = Bytes::from(vec![b'x'; REQUEST_LIMIT_BYTES]);
    let answer = function.invoke(payload.clone()).await.unwrap();
    assert!(answer.body == payload);

    let bytes = REQUEST_LIMIT_BYTES + 1;
    let failed = function.invoke(vec![b'x'; bytes]).await.unwrap_err();
    assert_eq!(failed, InvokeError::RequestTooLarge { bytes });

    let event = json!({"do": "big", "bytes": RESPONSE_LIMIT_BYTES});
    assert_eq!(text(&function, &event).await.len(), RESPONSE_LIMIT_BYTES);
}

#[tokio::test]
async fn an_answer_above_the_limit_fails_the_invocation_with_413() {
    let function = started(scripted()).await;
    let event = json!({"do": "big", "bytes": RESPONSE_LIMIT_BYTES + 1});
    let failed = error(&function, &event).await;
    assert_eq!(failed, InvokeError::ResponseTooLarge);
    line(&function, "big answer: 413").await;
    assert_eq!(function.invoke("1").await.unwrap().body, "1", "the environment goes on");
}

#[tokio::test]
async fn an_answer_to_an_unknown_id_is_refused() {
    let function = started(scripted()).await;
    assert_eq!(text(&function, &json!({"do": "wrong id"})).await, "400");
}

#[tokio::test]
async fn logs_are_complete_when_the_answer_is_there() {
    let function = started(scripted()).await;
    text(&function, &json!({"do": "log"})).await;
    let mut logs = function.logs();
    logs.sort_by_key(|line| line.stream == LogStream::Stderr);
    let line = |stream, text: &str| LogLine { stream, text: text.to_owned() };
    let expected = [
        line(LogStream::Stdout, "starting"),
        line(LogStream::Stdout, "to standard output"),
        line(LogStream::Stderr, "to standard error"),
    ];
    assert_eq!(logs, expected);

    error(&function, &json!({"do": "exit"})).await;
    assert_eq!(function.logs().pop(), Some(line(LogStream::Stderr, "last words")));
}

#[tokio::test]
async fn a_stopped_function_refuses_and_leaves_no_process() {
    let function = started(scripted()).await;
    let count = text(&function, &json!({"do": "count"})).await;
    let pid = count.split('/').next().unwrap();
    let invoked = function.clone();
    let waiting = tokio::spawn(async move { invoked.invoke(r#"{"do":"hang"}"#).await });
    line(&function, "hanging").await;
    function.stop().await;
    assert_eq!(waiting.await.unwrap().unwrap_err().error_type(), "Runtime.ExitError");
    assert_eq!(function.invoke("{}").await.unwrap_err(), InvokeError::Stopped);
    if cfg!(target_os = "linux") {
        assert!(!PathBuf::from("/proc").join(pid).exists(), "process {pid} is left");
    }
}

#[tokio::test]
async fn a_missing_binary_is_told_at_once() {
    let missing = FunctionOptions::new("f", "/no/such/bootstrap");
    let failed = Function::start(missing).await.unwrap_err();
    assert_eq!(failed.to_string(), "Runtime.InvalidEntrypoint: /no/such/bootstrap is not a file");
}
