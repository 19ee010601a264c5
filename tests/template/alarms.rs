//! Every failure has an alarm, and every alarm notifies a person within minutes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stack::{
    ALARM, BUCKET, COST, PIPELINES, STORE, Stack, WAREHOUSE, assert_has, list, read,
};

/// Every alarm except those of each function: below its namespace and dimension, its name, metric,
/// statistic and threshold, which can be the name of a parameter.
const ALARMS: &str = "
AWS/Firehose DeliveryStreamName sluice-dev
    delivery-success: DeliveryToAmazonOpenSearchService.Success Average < 1
    delivery-freshness: DeliveryToAmazonOpenSearchService.DataFreshness Maximum > FreshnessAlarmSeconds
    delivery-auth-failure: DeliveryToAmazonOpenSearchService.AuthFailure Maximum > 0
    delivery-rejected: DeliveryToAmazonOpenSearchService.DeliveryRejected Maximum > 0
    backup-success: DeliveryToS3.Success Average < 1
    transformation-success: ExecuteProcessing.Success Average < 1
    source-lag: KinesisMillisBehindLatest Maximum > 900000
    source-throttled: ThrottledRecords Sum > 0
AWS/SQS QueueName sluice-dev-events
    queue-age: ApproximateAgeOfOldestMessage Maximum > QueueAgeAlarmSeconds
AWS/SQS QueueName sluice-dev-events-dlq
    dlq-depth: ApproximateNumberOfMessagesVisible Maximum > DeadLetterAlarmCount
    dlq-age: ApproximateAgeOfOldestMessage Maximum > 604800
AWS/SQS QueueName sluice-dev-objects
    objects-queue-age: ApproximateAgeOfOldestMessage Maximum > QueueAgeAlarmSeconds
AWS/SQS QueueName sluice-dev-objects-dlq
    objects-dlq-depth: ApproximateNumberOfMessagesVisible Maximum > 0
    objects-dlq-age: ApproximateAgeOfOldestMessage Maximum > 604800
AWS/SQS QueueName sluice-dev-quarantine
    quarantine-depth: ApproximateNumberOfMessagesVisible Maximum > QuarantineAlarmCount
AWS/SQS QueueName sluice-dev-parking
    parking-depth: ApproximateNumberOfMessagesVisible Maximum > 0
AWS/SQS QueueName sluice-dev-alerts-dlq
    alerts-dlq-depth: ApproximateNumberOfMessagesVisible Maximum > 0
AWS/SQS QueueName sluice-dev-cost-dlq
    cost-dlq-depth: ApproximateNumberOfMessagesVisible Maximum > 0
MetricsNamespace FunctionName sluice-dev-firehose-transform
    firehose-transform-records-failed: RecordsFailed Sum > FailedRecordsAlarmCount
MetricsNamespace FunctionName sluice-dev-dlq-redrive
    dlq-redrive-failed: RedriveFailed Sum > 0
MetricsNamespace FunctionName sluice-dev-object-loader
    object-loader-records-refused: RecordsRefused Sum > 0
MetricsNamespace FunctionName sluice-dev-pipeline-alerts
    pipeline-alerts-calls-rejected: CallsRejected Sum > 20
AWS/Lambda FunctionName sluice-dev-sensor-points
    sensor-points-iterator-age: IteratorAge Maximum > 5000
MetricsNamespace FunctionName sluice-dev-sensor-points
    sensor-points-stored-latency: StoredLatency Maximum > 5000
    sensor-points-readings-refused: ReadingsRefused Sum > 0
MetricsNamespace FunctionName sluice-dev-warehouse-watch
    warehouse-watch-heartbeat: Polls Sum < 1
MetricsNamespace without a dimension
    function-timeouts: Timeouts Sum > 0
    function-out-of-memory: OutOfMemory Sum > 0
    function-init-failures: InitFailures Sum > 0
    function-unhandled-errors: UnhandledErrors Sum > 0
    function-error-rate: ErrorRate Maximum > ErrorRateAlarmPercent
    function-throttle-rate: ThrottleRate Maximum > ThrottleRateAlarmPercent
    function-timeout-headroom: TimeoutHeadroom Minimum < HeadroomAlarmPercent
    function-concurrency: ConcurrencyUtilization Maximum > ConcurrencyAlarmPercent
    account-concurrency: AccountConcurrencyUtilization Maximum > ConcurrencyAlarmPercent
    function-events-dropped: AsyncEventsDropped Maximum > 0
    function-dead-letter-errors: DeadLetterErrors Maximum > 0
    lambda-metrics-heartbeat: Polls Sum < 1
    scan-failures: ScanFailures Sum > 0
    parking-failures: ParkingFailures Sum > 0
    parking-problems: ParkingProblems Sum > 0
    parking-heartbeat: ParkingRuns Sum < 1
