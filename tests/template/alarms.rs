//! A person knows within minutes: every way to fail has an alarm, and every alarm a reader.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stack::{FUNCTION, Stack, list, object};

const ALARM: &str = "AWS::CloudWatch::Alarm";

/// The alarms on what log-metrics counts.
const COUNTED_FROM_LOGS: [&str; 4] = [
    "FunctionTimeoutsAlarm",
    "FunctionOutOfMemoryAlarm",
    "FunctionInitFailuresAlarm",
    "FunctionUnhandledErrorsAlarm",
];

/// The alarms on what lambda-metrics finds.
const WORST_OF_ALL: [&str; 7] = [
    "FunctionErrorRateAlarm",
    "FunctionThrottleRateAlarm",
    "FunctionHeadroomAlarm",
    "FunctionConcurrencyAlarm",
    "AccountConcurrencyAlarm",
    "FunctionEventsDroppedAlarm",
    "FunctionDeadLetterErrorsAlarm",
];

/// The alarm on nothing being watched.
const HEARTBEAT: &str = "LambdaMetricsHeartbeatAlarm";

/// Namespace, metric, statistic, comparison and threshold of an alarm.
fn watched(alarm: &Value) -> (&str, &str, &str, &str, String) {
    let text = |name: &str| alarm["Properties"][name].as_str().unwrap_or_default();
    (
        text("Namespace"),
        text("MetricName"),
        text("Statistic"),
        text("ComparisonOperator"),
        alarm["Properties"]["Threshold"].to_string(),
    )
}

/// Every alarm of the stack.
fn all(stack: &Stack) -> BTreeSet<(&str, &str, &str, &str, String)> {
    stack.of_type(ALARM).into_iter().map(|(_, alarm)| watched(alarm)).collect()
}

#[test]
fn every_way_to_fail_has_an_alarm() {
    const ABOVE: &str = "GreaterThanThreshold";
    const BELOW: &str = "LessThanThreshold";
    const FIREHOSE: &str = "AWS/Firehose";
    const LAMBDA: &str = "AWS/Lambda";
    const SQS: &str = "AWS/SQS";
    let common = [
        (FIREHOSE, "DeliveryToAmazonOpenSearchService.Success", "Average", BELOW, "1"),
        (FIREHOSE, "DeliveryToAmazonOpenSearchService.DataFreshness", "Maximum", ABOVE, "900"),
        (FIREHOSE, "DeliveryToAmazonOpenSearchService.AuthFailure", "Maximum", ABOVE, "0"),
        (FIREHOSE, "DeliveryToAmazonOpenSearchService.DeliveryRejected", "Maximum", ABOVE, "0"),
        (FIREHOSE, "DeliveryToS3.Success", "Average", BELOW, "1"),
        (FIREHOSE, "ExecuteProcessing.Success", "Average", BELOW, "1"),
        (LAMBDA, "Errors", "Sum", ABOVE, "0"),
        (LAMBDA, "Throttles", "Sum", ABOVE, "0"),
        (LAMBDA, "DestinationDeliveryFailures", "Sum", ABOVE, "0"),
        (LAMBDA, "Duration", "Maximum", ABOVE, "45000"),
        (LAMBDA, "Duration", "Maximum", ABOVE, "54000"),
        (LAMBDA, "Duration", "Maximum", ABOVE, "270000"),
        ("Sluice", "RecordsFailed", "Sum", ABOVE, "0"),
        ("Sluice", "RedriveFailed", "Sum", ABOVE, "0"),
        ("Sluice", "Timeouts", "Sum", ABOVE, "0"),
        ("Sluice", "OutOfMemory", "Sum", ABOVE, "0"),
        ("Sluice", "InitFailures", "Sum", ABOVE, "0"),
        ("Sluice", "UnhandledErrors", "Sum", ABOVE, "0"),
        ("Sluice", "ErrorRate", "Maximum", ABOVE, "0"),
        ("Sluice", "ThrottleRate", "Maximum", ABOVE, "0"),
        ("Sluice", "TimeoutHeadroom", "Minimum", BELOW, "10"),
        ("Sluice", "ConcurrencyUtilization", "Maximum", ABOVE, "80"),
        ("Sluice", "AccountConcurrencyUtilization", "Maximum", ABOVE, "80"),
        ("Sluice", "AsyncEventsDropped", "Maximum", ABOVE, "0"),
        ("Sluice", "DeadLetterErrors", "Maximum", ABOVE, "0"),
        // That somebody watches at all.
        ("Sluice", "Polls", "Sum", BELOW, "1"),
        // The oldest event, and what is in the dead-letter queue though it is too little to count.
        (SQS, "ApproximateAgeOfOldestMessage", "Maximum", ABOVE, "1800"),
        (SQS, "ApproximateAgeOfOldestMessage", "Maximum", ABOVE, "604800"),
        // Dead letters; quarantine and parking.
        (SQS, "ApproximateNumberOfMessagesVisible", "Maximum", ABOVE, "1"),
        (SQS, "ApproximateNumberOfMessagesVisible", "Maximum", ABOVE, "0"),
    ];
    let from_stream = (FIREHOSE, "KinesisMillisBehindLatest", "Maximum", ABOVE, "900000");
    let direct_put = (FIREHOSE, "ThrottledRecords", "Sum", ABOVE, "0");
    for (parameters, own) in [(&[][..], from_stream), (&[("EventSource", "DirectPut")], direct_put)]
    {
        let expected = common
            .into_iter()
            .chain([own])
            .map(|(namespace, metric, statistic, comparison, threshold)| {
                (namespace, metric, statistic, comparison, threshold.to_owned())
            })
            .collect();
        assert_eq!(all(&Stack::with(parameters)), expected, "{parameters:?}");
    }
}

