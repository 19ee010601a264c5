//! The queues and their consumers: nothing is lost between a sender and OpenSearch.

use serde_json::{Value, json};

use crate::stack::{BUCKET, COST, DOMAIN_ARN, Stack, TOPIC_ARN, object, referred, template, texts};

pub(crate) const QUEUE: &str = "AWS::SQS::Queue";
const ALERTS: &str = "HealthAlertsDeadLetterQueue";
/// Every queue of the complete stack, with its name.
const QUEUES: [(&str, &str); 8] = [
    ("CostDeadLetterQueue", "sluice-dev-cost-dlq"),
    ("DeadLetterQueue", "sluice-dev-events-dlq"),
    ("EventQueue", "sluice-dev-events"),
    (ALERTS, "sluice-dev-alerts-dlq"),
    ("ObjectsDeadLetterQueue", "sluice-dev-objects-dlq"),
    ("ObjectsQueue", "sluice-dev-objects"),
    ("ParkingQueue", "sluice-dev-parking"),
    ("QuarantineQueue", "sluice-dev-quarantine"),
];
const LOCAL: &str = "http://127.0.0.1:9200";

/// The event source mapping of a function that has no other event.
fn mapping<'s>(stack: &'s Stack, function: &str) -> &'s Value {
    let events = &stack.function(function)["Events"];
    assert_eq!(object(events).len(), 1, "{events}");
    assert_eq!(events["Messages"]["Type"], "SQS");
    &events["Messages"]["Properties"]
}

