//! The handler with scripted services, on a paused clock.

#![cfg(test)]

mod aliases;

#[path = "../support"]
mod support {
    pub(crate) mod app;
}

use std::time::Duration;

use serde_json::json;
use shared::runtime::Failure;
use testkit::metric_line;

use support::app::{Cloud, Handler, LATEST_MS, NOON_MS};

const MINUTE_MS: u64 = 60_000;

#[tokio::test(start_paused = true)]
async fn lines_are_of_the_embedded_metric_format() {
    let cloud = Cloud::with(["plays"]);
    for (metric, value) in [("Invocations", 8.0), ("Errors", 2.0), ("Duration", 1_000.0)] {
        cloud.set(&format!("{metric} of plays"), LATEST_MS, value);
    }
    cloud.set("ClaimedAccountConcurrency", LATEST_MS, 250.0);
    let mut handler = Handler::new(&cloud, &[("METRICS_NAMESPACE", "Team/Music")]);
    let observed = handler.run(0).await;
    let mut metrics = vec![
        ("ErrorRate", "Percent", 25.0),
        ("ThrottleRate", "Percent", 0.0),
        ("Errors", "Count", 2.0),
        ("Throttles", "Count", 0.0),
        ("TimeoutHeadroom", "Percent", 75.0),
    ];
    let line = |at_ms: u64, dimensions: &[(&str, &str)], metrics: &[(&str, &str, f64)]| {
        let mut line = metric_line("Team/Music", dimensions, metrics);
        line["_aws"]["Timestamp"] = json!(at_ms);
        line
    };
    let of_function = line(LATEST_MS, &[("FunctionName", "plays")], &metrics);
    metrics.push(("AccountConcurrencyUtilization", "Percent", 25.0));
    let of_all = line(LATEST_MS, &[], &metrics);
    let heartbeat = line(NOON_MS, &[], &[("Polls", "Count", 1.0)]);
    assert_eq!(observed.metrics, [of_function, of_all, heartbeat]);
}

