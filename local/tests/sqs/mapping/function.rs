//! The mapping with a real process: `programs/scripted-function.rs`.

use std::time::Duration;

use local::runtime_api::{Function, FunctionOptions};
use local::sqs::Report;

use super::{options, started};
use crate::servers;

/// The fate of two messages of a function with this script.
async fn fate(script: &str) -> Report {
    let server = servers::own().await;
    let queue = server.queue("q", &[("VisibilityTimeout", "600")]).await;
    server.send(&queue, "one").await;
    server.send(&queue, "two").await;
    let binary = env!("CARGO_BIN_EXE_scripted-function");
    let timeout = if script == "hang" { Duration::from_millis(1) } else { Duration::from_mins(1) };
    let function = Function::start(FunctionOptions {
        environment: vec![("SCRIPT".to_owned(), script.to_owned())],
        timeout,
        ..FunctionOptions::new("scripted", binary)
    })
    .await
    .unwrap();
    let mapping = started(options(&queue), &server.client, function.clone()).await;
    let report = mapping.until(|report| report.received == 2 && report.in_hand == 0).await;
    let left = server.client.message_count(&queue).await.unwrap();
    assert_eq!(left, report.failed);
    function.stop().await;
    report
}

#[tokio::test]
async fn a_function_that_answers_has_its_messages_deleted() {
    let report = fate("echo").await;
    assert_eq!((report.deleted, report.failed, report.last_error), (2, 0, None));
}

#[tokio::test]
async fn a_function_that_fails_has_its_messages_left() {
    for (script, error) in [
        ("error", "Boom: as told"),
        ("exit", "Runtime.ExitError: Error: Runtime exited with error: exit status 3"),
        ("exit-at-init", "Runtime.ExitError: Error: Runtime exited with error: exit status 7"),
        ("hang", "Sandbox.Timedout: Task timed out after 0.00 seconds"),
    ] {
        let report = fate(script).await;
        assert_eq!((report.deleted, report.failed), (0, 2), "{script}");
        assert_eq!(report.last_error.as_deref(), Some(error));
    }
}