#[test]
fn every_alarm_says_what_happened_to_a_person_at_once() {
    for stack in Stack::variants() {
        for (name, alarm) in stack.of_type(ALARM) {
            let properties = &alarm["Properties"];
            assert_eq!(properties["AlarmActions"], json!(["${AlertsTopic}"]), "{name}");
            assert_eq!(properties["OKActions"], json!(["${AlertsTopic}"]), "{name}");
            assert_ne!(properties["ActionsEnabled"], false, "{name}");
            assert_eq!(properties["Period"], 60, "{name}");
            if name == HEARTBEAT {
                // That nothing comes is what it is for.
                assert_eq!(properties["TreatMissingData"], "breaching");
                assert_eq!(properties["EvaluationPeriods"], properties["DatapointsToAlarm"]);
                // A run every five minutes is enough.
                assert_eq!(properties["DatapointsToAlarm"], 6);
            } else {
                // No traffic is normal.
                assert_eq!(properties["TreatMissingData"], "notBreaching", "{name}");
                assert_eq!(properties["DatapointsToAlarm"], 1, "{name}");
            }
            let description = properties["AlarmDescription"].as_str().unwrap();
            assert!((40..=400).contains(&description.len()), "{name}: {description}");
            // The topic admits alarms of this name only.
            let alarm_name = properties["AlarmName"].as_str().unwrap();
            assert!(alarm_name.starts_with("sluice-dev-"), "{alarm_name}");
        }
    }
}