";

/// The alarms that each function has.
const OF_EACH_FUNCTION: [&str; 3] = ["errors", "throttles", "duration"];

#[test]
fn every_alarm_has_a_runbook_that_says_all_of_it() {
    let runbooks = read("docs/runbooks.md");
    let stacks = [Stack::complete(), Stack::with(&[("EventSource", "DirectPut")])];
    let functions = stacks[0].functions();
    let mut missing: BTreeSet<&str> = OF_EACH_FUNCTION.into();
    for (_, alarm) in stacks.iter().flat_map(|stack| stack.of_type(ALARM)) {
        let name = alarm["Properties"]["AlarmName"].as_str().unwrap();
        let name = name.strip_prefix("sluice-dev-").unwrap();
        let is_of_one = |function: &&str| {
            let rest = name.strip_prefix(*function).and_then(|rest| rest.strip_prefix('-'));
            rest.is_some_and(|rest| OF_EACH_FUNCTION.contains(&rest))
        };
        if !functions.keys().any(is_of_one) {
            missing.insert(name);
        }
    }
    for runbook in runbooks.split("\n### ").skip(1) {
        let (title, text) = runbook.split_once('\n').unwrap();
        for name in title.split(", ") {
            assert!(missing.remove(name), "no such alarm, or twice: {name}");
        }
        for part in ["Means", "Look", "Do", "Over"] {
            let is_there =
                text.contains(&format!("- {part}: ")) || text.contains("- Look, do, over: ");
            assert!(is_there, "{title} has no {part}");
        }
    }
    assert_eq!(missing, BTreeSet::new());
}

/// The parameters that alarms depend on, with their defaults and with other values.
const PARAMETERS: [(&str, &str, &str); 10] = [
    ("MetricsNamespace", "Sluice", "Team/Music"),
    ("FreshnessAlarmSeconds", "900", "60"),
    ("FailedRecordsAlarmCount", "0", "2"),
    ("QueueAgeAlarmSeconds", "1800", "600"),
    ("DeadLetterAlarmCount", "1", "5"),
    ("QuarantineAlarmCount", "0", "7"),
    ("ErrorRateAlarmPercent", "0", "3"),
    ("ThrottleRateAlarmPercent", "0", "4"),
    ("HeadroomAlarmPercent", "10", "20"),
    ("ConcurrencyAlarmPercent", "80", "70"),
];

/// An alarm as a row of the table.
fn watched(alarm: &Value) -> String {
    let properties = &alarm["Properties"];
    let text = |name: &str| properties[name].as_str().unwrap_or_default();
    let comparison = match text("ComparisonOperator") {
        "GreaterThanThreshold" => ">",
        "LessThanThreshold" => "<",
        other => panic!("{other}"),
    };
    let name = text("AlarmName").replacen("sluice-dev-", "", 1);
    let (metric, statistic) = (text("MetricName"), text("Statistic"));
    let threshold = properties["Threshold"].to_string().replace('"', "");
    let dimension = match list(&properties["Dimensions"])[..] {
        [] => "without a dimension".to_owned(),
        [only] => format!("{} {}", only["Name"], only["Value"]).replace('"', ""),
        _ => panic!("{name} has several dimensions"),
    };
    let namespace = text("Namespace");
    format!("{name}: {metric} {statistic} {comparison} {threshold} of {namespace} {dimension}")
}

/// The alarms of each function.
fn of_functions(stack: &Stack) -> BTreeSet<String> {
    let mut expected = BTreeSet::new();
    for (name, function) in stack.functions() {
        let of = format!("of AWS/Lambda FunctionName sluice-dev-{name}");
        let near_timeout_ms = function["Timeout"].as_u64().unwrap_or_default() * 1_000 * 9 / 10;
        expected.insert(format!("{name}-errors: Errors Sum > 0 {of}"));
        expected.insert(format!("{name}-throttles: Throttles Sum > 0 {of}"));
        expected.insert(format!("{name}-duration: Duration Maximum > {near_timeout_ms} {of}"));
        // Invoked asynchronously, with a destination for failures.
        if function["EventInvokeConfig"]["DestinationConfig"].is_object() {
            expected
                .insert(format!("{name}-destination: DestinationDeliveryFailures Sum > 0 {of}"));
        }
    }
    expected
}

