//! The handler between services that follow a script, on a paused clock.

#![cfg(test)]

mod support {
    pub(crate) mod app;
}

use std::time::Duration;

use lambda_metrics::error::Error;
use serde_json::{Value, json};
use shared::runtime::Failure;

use support::app::{Cloud, Handler, LATEST_MS, NOON_MS, Observed};

const MINUTE_MS: u64 = 60_000;

/// The message of a run that failed because not all could be read.
fn unread(observed: &Observed) -> &str {
    match &observed.answer {
        Err(Error::PollFailed { first, .. }) => first,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn lines_are_of_the_embedded_metric_format() {
    let cloud = Cloud::with(["plays"]);
    for (metric, value) in [("Invocations", 8.0), ("Errors", 2.0), ("Duration", 1_000.0)] {
        cloud.set(&format!("{metric} of plays"), LATEST_MS, value);
    }
    cloud.set("ClaimedAccountConcurrency", LATEST_MS, 250.0);
    let mut handler = Handler::new(&cloud, &[("METRICS_NAMESPACE", "Team/Music")]);
    let observed = handler.run(0).await;
    let unit = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    let mut units = vec![
        unit("ErrorRate", "Percent"),
        unit("ThrottleRate", "Percent"),
        unit("Errors", "Count"),
        unit("Throttles", "Count"),
        unit("TimeoutHeadroom", "Percent"),
    ];
    let line = |at: u64, dimensions: Value, metrics: &[Value], values: Value| {
        let mut line = values;
        line["_aws"] = json!({
            "Timestamp": at,
            "CloudWatchMetrics":
                [{"Namespace": "Team/Music", "Dimensions": dimensions, "Metrics": metrics}],
        });
        line
    };
    let mut values = json!({
        "FunctionName": "plays", "ErrorRate": 25.0, "ThrottleRate": 0.0, "Errors": 2.0,
        "Throttles": 0.0, "TimeoutHeadroom": 75.0,
    });
    let of_function = line(LATEST_MS, json!([["FunctionName"]]), &units, values.clone());
    values.as_object_mut().unwrap().remove("FunctionName");
    values["AccountConcurrencyUtilization"] = json!(25.0);
    units.push(unit("AccountConcurrencyUtilization", "Percent"));
    let of_all = line(LATEST_MS, json!([[]]), &units, values);
    let polls = [unit("Polls", "Count")];
    let heartbeat = line(NOON_MS, json!([[]]), &polls, json!({"Polls": 1.0}));
    assert_eq!(observed.metrics, [of_function, of_all, heartbeat]);
}

#[tokio::test(start_paused = true)]
async fn a_period_is_read_when_it_ended_a_minute_ago() {
    let cloud = Cloud::with(["plays"]);
    let mut handler = Handler::new(&cloud, &[]);
    // That of 11:59 ends at noon.
    cloud.set("Invocations of plays", LATEST_MS + MINUTE_MS, 1.0);
    for (seconds, value) in [(59, None), (60, Some(0.0)), (61, None)] {
        let observed = handler.run(seconds).await;
        assert_eq!(observed.value(Some("plays"), "ErrorRate"), value, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn values_of_times_that_were_not_asked_for_are_not_told() {
    let cloud = Cloud::with(["plays"]);
    let fortnight_ms = 14 * 24 * 60 * MINUTE_MS;
    for period in [LATEST_MS - fortnight_ms, LATEST_MS - 6 * MINUTE_MS, LATEST_MS + 3 * MINUTE_MS] {
        cloud.set("Invocations of plays", period, 1.0);
    }
    let observed = Handler::new(&cloud, &[]).run(0).await;
    let [heartbeat] = &observed.metrics[..] else { panic!("{:?}", observed.metrics) };
    assert_eq!(heartbeat["Polls"], 1.0);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_number_of_things_is_not_told() {
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
async fn a_new_process_emits_all_again() {
    let cloud = Cloud::with(["plays"]);
    cloud.set("Throttles of plays", LATEST_MS, 2.0);
    let mut handler = Handler::new(&cloud, &[]);
    for expected in [Some(2.0), None] {
        let observed = handler.run(0).await;
        assert_eq!(observed.value(Some("plays"), "Throttles"), expected);
        assert_eq!(observed.value(None, "Throttles"), expected);
    }
    let observed = Handler::new(&cloud, &[]).run(0).await;
    assert_eq!(observed.value(Some("plays"), "Throttles"), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn functions_are_found_again_after_ten_minutes() {
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
}

#[tokio::test(start_paused = true)]
async fn where_functions_cannot_be_found_again_those_known_go_on_being_watched() {
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
            let first = unread(&observed);
            assert!(first.starts_with(operation), "{first}");
            assert_eq!(observed.answer.as_ref().unwrap_err().error_type(), "PollFailed");
            assert_eq!(observed.value(Some("tagged"), "Throttles"), Some(1.0), "{first}");
            assert_eq!(observed.value(None, "PollFailures"), Some(1.0));
            // Time is left for the metrics.
            assert!(observed.took < Duration::from_secs(30), "{:?}", observed.took);
            // It is tried again in the next run.
            operations.borrow_mut().clear();
            cloud.take_calls(operation);
            handler.run(660).await.answer.unwrap();
            assert_eq!(cloud.take_calls(operation), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_went_is_not_asked_for() {
    let cloud = Cloud::with(["plays", "skips"]);
    let mut handler = Handler::new(&cloud, &[]);
    assert_eq!(handler.run(0).await.requested(), 2 * 8 + 1);
    cloud.functions.borrow_mut().pop();
    assert_eq!(handler.run(600).await.requested(), 8 + 1);
}

#[tokio::test(start_paused = true)]
async fn reserved_concurrency_is_asked_for_a_few_at_a_time() {
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
        // Not before it is known.
        assert_eq!(utilization("f-399"), (minute == 2).then_some(10.0), "{minute}");
    }
    assert!(cloud.most_at_once.get() <= 8, "{}", cloud.most_at_once.get());
}

#[tokio::test(start_paused = true)]
async fn a_cloudwatch_that_does_not_answer_ends_the_run_in_time() {
    let cloud = Cloud::with(["plays"]);
    cloud.hanging.borrow_mut().insert("GetMetricData");
    let observed = Handler::new(&cloud, &[]).run(0).await;
    let expected = "GetMetricData of Invocations of plays and 8 others: Deadline: no answer came \
                    before the time was up";
    assert_eq!(unread(&observed), expected);
    assert_eq!(observed.took, Duration::from_secs(47));
    assert_eq!(observed.value(None, "Polls"), Some(1.0));
    assert_eq!(observed.value(None, "PollFailures"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_an_end_is_given_up_and_what_it_told_is_emitted() {
    let cloud = Cloud::with(["plays"]);
    cloud.set("Throttles of plays", LATEST_MS, 2.0);
    cloud.endless.borrow_mut().insert("GetMetricData");
    let observed = Handler::new(&cloud, &[]).run(0).await;
    let expected = "GetMetricData of all metrics: EndlessPages";
    assert!(unread(&observed).contains(expected), "{}", unread(&observed));
    assert_eq!(cloud.take_calls("GetMetricData"), 2);
    assert_eq!(observed.value(Some("plays"), "Throttles"), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_is_read_by_the_next_run() {
    let cloud = Cloud::with(["plays"]);
    cloud.set("AsyncEventsDropped of plays", LATEST_MS, 2.0);
    cloud.failing.borrow_mut().insert("GetMetricData");
    let mut handler = Handler::new(&cloud, &[]);
    assert_eq!(handler.run(0).await.value(None, "PollFailures"), Some(1.0));
    cloud.failing.borrow_mut().clear();
    let observed = handler.run(60).await;
    assert_eq!(observed.value(Some("plays"), "AsyncEventsDropped"), Some(2.0));
    assert_eq!(observed.value(None, "PollFailures"), None);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_function_is_asked_for_everything_every_five_minutes_only() {
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
async fn nothing_is_lost_of_a_function_that_is_quiet() {
    for delay in 0..6 {
        let cloud = Cloud::with(["quiet"]);
        let mut handler = Handler::new(&cloud, &[]);
        handler.run(0).await.answer.unwrap();
        // Told without any traffic, from the minute on in which it can be read.
        let period = LATEST_MS + delay * MINUTE_MS;
        cloud.set("AsyncEventsDropped of quiet", period, 1.0);
        let mut told = 0;
        for minute in 1..12 {
            let observed = handler.run(minute * 60).await;
            told += usize::from(observed.value(None, "AsyncEventsDropped") == Some(1.0));
        }
        assert_eq!(told, 1, "{delay}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_is_emitted_again() {
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
async fn many_functions_are_read_in_a_few_calls_at_a_time() {
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

const UTILIZATION: &str = "ProvisionedConcurrencyUtilization";
const SPILLOVER: &str = "ProvisionedConcurrencySpillover";

#[tokio::test(start_paused = true)]
async fn provisioned_concurrency_is_the_highest_utilization_and_all_spillover_of_aliases() {
    let cloud = Cloud::with(["plays", "skips", "likes"]);
    // The function as a whole, where CloudWatch has it, is the same once more.
    for (function, resource) in [
        ("plays", Some("plays:live")),
        ("plays", Some("plays:7")),
        ("plays", None),
        ("skips", Some("skips:live")),
        ("unwatched", Some("unwatched:live")),
    ] {
        cloud.measure(UTILIZATION, function, resource);
    }
    for (resource, utilization, spillover) in [
        ("plays:live", 0.5, 4.0),
        ("plays:7", 0.75, 3.0),
        ("plays", 9.0, 9.0),
        ("skips:live", 0.25, 12.0),
    ] {
        cloud.set(&format!("{UTILIZATION} of {resource}"), LATEST_MS, utilization);
        cloud.set(&format!("{SPILLOVER}Invocations of {resource}"), LATEST_MS, spillover);
    }
    // In another minute, one of the aliases alone; and what is more than all of it.
    cloud.set(&format!("{UTILIZATION} of plays:7"), LATEST_MS - MINUTE_MS, 1.25);
    let observed = Handler::new(&cloud, &[]).run(0).await;
    assert_eq!(observed.requested(), 3 * 8 + 3 * 2 + 1);
    let of = |at_ms: u64, function: Option<&str>, metric: &str| {
        let lines = observed.metrics.iter().filter(|line| line["_aws"]["Timestamp"] == at_ms);
        let mut lines = lines.filter(|line| line["FunctionName"].as_str() == function);
        lines.find_map(|line| line[metric].as_f64())
    };
    for (function, utilization, spillover) in [
        (Some("plays"), Some(75.0), Some(7.0)),
        (Some("skips"), Some(25.0), Some(12.0)),
        (Some("likes"), None, None),
        (None, Some(75.0), Some(12.0)),
    ] {
        assert_eq!(of(LATEST_MS, function, UTILIZATION), utilization, "{function:?}");
        assert_eq!(of(LATEST_MS, function, SPILLOVER), spillover, "{function:?}");
    }
    for function in [Some("plays"), None] {
        assert_eq!(of(LATEST_MS - MINUTE_MS, function, UTILIZATION), Some(100.0));
        assert_eq!(of(LATEST_MS - MINUTE_MS, function, SPILLOVER), None);
    }
}

#[tokio::test(start_paused = true)]
async fn where_cloudwatch_has_no_aliases_the_function_as_a_whole_is_read() {
    let cloud = Cloud::with(["plays"]);
    cloud.measure(UTILIZATION, "plays", None);
    cloud.set(&format!("{UTILIZATION} of plays"), LATEST_MS, 0.98);
    let mut handler = Handler::new(&cloud, &[]);
    let observed = handler.run(0).await;
    assert_eq!(observed.value(Some("plays"), UTILIZATION), Some(98.0));
    // What was known stays known where it cannot be read again.
    cloud.failing.borrow_mut().insert("ListMetrics");
    cloud.set(&format!("{UTILIZATION} of plays"), LATEST_MS + 10 * MINUTE_MS, 0.5);
    let observed = handler.run(600).await;
    assert!(unread(&observed).starts_with("ListMetrics of which functions"), "{observed:?}");
    assert_eq!(observed.value(Some("plays"), UTILIZATION), Some(50.0));
}

const EDGE: &str = "us-east-1.redirector";

#[tokio::test(start_paused = true)]
async fn a_replica_of_lambda_at_edge_is_watched_by_its_name() {
    let cloud = Cloud::with(["redirector"]);
    for (metric, value) in
        [("Invocations", 8.0), ("Errors", 2.0), ("Duration", 20.0), ("ConcurrentExecutions", 9.0)]
    {
        cloud.set(&format!("{metric} of {EDGE}"), LATEST_MS, value);
    }
    let observed = Handler::new(&cloud, &[("FUNCTION_NAMES", EDGE)]).run(0).await;
    let answer = json!({"functions": 1, "linesEmitted": 2, "metricsRequested": 9});
    assert_eq!(observed.answer.as_ref().unwrap(), &answer);
    assert_eq!(observed.value(Some(EDGE), "ErrorRate"), Some(25.0));
    assert_eq!(observed.value(Some(EDGE), "ConcurrencyUtilization"), Some(1.0));
    assert_eq!(observed.value(Some(EDGE), "TimeoutHeadroom"), None);
    // Lambda does not know it here.
    assert_eq!(cloud.take_calls("GetFunctionConcurrency"), 0);
    assert_eq!(cloud.take_calls("ListMetrics"), 1);
}

#[tokio::test(start_paused = true)]
async fn replicas_are_found_by_the_beginning_of_their_names() {
    for (names, expected) in [
        ("us-east-1.*", &[EDGE, "us-east-1.resizer"][..]),
        ("us-east-1.re*,us-east-1.other", &["us-east-1.other", EDGE, "us-east-1.resizer"]),
        ("us-east-1.red*,plays", &["plays", EDGE]),
        ("*", &["plays"]),
    ] {
        let cloud = Cloud::with(["plays"]);
        for name in ["plays", EDGE, "us-east-1.resizer", "eu-west-1.other"] {
            cloud.measure("Invocations", name, None);
            cloud.measure("Invocations", name, Some("a:1"));
        }
        for name in ["plays", EDGE, "us-east-1.resizer", "us-east-1.other", "eu-west-1.other"] {
            cloud.set(&format!("Throttles of {name}"), LATEST_MS, 1.0);
        }
        let mut handler = Handler::new(&cloud, &[("FUNCTION_NAMES", names)]);
        let observed = handler.run(0).await;
        let told: Vec<_> =
            observed.metrics.iter().filter_map(|line| line["FunctionName"].as_str()).collect();
        assert_eq!(told, expected, "{names}");
        // Known replicas stay watched where they cannot be listed.
        cloud.failing.borrow_mut().insert("ListMetrics");
        for name in expected {
            cloud.set(&format!("Throttles of {name}"), LATEST_MS + 10 * MINUTE_MS, 2.0);
        }
        let observed = handler.run(600).await;
        assert!(unread(&observed).starts_with("ListMetrics"), "{observed:?}");
        for name in expected {
            assert_eq!(observed.value(Some(name), "Throttles"), Some(2.0), "{names}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_minute_that_fills_in_is_emitted_again_as_long_as_it_is_read() {
    let cloud = Cloud::with(["plays"]);
    let mut handler = Handler::new(&cloud, &[]);
    // Minutes after the first look, what is counted by then, and the rate if it is emitted.
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
