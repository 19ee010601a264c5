//! The queues and who reads them: nothing is lost between a sender and OpenSearch.

use serde_json::{Value, json};

use crate::stack::{DOMAIN_ARN, Stack, TOPIC_ARN, list, object, template};

const QUEUE: &str = "AWS::SQS::Queue";
/// Every queue of the stack.
const QUEUES: [&str; 5] =
    ["AlertsDeadLetterQueue", "DeadLetterQueue", "EventQueue", "ParkingQueue", "QuarantineQueue"];

/// The event source mapping of sqs-consumer.
fn mapping(stack: &Stack) -> &Value {
    let events = &stack.properties("SqsConsumerFunction")["Events"];
    assert_eq!(object(events).len(), 1, "{events}");
    assert_eq!(events["Messages"]["Type"], "SQS");
    &events["Messages"]["Properties"]
}

#[test]
fn every_queue_keeps_messages_for_14_days_and_encrypts_them() {
    for stack in Stack::variants() {
        let names: Vec<_> = stack.of_type(QUEUE).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, QUEUES);
        for (name, queue) in stack.of_type(QUEUE) {
            let properties = &queue["Properties"];
            assert_eq!(properties["MessageRetentionPeriod"], 1_209_600, "{name}");
            assert_eq!(properties["SqsManagedSseEnabled"], true, "{name}");
            // Any of these would delay a message, or make the queue one of another kind.
            for other in ["DelaySeconds", "FifoQueue", "KmsMasterKeyId"] {
                assert!(properties[other].is_null(), "{name} has {other}");
            }
        }
    }
}

#[test]
fn queues_are_not_deleted_with_the_stack_nor_by_an_update() {
    let stack = Stack::default();
    for name in
        QUEUES.map(str::to_owned).into_iter().chain(QUEUES.map(|name| name.to_owned() + "Policy"))
    {
        let resource = stack.resource(&name);
        assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
    }
    // A queue with a fixed name is never replaced: the update fails instead.
    let names = QUEUES.map(|name| stack.properties(name)["QueueName"].as_str().unwrap());
    assert_eq!(
        names,
        [
            "sluice-dev-alerts-dlq",
            "sluice-dev-events-dlq",
            "sluice-dev-events",
            "sluice-dev-parking",
            "sluice-dev-quarantine"
        ]
    );
}

#[test]
fn queues_refuse_requests_without_tls() {
    for stack in Stack::variants() {
        for name in QUEUES {
            let policy = stack.properties(&format!("{name}Policy"));
            assert_eq!(policy["Queues"], json!([format!("${{{name}}}")]));
            assert_eq!(
                policy["PolicyDocument"]["Statement"][0],
                json!({
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sqs:*",
                    "Resource": format!("${{{name}.Arn}}"),
                    "Condition": { "Bool": { "aws:SecureTransport": "false" } },
                })
            );
        }
    }
}

#[test]
fn only_the_given_topic_or_rule_is_let_in_to_send() {
    let admitted = |stack: &Stack, name: &str| -> Vec<Value> {
        let document = &stack.properties(&format!("{name}Policy"))["PolicyDocument"];
        list(&document["Statement"]).into_iter().skip(1).cloned().collect()
    };
    let alerts = json!({
        "Sid": "TopicSends",
        "Effect": "Allow",
        "Principal": { "Service": "sns.amazonaws.com" },
        "Action": "sqs:SendMessage",
        "Resource": "${AlertsDeadLetterQueue.Arn}",
        "Condition": { "ArnEquals": { "aws:SourceArn": "${AlertsTopic}" } },
    });
    let always = |name| if name == "AlertsDeadLetterQueue" { vec![alerts.clone()] } else { vec![] };
    for name in QUEUES {
        assert_eq!(admitted(&Stack::default(), name), always(name), "{name}");
    }
    let stack = Stack::with(&[("QueueSenderArn", TOPIC_ARN)]);
    for name in QUEUES {
        let expected = json!({
            "Sid": "SenderSends",
            "Effect": "Allow",
            "Principal": { "Service": ["events.amazonaws.com", "sns.amazonaws.com"] },
            "Action": "sqs:SendMessage",
            "Resource": "${EventQueue.Arn}",
            "Condition": { "ArnEquals": { "aws:SourceArn": TOPIC_ARN } },
        });
        let expected = if name == "EventQueue" { vec![expected] } else { always(name) };
        assert_eq!(admitted(&stack, name), expected, "{name}");
    }
}

#[test]
fn what_fails_three_times_goes_to_the_dead_letter_queue() {
    let stack = Stack::default();
    let queue = stack.properties("EventQueue");
    assert_eq!(
        queue["RedrivePolicy"],
        json!({ "deadLetterTargetArn": "${DeadLetterQueue.Arn}", "maxReceiveCount": 3 })
    );
    let other = Stack::with(&[("MaxReceiveCount", "5")]);
    assert_eq!(other.properties("EventQueue")["RedrivePolicy"]["maxReceiveCount"], "5");
    // There it must not expire sooner.
    let retention = |name: &str| stack.properties(name)["MessageRetentionPeriod"].as_u64().unwrap();
    assert!(retention("DeadLetterQueue") >= retention("EventQueue"));
    // And from there it goes nowhere by itself.
    for name in ["AlertsDeadLetterQueue", "DeadLetterQueue", "ParkingQueue", "QuarantineQueue"] {
        assert!(stack.properties(name)["RedrivePolicy"].is_null(), "{name}");
    }
}