#[test]
fn every_failure_has_an_alarm() {
    let default = PARAMETERS.map(|(name, value, _)| (name, value));
    let other = PARAMETERS.map(|(name, _, value)| (name, value));
    let direct = [("EventSource", "DirectPut"), BUCKET, COST, PIPELINES, STORE];
    let direct = [&other[..], &direct, &WAREHOUSE].concat();
    for (stack, values, not_deployed) in [
        (
            Stack::default(),
            default,
            &[
                "source-throttled",
                "object",
                "pipeline",
                "sensor",
                "warehouse",
                "cost",
                "scan-failures",
                "parking-failures",
                "parking-problems",
                "parking-heartbeat",
            ][..],
        ),
        (Stack::with(&direct), other, &["source-lag"]),
    ] {
        let filled_in = |text: &str| {
            values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
        };
        let mut expected = of_functions(&stack);
        let mut of = String::new();
        for line in filled_in(ALARMS).lines() {
            match line.strip_prefix("    ") {
                Some(alarm) if not_deployed.iter().any(|name| alarm.starts_with(name)) => {}
                Some(alarm) => drop(expected.insert(format!("{alarm} of {of}"))),
                None => line.clone_into(&mut of),
            }
        }
        let deployed = stack.of_type(ALARM).into_iter().map(|(_, alarm)| watched(alarm));
        assert_eq!(deployed.collect::<BTreeSet<_>>(), expected);
        // The functions emit their metrics there.
        for name in stack.functions().keys() {
            let namespace = filled_in("MetricsNamespace");
            assert_eq!(stack.variables(name)["METRICS_NAMESPACE"], namespace, "{name}");
        }
    }
}

#[test]
fn alarms_watch_what_this_stack_deploys_and_every_queue() {
    for stack in Stack::variants() {
        let mut watched = BTreeSet::new();
        for (name, alarm) in stack.of_type(ALARM) {
            for dimension in list(&alarm["Properties"]["Dimensions"]) {
                let key = dimension["Name"].as_str().unwrap();
                let deployed = stack
                    .resources()
                    .any(|(_, resource)| resource["Properties"][key] == dimension["Value"]);
                assert!(deployed, "{name} watches {dimension}, which is not deployed");
                watched.insert(dimension["Value"].as_str().unwrap());
            }
        }
        for (name, queue) in stack.of_type("AWS::SQS::Queue") {
            let queue = queue["Properties"]["QueueName"].as_str().unwrap();
            assert!(watched.contains(queue), "{name} has no alarm");
        }
    }
}

/// The timeout of the function whose errors or duration an alarm is about.
fn timeout_of(stack: &Stack, alarm: &str) -> Option<u64> {
    let function = alarm.strip_suffix("-errors").or_else(|| alarm.strip_suffix("-duration"))?;
    stack.functions().get(function)?["Timeout"].as_u64()
}

#[test]
fn every_alarm_notifies_a_person_at_once() {
    for stack in Stack::variants() {
        for (id, alarm) in stack.of_type(ALARM) {
            let properties = &alarm["Properties"];
            assert_ne!(properties["ActionsEnabled"], false, "{id}");
            // The topic admits alarms of this name only.
            let name = properties["AlarmName"].as_str().unwrap();
            let name = name.strip_prefix("sluice-dev-").unwrap_or_else(|| panic!("{name}"));
            let (length, missing, periods, datapoints) = match name {
                // It detects missing data; a run every five minutes is enough.
                "lambda-metrics-heartbeat" => (60, "breaching", 6, 6),
                // With the schedule off, no run is normal.
                "parking-heartbeat" => {
                    let schedule = &stack.function("parking")["Events"]["Schedule"]["Properties"];
                    let is_on = schedule["State"] == "ENABLED";
                    (300, if is_on { "breaching" } else { "notBreaching" }, 3, 3)
                }
                "warehouse-watch-heartbeat" => {
                    let is_hourly = properties["Period"] == 3_600;
                    (if is_hourly { 3_600 } else { 300 }, "breaching", 3, 3)
                }
                // A period is emitted two minutes after its end, and changes for up to 15 more.
                "function-error-rate" | "function-timeout-headroom" => (60, "notBreaching", 18, 1),
                // A single rejected call is not a problem: the alarm counts them.
                "pipeline-alerts-calls-rejected" => (300, "notBreaching", 1, 1),
                // A cold start is no reason to notify anybody.
                "sensor-points-stored-latency" => (60, "notBreaching", 3, 3),
                // Lambda's metrics have the time at which an invocation began.
                _ => match timeout_of(&stack, name) {
                    Some(seconds) => (60, "notBreaching", seconds.div_ceil(60).max(2) + 3, 1),
                    // No traffic is normal.
                    None => (60, "notBreaching", 5, 1),
                },
            };
            let expected = json!({
                "AlarmActions": ["${AlertsTopic}"], "OKActions": ["${AlertsTopic}"], "Period": length,
                "TreatMissingData": missing, "EvaluationPeriods": periods,
                "DatapointsToAlarm": datapoints,
            });
            assert_has(properties, &expected);
            let description = properties["AlarmDescription"].as_str().unwrap();
            assert!((60..=400).contains(&description.len()), "{id}: {description}");
        }
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
