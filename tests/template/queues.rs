//! The queues and their consumer: nothing is lost between a sender and OpenSearch.

use serde_json::{Value, json};

use crate::stack::{DOMAIN_ARN, Stack, TOPIC_ARN, object, template, texts};

const QUEUE: &str = "AWS::SQS::Queue";
const ALERTS: &str = "HealthAlertsDeadLetterQueue";
/// Every queue of the stack, with its name.
const QUEUES: [(&str, &str); 5] = [
    ("DeadLetterQueue", "sluice-dev-events-dlq"),
    ("EventQueue", "sluice-dev-events"),
    (ALERTS, "sluice-dev-alerts-dlq"),
    ("ParkingQueue", "sluice-dev-parking"),
    ("QuarantineQueue", "sluice-dev-quarantine"),
];
const LOCAL: &str = "http://127.0.0.1:9200";

/// The event source mapping of sqs-consumer.
fn mapping(stack: &Stack) -> &Value {
    let events = &stack.function("sqs-consumer")["Events"];
    assert_eq!(object(events).len(), 1, "{events}");
    assert_eq!(events["Messages"]["Type"], "SQS");
    &events["Messages"]["Properties"]
}

#[test]
fn every_queue_is_encrypted_and_retained() {
    for stack in Stack::variants() {
        let queues = stack.of_type(QUEUE);
        let names =
            queues.iter().map(|(id, queue)| (*id, texts(&queue["Properties"]["QueueName"])[0]));
        // A queue with a fixed name is never replaced: the update fails instead.
        assert_eq!(names.collect::<Vec<_>>(), QUEUES);
        for (id, queue) in queues {
            let properties = &queue["Properties"];
            assert_eq!(properties["MessageRetentionPeriod"], 1_209_600, "{id}");
            assert_eq!(properties["SqsManagedSseEnabled"], true, "{id}");
            // These would delay messages, or change the type of the queue.
            for other in ["DelaySeconds", "FifoQueue", "KmsMasterKeyId"] {
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
fn queues_deny_requests_without_tls_and_allow_only_the_given_sender() {
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
    for (parameters, sender) in [(&[][..], false), (&[("QueueSenderArn", TOPIC_ARN)], true)] {
        let stack = Stack::with(parameters);
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
            } else if id == "EventQueue" && sender {
                let services = json!(["events.amazonaws.com", "sns.amazonaws.com"]);
                expected.push(admitted(id, services, TOPIC_ARN, "SenderSends"));
            }
            assert_eq!(policy["PolicyDocument"]["Statement"], json!(expected), "{id}");
        }
    }
}

#[test]
fn what_fails_three_times_goes_to_the_dead_letter_queue() {
    let own = Stack::with(&[("MaxReceiveCount", "5")]);
    for (stack, receives) in [(Stack::default(), json!(3)), (own, json!("5"))] {
        for (id, queue) in stack.of_type(QUEUE) {
            let properties = &queue["Properties"];
            let (to, from) = match id {
                "EventQueue" => (
                    json!({
                        "deadLetterTargetArn": "${DeadLetterQueue.Arn}",
                        "maxReceiveCount": receives,
                    }),
                    Value::Null,
                ),
                "DeadLetterQueue" => (
                    Value::Null,
                    json!({
                        "redrivePermission": "byQueue",
                        "sourceQueueArns": ["arn:aws:sqs:eu-west-1:123456789012:sluice-dev-events"],
                    }),
                ),
                _ => (Value::Null, json!({ "redrivePermission": "denyAll" })),
            };
            assert_eq!(properties["RedrivePolicy"], to, "{id}");
            assert_eq!(properties["RedriveAllowPolicy"], from, "{id}");
        }
    }
}

#[test]
fn a_message_stays_hidden_while_it_is_processed() {
    let stack = Stack::default();
    let visibility_s = stack.properties("EventQueue")["VisibilityTimeout"].as_u64().unwrap();
    let timeout_s = stack.function("sqs-consumer")["Timeout"].as_u64().unwrap();
    let longest_window = &template()["Parameters"]["ConsumerBatchSeconds"]["MaxValue"];
    let least = 6 * timeout_s + longest_window.as_u64().unwrap();
    assert!(visibility_s >= least, "{visibility_s} s are less than {least} s");
    // Messages of a crashed invocation are redelivered within minutes.
    assert!(visibility_s <= 900, "{visibility_s} s");
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
        assert_eq!(mapping(&Stack::with(parameters)), &expected);
    }
}

#[test]
fn both_functions_find_the_domain_or_the_given_endpoint() {
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
        let stack = Stack::with(parameters);
        let consumer = stack.variables("sqs-consumer");
        assert_eq!(consumer["OPENSEARCH_ENDPOINT"], endpoint, "{parameters:?}");
        assert_eq!(consumer["OPENSEARCH_DOMAIN"], domain, "{parameters:?}");
        assert_eq!(consumer["OPENSEARCH_AUTH"], auth, "{parameters:?}");
        assert_eq!(consumer["QUARANTINE_QUEUE_URL"], "${QuarantineQueue}", "{parameters:?}");
        // Messages stay in their queue while a known OpenSearch is unavailable.
        let redrive = stack.variables("dlq-redrive");
        assert_eq!(redrive["REQUIRE_HEALTHY_ENDPOINT"], endpoint, "{parameters:?}");
        assert_eq!(redrive["OPENSEARCH_AUTH"], auth, "{parameters:?}");
    }
}

#[test]
fn the_consumer_names_indices_as_firehose_does() {
    for (rotation, pattern) in [
        ("NoRotation", "plays"),
        ("OneHour", "plays-%Y-%m-%d-%H"),
        ("OneDay", "plays-%Y-%m-%d"),
        ("OneWeek", "plays-%G-w%V"),
        ("OneMonth", "plays-%Y-%m"),
    ] {
        let stack = Stack::with(&[("IndexName", "plays"), ("IndexRotation", rotation)]);
        assert_eq!(stack.variables("sqs-consumer")["INDEX"], pattern, "{rotation}");
    }
}