#[test]
fn no_other_queue_can_use_these_for_its_dead_letters() {
    let stack = Stack::default();
    let name = stack.properties("EventQueue")["QueueName"].as_str().unwrap();
    assert_eq!(
        stack.properties("DeadLetterQueue")["RedriveAllowPolicy"],
        json!({
            "redrivePermission": "byQueue",
            "sourceQueueArns": [format!("arn:aws:sqs:eu-west-1:123456789012:{name}")],
        })
    );
    for name in ["AlertsDeadLetterQueue", "ParkingQueue", "QuarantineQueue"] {
        assert_eq!(
            stack.properties(name)["RedriveAllowPolicy"],
            json!({ "redrivePermission": "denyAll" }),
            "{name}"
        );
    }
}

#[test]
fn a_message_stays_hidden_while_it_is_worked_on() {
    let stack = Stack::default();
    let visibility_s = stack.properties("EventQueue")["VisibilityTimeout"].as_u64().unwrap();
    let timeout_s = stack.properties("SqsConsumerFunction")["Timeout"].as_u64().unwrap();
    let longest_window = &template()["Parameters"]["ConsumerBatchSeconds"]["MaxValue"];
    let least = 6 * timeout_s + longest_window.as_u64().unwrap();
    assert!(visibility_s >= least, "{visibility_s} s are less than {least} s");
    // Messages of an invocation that died come again within minutes.
    assert!(visibility_s <= 900, "{visibility_s} s");
}

#[test]
fn the_consumer_reports_which_messages_failed() {
    for stack in Stack::variants() {
        let mapping = mapping(&stack);
        assert_eq!(mapping["Queue"], "${EventQueue.Arn}");
        assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
        // Lambda deletes what a filter does not match.
        assert!(mapping["FilterCriteria"].is_null());
        assert_ne!(mapping["Enabled"], false);
    }
}

#[test]
fn batches_and_concurrency_are_the_parameters() {
    let stack = Stack::default();
    let default = mapping(&stack);
    assert_eq!(default["BatchSize"], 1000);
    assert_eq!(default["MaximumBatchingWindowInSeconds"], 5);
    assert_eq!(default["ScalingConfig"], json!({ "MaximumConcurrency": 10 }));
    let stack = Stack::with(&[
        ("ConsumerBatchSize", "20"),
        ("ConsumerBatchSeconds", "7"),
        ("ConsumerMaxConcurrency", "30"),
    ]);
    let changed = mapping(&stack);
    assert_eq!(changed["BatchSize"], "20");
    assert_eq!(changed["MaximumBatchingWindowInSeconds"], "7");
    assert_eq!(changed["ScalingConfig"], json!({ "MaximumConcurrency": "30" }));
}

#[test]
fn parameters_stay_within_the_limits_of_lambda_and_sqs() {
    for (name, min, max) in [
        ("MaxReceiveCount", 1, 1000),
        ("ConsumerBatchSize", 1, 10_000),
        ("ConsumerMaxConcurrency", 2, 1000),
    ] {
        let parameter = &template()["Parameters"][name];
        assert_eq!((&parameter["MinValue"], &parameter["MaxValue"]), (&json!(min), &json!(max)));
    }
    // Batches of more than ten messages need a window.
    assert_eq!(template()["Parameters"]["ConsumerBatchSeconds"]["MinValue"], 1);
}

#[test]
fn the_consumer_writes_to_the_domain_or_to_the_given_endpoint() {
    let created = Value::from("https://${SearchDomain.DomainEndpoint}");
    let local = "http://127.0.0.1:9200";
    for (parameters, endpoint, domain, auth) in [
        (&[][..], created, Value::Null, "sigv4"),
        (&[("ExistingDomainArn", DOMAIN_ARN)], Value::Null, "search".into(), "sigv4"),
        (&[("ConsumerEndpoint", local)], local.into(), Value::Null, "none"),
        (
            &[("ConsumerEndpoint", local), ("ExistingDomainArn", DOMAIN_ARN)],
            local.into(),
            Value::Null,
            "none",
        ),
    ] {
        let stack = Stack::with(parameters);
        let variables = &stack.properties("SqsConsumerFunction")["Environment"]["Variables"];
        assert_eq!(variables["OPENSEARCH_ENDPOINT"], endpoint, "{parameters:?}");
        assert_eq!(variables["OPENSEARCH_DOMAIN"], domain, "{parameters:?}");
        assert_eq!(variables["OPENSEARCH_AUTH"], auth, "{parameters:?}");
        assert_eq!(variables["QUARANTINE_QUEUE_URL"], "${QuarantineQueue}", "{parameters:?}");
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
        let variables = &stack.properties("SqsConsumerFunction")["Environment"]["Variables"];
        assert_eq!(variables["INDEX"], pattern, "{rotation}");
    }
}

#[test]
fn nothing_is_moved_back_while_the_opensearch_that_is_known_is_away() {
    let created = Value::from("https://${SearchDomain.DomainEndpoint}");
    let local = "http://127.0.0.1:9200";
    for (parameters, endpoint, auth) in [
        (&[][..], created, "sigv4"),
        (&[("ExistingDomainArn", DOMAIN_ARN)], Value::Null, "sigv4"),
        (&[("ConsumerEndpoint", local)], local.into(), "none"),
    ] {
        let stack = Stack::with(parameters);
        let variables = &stack.properties("DlqRedriveFunction")["Environment"]["Variables"];
        assert_eq!(variables["REQUIRE_HEALTHY_ENDPOINT"], endpoint, "{parameters:?}");
        assert_eq!(variables["OPENSEARCH_AUTH"], auth, "{parameters:?}");
    }
}