#[test]
fn alarms_look_at_this_stacks_own_resources() {
    for stack in Stack::variants() {
        for (name, alarm) in stack.of_type(ALARM) {
            let properties = &alarm["Properties"];
            let dimensions: Vec<_> = list(&properties["Dimensions"])
                .into_iter()
                .map(|dimension| (dimension["Name"].as_str(), dimension["Value"].as_str()))
                .collect();
            // Sums over all functions, and the worst of all.
            if COUNTED_FROM_LOGS.contains(&name)
                || WORST_OF_ALL.contains(&name)
                || name == HEARTBEAT
            {
                assert_eq!(dimensions, [], "{name}");
                continue;
            }
            let expected = match name {
                "AlertsDeadLetterDepthAlarm" => ("QueueName", "${AlertsDeadLetterQueue.QueueName}"),
                "QueueAgeAlarm" => ("QueueName", "${EventQueue.QueueName}"),
                "DeadLetterAgeAlarm" | "DeadLetterDepthAlarm" => {
                    ("QueueName", "${DeadLetterQueue.QueueName}")
                }
                "ParkingDepthAlarm" => ("QueueName", "${ParkingQueue.QueueName}"),
                "QuarantineDepthAlarm" => ("QueueName", "${QuarantineQueue.QueueName}"),
                _ if properties["Namespace"] == "AWS/Firehose" => {
                    ("DeliveryStreamName", "${DeliveryStream}")
                }
                _ if name.starts_with("AlertNotifier") => {
                    ("FunctionName", "${AlertNotifierFunction}")
                }
                _ if name.starts_with("LambdaMetrics") => {
                    ("FunctionName", "${LambdaMetricsFunction}")
                }
                _ if name.starts_with("LogMetrics") => ("FunctionName", "${LogMetricsFunction}"),
                _ if name.starts_with("DlqRedrive") => ("FunctionName", "${DlqRedriveFunction}"),
                _ if name.starts_with("SqsConsumer") => ("FunctionName", "${SqsConsumerFunction}"),
                _ => ("FunctionName", "${FirehoseTransformFunction}"),
            };
            assert_eq!(dimensions, [(Some(expected.0), Some(expected.1))], "{name}");
        }
    }
}

#[test]
fn every_function_is_watched_for_errors_throttles_and_time() {
    let stack = Stack::default();
    for (name, function) in stack.of_type(FUNCTION) {
        let alarms: Vec<_> = stack
            .of_type(ALARM)
            .into_iter()
            .filter(|(_, alarm)| alarm["Properties"]["Namespace"] == "AWS/Lambda")
            .filter(|(_, alarm)| {
                alarm["Properties"]["Dimensions"][0]["Value"] == format!("${{{name}}}")
            })
            .map(|(_, alarm)| watched(alarm))
            .collect();
        let metrics: BTreeSet<_> = alarms.iter().map(|alarm| alarm.1).collect();
        let mut expected = BTreeSet::from(["Duration", "Errors", "Throttles"]);
        // What is invoked asynchronously and has a destination for what fails.
        let destination = &function["Properties"]["EventInvokeConfig"]["DestinationConfig"];
        expected.extend(destination.is_object().then_some("DestinationDeliveryFailures"));
        assert_eq!(metrics, expected, "{name}");
        let timeout_s = function["Properties"]["Timeout"].as_u64().unwrap();
        let near_timeout_ms = (timeout_s * 1_000 * 9 / 10).to_string();
        let (.., threshold) = alarms.iter().find(|alarm| alarm.1 == "Duration").unwrap();
        assert_eq!(threshold, &near_timeout_ms, "{name}");
    }
}

#[test]
fn every_queue_is_watched() {
    const AGE: &str = "ApproximateAgeOfOldestMessage";
    const DEPTH: &str = "ApproximateNumberOfMessagesVisible";
    let own = [
        ("QueueAgeAlarmSeconds", "600"),
        ("DeadLetterAlarmCount", "5"),
        ("QuarantineAlarmCount", "7"),
    ];
    for (parameters, age, dead_letters, quarantine) in
        [(&[][..], "1800", "1", "0"), (&own, "\"600\"", "\"5\"", "\"7\"")]
    {
        let stack = Stack::with(parameters);
        for (alarm, metric, threshold) in [
            ("QueueAgeAlarm", AGE, age),
            ("DeadLetterDepthAlarm", DEPTH, dead_letters),
            // One message is no alarm above, but would be gone after 14 days all the same.
            ("DeadLetterAgeAlarm", AGE, "604800"),
            ("AlertsDeadLetterDepthAlarm", DEPTH, "0"),
            ("QuarantineDepthAlarm", DEPTH, quarantine),
            ("ParkingDepthAlarm", DEPTH, "0"),
        ] {
            let expected =
                ("AWS/SQS", metric, "Maximum", "GreaterThanThreshold", threshold.to_owned());
            assert_eq!(watched(stack.resource(alarm)), expected, "{alarm}");
        }
    }
}