#[test]
fn every_queue_is_encrypted_and_retained() {
    assert_eq!(Stack::complete().of_type(QUEUE).len(), QUEUES.len());
    for stack in Stack::variants() {
        let queues = stack.of_type(QUEUE);
        let names =
            queues.iter().map(|(id, queue)| (*id, texts(&queue["Properties"]["QueueName"])[0]));
        // A queue with a fixed name is never replaced: the update fails instead.
        let expected = QUEUES.into_iter().filter(|(id, _)| stack.has(id));
        assert_eq!(names.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        for (id, queue) in queues {
            let properties = &queue["Properties"];
            assert_eq!(properties["MessageRetentionPeriod"], 1_209_600, "{id}");
            let has_key = !properties["KmsMasterKeyId"].is_null();
            assert_eq!(properties["SqsManagedSseEnabled"] == true, !has_key, "{id}");
            // These would delay messages, or change the type of the queue.
            for other in ["DelaySeconds", "FifoQueue"] {
                assert!(properties[other].is_null(), "{id} has {other}");
            }
            for resource in [queue, stack.resource(&format!("{id}Policy"))] {
                assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
                assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{id}");
            }
        }
    }
}

#[test]
fn queues_deny_requests_without_tls_and_allow_only_the_given_senders() {
    let admitted = |id: &str, service: Value, source: &str, sid: &str| {
        json!({
            "Sid": sid,
            "Effect": "Allow",
            "Principal": { "Service": service },
            "Action": "sqs:SendMessage",
            "Resource": format!("${{{id}.Arn}}"),
            "Condition": { "ArnEquals": { "aws:SourceArn": source } },
        })
    };
    let senders =
        [BUCKET, COST, ("QueueSenderArn", TOPIC_ARN), ("ObjectNotifierArn", "arn:aws:s3:::plays")];
    for (stack, sender) in [(Stack::complete(), false), (Stack::with(&senders), true)] {
        for (id, _) in QUEUES {
            let policy = stack.properties(&format!("{id}Policy"));
            assert_eq!(policy["Queues"], json!([format!("${{{id}}}")]));
            let mut expected = vec![json!({
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sqs:*",
                "Resource": format!("${{{id}.Arn}}"),
                "Condition": { "Bool": { "aws:SecureTransport": "false" } },
            })];
            if id == ALERTS {
                let sns = json!("sns.amazonaws.com");
                expected.push(admitted(id, sns, "${AlertsTopic}", "TopicSends"));
            } else if id == "CostDeadLetterQueue" {
                let sns = json!("sns.amazonaws.com");
                expected.push(admitted(id, sns, "${CostCostAlerts}", "TopicSends"));
            } else if id == "EventQueue" && sender {
                let services = json!(["events.amazonaws.com", "sns.amazonaws.com"]);
                expected.push(admitted(id, services, TOPIC_ARN, "SenderSends"));
            } else if id == "ObjectsQueue" {
                let rule = json!("events.amazonaws.com");
                expected.push(admitted(id, rule, "${ObjectsRule.Arn}", "RuleSends"));
                let services = json!(["s3.amazonaws.com", "sns.amazonaws.com"]);
                let notifier = admitted(id, services, "arn:aws:s3:::plays", "NotifierSends");
                expected.extend(sender.then_some(notifier));
            }
            assert_eq!(policy["PolicyDocument"]["Statement"], json!(expected), "{id}");
        }
    }
}

#[test]
fn what_fails_three_times_goes_to_the_dead_letter_queue() {
    let to = |dead_letters: &str, receives: &Value| json!({ "deadLetterTargetArn": dead_letters, "maxReceiveCount": receives });
    let from = |queue: &str| {
        let arn = format!("arn:aws:sqs:eu-west-1:123456789012:{queue}");
        json!({ "redrivePermission": "byQueue", "sourceQueueArns": [arn] })
    };
    let own = Stack::with(&[("MaxReceiveCount", "5"), BUCKET, COST]);
    for (stack, receives) in [(Stack::complete(), json!(3)), (own, json!("5"))] {
        for (id, queue) in stack.of_type(QUEUE) {
            let properties = &queue["Properties"];
            let (to, from) = match id {
                "EventQueue" => (to("${DeadLetterQueue.Arn}", &receives), Value::Null),
                "ObjectsQueue" => (to("${ObjectsDeadLetterQueue.Arn}", &json!(3)), Value::Null),
                "DeadLetterQueue" => (Value::Null, from("sluice-dev-events")),
                "ObjectsDeadLetterQueue" => (Value::Null, from("sluice-dev-objects")),
                _ => (Value::Null, json!({ "redrivePermission": "denyAll" })),
            };
            assert_eq!(properties["RedrivePolicy"], to, "{id}");
            assert_eq!(properties["RedriveAllowPolicy"], from, "{id}");
        }
    }
}

#[test]
fn a_message_stays_hidden_while_it_is_processed() {
    let stack = Stack::complete();
    let longest_window = &template()["Parameters"]["ConsumerBatchSeconds"]["MaxValue"];
    for (function, window_s) in [("sqs-consumer", longest_window), ("object-loader", &json!(0))] {
        let queue = stack.properties(referred(&mapping(&stack, function)["Queue"]));
        let timeout_s = stack.function(function)["Timeout"].as_u64().unwrap();
        // Not longer: the messages of a crashed invocation wait as long.
        let expected_s = 6 * timeout_s + window_s.as_u64().unwrap();
        assert_eq!(queue["VisibilityTimeout"], expected_s, "{function}");
    }
}

#[test]
fn the_consumer_reports_which_messages_failed() {
    let own = [
        ("ConsumerBatchSize", "20"),
        ("ConsumerBatchSeconds", "7"),
        ("ConsumerMaxConcurrency", "30"),
    ];
    for (parameters, size, seconds, concurrency) in
        [(&[][..], json!(1000), json!(5), json!(10)), (&own, json!("20"), json!("7"), json!("30"))]
    {
        // Without a filter, whose mismatches Lambda deletes, and not disabled.
        let expected = json!({
            "Queue": "${EventQueue.Arn}",
            "BatchSize": size,
            "MaximumBatchingWindowInSeconds": seconds,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": { "MaximumConcurrency": concurrency },
        });
        assert_eq!(mapping(&Stack::with(parameters), "sqs-consumer"), &expected);
    }
}

#[test]
fn the_loader_gets_one_object_at_a_time_and_reports_whether_it_failed() {
    for (parameters, concurrency) in
        [(&[BUCKET][..], json!(5)), (&[BUCKET, ("LoaderMaxConcurrency", "7")], json!("7"))]
    {
        let expected = json!({
            "Queue": "${ObjectsQueue.Arn}",
            "BatchSize": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": { "MaximumConcurrency": concurrency },
        });
        assert_eq!(mapping(&Stack::with(parameters), "object-loader"), &expected);
    }
}

#[test]
fn functions_find_the_domain_or_the_given_endpoint() {
    let created = Value::from("https://${SearchDomain.DomainEndpoint}");
    for (parameters, endpoint, domain, auth) in [
        (&[][..], created, Value::Null, "sigv4"),
        (&[("ExistingDomainArn", DOMAIN_ARN)], Value::Null, "search".into(), "sigv4"),
        (&[("ConsumerEndpoint", LOCAL)], LOCAL.into(), Value::Null, "none"),
        (
            &[("ConsumerEndpoint", LOCAL), ("ExistingDomainArn", DOMAIN_ARN)],
            LOCAL.into(),
            Value::Null,
            "none",
        ),
    ] {
        let stack = Stack::with(&[parameters, &[BUCKET]].concat());
        for name in ["sqs-consumer", "object-loader"] {
            let variables = stack.variables(name);
            assert_eq!(variables["OPENSEARCH_ENDPOINT"], endpoint, "{name}: {parameters:?}");
            assert_eq!(variables["OPENSEARCH_DOMAIN"], domain, "{name}: {parameters:?}");
            assert_eq!(variables["OPENSEARCH_AUTH"], auth, "{name}: {parameters:?}");
        }
        let consumer = stack.variables("sqs-consumer");
        assert_eq!(consumer["QUARANTINE_QUEUE_URL"], "${QuarantineQueue}", "{parameters:?}");
        // Messages stay in their queue while a known OpenSearch is unavailable.
        let redrive = stack.variables("dlq-redrive");
        assert_eq!(redrive["REQUIRE_HEALTHY_ENDPOINT"], endpoint, "{parameters:?}");
        assert_eq!(redrive["OPENSEARCH_AUTH"], auth, "{parameters:?}");
    }
}

#[test]
fn functions_name_indices_as_firehose_does() {
    for (rotation, pattern) in [
        ("NoRotation", "plays"),
        ("OneHour", "plays-%Y-%m-%d-%H"),
        ("OneDay", "plays-%Y-%m-%d"),
        ("OneWeek", "plays-%G-w%V"),
        ("OneMonth", "plays-%Y-%m"),
    ] {
        let stack = Stack::with(&[("IndexName", "plays"), ("IndexRotation", rotation), BUCKET]);
        for name in ["sqs-consumer", "object-loader"] {
            assert_eq!(stack.variables(name)["INDEX"], pattern, "{name}: {rotation}");
        }
    }
}