#[tokio::test(start_paused = true)]
async fn a_period_is_read_when_it_ended_a_minute_ago() {
    let cloud = Cloud::with(["plays"]);
    let mut handler = Handler::new(&cloud, &[]);
    // The period of 11:59 ends at noon.
    cloud.set("Invocations of plays", LATEST_MS + MINUTE_MS, 1.0);
    for (seconds, value) in [(59, None), (60, Some(0.0)), (61, None)] {
        let observed = handler.run(seconds).await;
        assert_eq!(observed.value(Some("plays"), "ErrorRate"), value, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn values_that_are_not_counts_are_ignored() {
    let cloud = Cloud::with(["plays"]);
    cloud.set("Invocations of plays", LATEST_MS, 2.0);
    for (metric, value) in
        [("Duration", f64::NAN), ("IteratorAge", f64::INFINITY), ("AsyncEventsDropped", -1.0)]
    {
        cloud.set(&format!("{metric} of plays"), LATEST_MS, value);
    }
    let observed = Handler::new(&cloud, &[]).run(0).await;
    assert_eq!(observed.value(Some("plays"), "ErrorRate"), Some(0.0));
    for metric in ["TimeoutHeadroom", "IteratorAge", "AsyncEventsDropped"] {
        assert_eq!(observed.value(Some("plays"), metric), None, "{metric}");
    }
}

#[tokio::test(start_paused = true)]
async fn functions_are_read_every_ten_minutes() {
    let cloud = Cloud::with(["plays"]);
    let mut handler = Handler::new(&cloud, &[]);
    for (seconds, calls) in [(0, 1), (599, 0), (600, 1), (1_199, 0), (1_200, 1)] {
        handler.run(seconds).await.answer.unwrap();
        for operation in
            ["ListFunctions", "GetAccountSettings", "GetFunctionConcurrency", "ListMetrics"]
        {
            assert_eq!(cloud.take_calls(operation), calls, "{operation} after {seconds} s");
        }
    }
    // A deleted function is not read.
    cloud.functions.borrow_mut().pop();
    assert_eq!(handler.run(1_800).await.requested(), 1);
}

#[tokio::test(start_paused = true)]
async fn known_functions_stay_watched_if_they_cannot_be_read() {
    for operation in ["ListFunctions", "GetResources", "GetAccountSettings"] {
        for trouble in ["fails", "hangs", "does not end"] {
            let cloud = Cloud::with(["plays", "tagged", "other"]);
            cloud.tagged.borrow_mut().push("tagged".to_owned());
            let variables = [("FUNCTION_NAMES", "plays"), ("WATCH_TAG", "a=b")];
            let mut handler = Handler::new(&cloud, &variables);
            handler.run(0).await.answer.unwrap();
            let now = LATEST_MS + 10 * MINUTE_MS;
            cloud.set("Throttles of tagged", now, 1.0);
            let operations = match trouble {
                "fails" => &cloud.failing,
                "hangs" => &cloud.hanging,
                _ if operation == "GetAccountSettings" => continue,
                _ => &cloud.endless,
            };
            operations.borrow_mut().insert(operation);
            let observed = handler.run(600).await;
            let first = observed.unread();
            assert!(first.starts_with(operation), "{first}");
            assert_eq!(observed.answer.as_ref().unwrap_err().error_type(), "PollFailed");
            assert_eq!(observed.value(Some("tagged"), "Throttles"), Some(1.0), "{first}");
            assert_eq!(observed.value(None, "PollFailures"), Some(1.0));
            // There is time left for the metrics.
            assert!(observed.took < Duration::from_secs(30), "{:?}", observed.took);
            // The next run tries again.
            operations.borrow_mut().clear();
            cloud.take_calls(operation);
            handler.run(660).await.answer.unwrap();
            assert_eq!(cloud.take_calls(operation), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reserved_concurrency_is_read_a_few_functions_at_a_time() {
    let cloud = Cloud::with((0..400).map(|number| format!("f-{number:03}")));
    for name in ["f-000", "f-399"] {
        cloud.set(&format!("Invocations of {name}"), LATEST_MS, 1.0);
        cloud.set(&format!("ConcurrentExecutions of {name}"), LATEST_MS, 90.0);
    }
    let mut handler = Handler::new(&cloud, &[]);
    for (minute, calls) in [(0, 150), (1, 150), (2, 100), (3, 0)] {
        let observed = handler.run(minute * 60).await;
        assert_eq!(cloud.take_calls("GetFunctionConcurrency"), calls, "{minute}");
        let utilization = |name| observed.value(Some(name), "ConcurrencyUtilization");
        assert_eq!(utilization("f-000"), (minute == 0).then_some(10.0), "{minute}");
        assert_eq!(utilization("f-399"), (minute == 2).then_some(10.0), "{minute}");
    }
    assert!(cloud.most_at_once.get() <= 8, "{}", cloud.most_at_once.get());
}

#[tokio::test(start_paused = true)]
async fn reserved_concurrency_is_read_of_more_functions_than_the_calls_of_ten_minutes() {
    let cloud = Cloud::with((0..1_600).map(|number| format!("f-{number:04}")));
    cloud.set("Invocations of f-1599", LATEST_MS + 600_000, 1.0);
    cloud.set("ConcurrentExecutions of f-1599", LATEST_MS + 600_000, 90.0);
    let mut handler = Handler::new(&cloud, &[]);
    for minute in 0..10 {
        handler.run(minute * 60).await;
    }
    let observed = handler.run(600).await;
    assert_eq!(observed.value(Some("f-1599"), "ConcurrencyUtilization"), Some(10.0));
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_in_time_if_cloudwatch_does_not_respond() {
    let cloud = Cloud::with(["plays"]);
    cloud.hanging.borrow_mut().insert("GetMetricData");
    let observed = Handler::new(&cloud, &[]).run(0).await;
    let expected = "GetMetricData of Invocations of plays and 8 others: Deadline: no response \
                    before the deadline";
    assert_eq!(observed.unread(), expected);
    assert_eq!(observed.took, Duration::from_secs(47));
    assert_eq!(observed.value(None, "Polls"), Some(1.0));
    assert_eq!(observed.value(None, "PollFailures"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn endless_pages_fail_the_run_and_their_values_are_emitted() {
    let cloud = Cloud::with(["plays"]);
    cloud.set("Throttles of plays", LATEST_MS, 2.0);
    cloud.endless.borrow_mut().insert("GetMetricData");
    let observed = Handler::new(&cloud, &[]).run(0).await;
    let expected = "GetMetricData of all metrics: EndlessPages";
    assert!(observed.unread().contains(expected), "{}", observed.unread());
    assert_eq!(cloud.take_calls("GetMetricData"), 2);
    assert_eq!(observed.value(Some("plays"), "Throttles"), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn all_metrics_of_a_quiet_function_are_read_every_five_minutes() {
    let cloud = Cloud::with(["busy", "quiet"]);
    for minute in 0..20 {
        cloud.set("Invocations of busy", LATEST_MS + minute * MINUTE_MS, 1.0);
    }
    let mut handler = Handler::new(&cloud, &[]);
    let mut requested = Vec::new();
    for minute in 0..11 {
        requested.push(handler.run(minute * 60).await.requested());
    }
    let few = 8 + 2 + 1;
    let all = 8 + 8 + 1;
    assert_eq!(requested, [all, few, few, few, few, all, few, few, few, few, all]);
}

#[tokio::test(start_paused = true)]
async fn no_value_of_a_quiet_function_is_lost() {
    for delay in 0..6 {
        let cloud = Cloud::with(["quiet"]);
        let mut handler = Handler::new(&cloud, &[]);
        handler.run(0).await.answer.unwrap();
        // Without any traffic, from the minute in which it can be read.
        let period = LATEST_MS + delay * MINUTE_MS;
        cloud.set("AsyncEventsDropped of quiet", period, 1.0);
        let mut emitted = 0;
        for minute in 1..12 {
            let observed = handler.run(minute * 60).await;
            emitted += usize::from(observed.value(None, "AsyncEventsDropped") == Some(1.0));
        }
        assert_eq!(emitted, 1, "{delay}");
    }
}

#[tokio::test(start_paused = true)]
async fn values_that_were_not_written_are_emitted_again() {
    let cloud = Cloud::with(["plays"]);
    cloud.set("Throttles of plays", LATEST_MS, 2.0);
    let mut handler = Handler::new(&cloud, &[]);
    handler.output.set_full(true);
    let error = handler.run(0).await.answer.unwrap_err();
    assert_eq!(error.error_type(), "MetricsNotWritten");
    handler.output.set_full(false);
    let observed = handler.run(60).await;
    assert_eq!(observed.value(Some("plays"), "Throttles"), Some(2.0));
    assert_eq!(observed.value(None, "Throttles"), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn many_functions_are_read_in_calls_of_500_metrics() {
    let cloud = Cloud::with((0..1_000).map(|number| format!("f-{number:04}")));
    for number in 0..1_000_u32 {
        let name = format!("f-{number:04}");
        cloud.set(&format!("Invocations of {name}"), LATEST_MS, 1_000.0);
        cloud.set(&format!("Errors of {name}"), LATEST_MS, f64::from(number));
    }
    let observed = Handler::new(&cloud, &[]).run(0).await;
    assert_eq!(observed.requested(), 8_001);
    assert_eq!(cloud.take_calls("GetMetricData"), 17);
    assert_eq!(observed.metrics.len(), 1_000 + 1 + 1);
    for (name, rate) in [("f-0000", 0.0), ("f-0500", 50.0), ("f-0999", 99.9)] {
        assert_eq!(observed.value(Some(name), "ErrorRate"), Some(rate), "{name}");
    }
    assert_eq!(observed.value(None, "ErrorRate"), Some(99.9));
    for line in &observed.metrics {
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len();
        assert!(metrics <= 100 && line.to_string().len() < 1 << 20, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_minute_that_changes_is_emitted_again_while_it_is_read() {
    let cloud = Cloud::with(["plays"]);
    let mut handler = Handler::new(&cloud, &[]);
    // Minutes after the first run, the counts at that time, and the rate if it is emitted.
    for (minute, invocations, errors, rate) in [
        (0, 40.0, 1.0, Some(2.5)),
        (1, 40.0, 1.0, None),
        (2, 160.0, 12.0, Some(7.5)),
        (5, 200.0, 30.0, Some(15.0)),
        (6, 200.0, 40.0, None),
        (36, 400.0, 100.0, None),
    ] {
        cloud.set("Invocations of plays", LATEST_MS, invocations);
        cloud.set("Errors of plays", LATEST_MS, errors);
        let observed = handler.run(minute * 60).await;
        assert_eq!(observed.value(Some("plays"), "ErrorRate"), rate, "{minute}");
        assert_eq!(observed.value(None, "ErrorRate"), rate, "{minute}");
    }
}