#[test]
fn the_functions_own_metrics_are_watched_where_it_emits_them() {
    let stack = Stack::with(&[("MetricsNamespace", "Team/Music")]);
    let found = WORST_OF_ALL.map(|alarm| ("LambdaMetricsFunction", alarm));
    let counted = COUNTED_FROM_LOGS.map(|alarm| ("LogMetricsFunction", alarm));
    for (function, alarm) in [
        ("FirehoseTransformFunction", "FirehoseTransformRecordsFailedAlarm"),
        ("DlqRedriveFunction", "DlqRedriveFailedAlarm"),
    ]
    .into_iter()
    .chain(counted)
    .chain(found)
    .chain([("LambdaMetricsFunction", HEARTBEAT)])
    {
        let function = stack.properties(function);
        let namespace = &object(&function["Environment"]["Variables"])["METRICS_NAMESPACE"];
        assert_eq!(namespace, "Team/Music");
        assert_eq!(&stack.properties(alarm)["Namespace"], namespace, "{alarm}");
    }
}

#[test]
fn what_is_told_at_an_invocations_end_is_looked_for_at_its_start() {
    let stack = Stack::default();
    // A period is told two minutes after its end, and changes for up to 15 minutes more.
    for alarm in ["FunctionErrorRateAlarm", "FunctionHeadroomAlarm"] {
        assert_eq!(stack.properties(alarm)["EvaluationPeriods"], 2 + 15 + 1, "{alarm}");
    }
}

#[test]
fn thresholds_of_functions_health_can_be_chosen() {
    let stack = Stack::with(&[
        ("ErrorRateAlarmPercent", "5"),
        ("ThrottleRateAlarmPercent", "1"),
        ("HeadroomAlarmPercent", "20"),
        ("ConcurrencyAlarmPercent", "70"),
    ]);
    for (alarm, threshold) in [
        ("FunctionErrorRateAlarm", "5"),
        ("FunctionThrottleRateAlarm", "1"),
        ("FunctionHeadroomAlarm", "20"),
        ("FunctionConcurrencyAlarm", "70"),
        ("AccountConcurrencyAlarm", "70"),
    ] {
        assert_eq!(stack.properties(alarm)["Threshold"], threshold, "{alarm}");
    }
}

#[test]
fn cloudwatch_can_publish_to_the_encrypted_topic() {
    let stack = Stack::default();
    assert_eq!(stack.properties("AlertsTopic")["KmsMasterKeyId"], "${AlertsKey.Arn}");
    let cloudwatch = json!({ "Service": "cloudwatch.amazonaws.com" });
    let granted = |statements: &Value| -> Vec<Value> {
        list(statements)
            .into_iter()
            .filter(|statement| statement["Principal"] == cloudwatch)
            .map(|statement| statement["Action"].clone())
            .collect()
    };
    let key = &stack.properties("AlertsKey")["KeyPolicy"]["Statement"];
    assert_eq!(granted(key), [json!(["kms:Decrypt", "kms:GenerateDataKey"])]);
    let topic = stack.properties("AlertsTopicPolicy");
    assert_eq!(topic["Topics"], json!(["${AlertsTopic}"]));
    assert_eq!(granted(&topic["PolicyDocument"]["Statement"]), [json!("sns:Publish")]);
}

#[test]
fn alarms_are_mailed_where_an_address_is_given() {
    assert!(!Stack::default().has("AlertsEmail"));
    let stack = Stack::with(&[("AlarmEmail", "ops@example.com")]);
    assert_eq!(
        stack.properties("AlertsEmail"),
        &json!({ "TopicArn": "${AlertsTopic}", "Protocol": "email", "Endpoint": "ops@example.com" })
    );
}
