//! Nobody may do more than it must: every statement that allows something.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::stack::{DOMAIN_ARN, FUNCTION, KEY_ARN, SECRET_ARN, STREAM_ARN, Stack, list, texts};

/// Statements that may say `*`: the resource, the statement and why.
const WILDCARDS: [(&str, &str, &str); 4] = [
    ("AlertsKey", "AccountAdministers", "KMS refuses a key that its account cannot administer"),
    ("AlertsKey", "AlarmsEncrypt", "in a key's policy, * is the key itself"),
    ("LambdaMetricsRole", "ReadAccount", "IAM knows no narrower resource for these"),
    ("LambdaMetricsRole", "ReadTags", "IAM knows no narrower resource for it"),
];

const DELIVERY_STREAM_ARN: &str =
    "arn:aws:firehose:eu-west-1:123456789012:deliverystream/sluice-dev";

/// Every statement of a policy in the stack, with the resource that holds it.
fn statements(stack: &Stack) -> Vec<(&str, &Value)> {
    let mut found = Vec::new();
    for (name, resource) in stack.resources() {
        let properties = &resource["Properties"];
        let documents = [
            &properties["PolicyDocument"],
            &properties["KeyPolicy"],
            &properties["AccessPolicies"],
            &properties["AssumeRolePolicyDocument"],
        ];
        let inline = list(&properties["Policies"]);
        let inline = inline.iter().map(|policy| &policy["PolicyDocument"]);
        for document in documents.into_iter().chain(inline) {
            found.extend(list(&document["Statement"]).into_iter().map(|each| (name, each)));
        }
    }
    found
}

/// What the role of this name may do: each action with the resources it is allowed on.
fn allowed<'a>(stack: &'a Stack, role: &str) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let reference = format!("${{{role}}}");
    let mut actions: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (name, statement) in statements(stack) {
        let attached = stack.properties(name)["Roles"].as_array();
        let of_role =
            name == role || attached.is_some_and(|roles| roles.contains(&json!(reference)));
        if of_role && statement["Principal"].is_null() {
            assert_eq!(statement["Effect"], "Allow");
            for action in texts(&statement["Action"]) {
                actions.entry(action).or_default().extend(texts(&statement["Resource"]));
            }
        }
    }
    actions
}

fn table<'a>(rows: &[(&'a str, &[&'a str])]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    rows.iter().map(|(action, on)| (*action, on.iter().copied().collect())).collect()
}

#[test]
fn no_statement_allows_any_action_or_any_resource() {
    for stack in Stack::variants() {
        for (resource, statement) in statements(&stack) {
            if statement["Effect"] == "Deny" {
                continue;
            }
            let sid = statement["Sid"].as_str().unwrap_or_default();
            if WILDCARDS.iter().any(|(name, id, _)| (*name, *id) == (resource, sid)) {
                continue;
            }
            for name in ["NotAction", "NotResource", "NotPrincipal"] {
                assert!(statement[name].is_null(), "{resource} has {name}: {statement}");
            }
            for action in texts(&statement["Action"]) {
                assert!(!action.contains('*'), "{resource} allows {action}");
            }
            for on in texts(&statement["Resource"]) {
                assert!(!on.starts_with('*') && on != "arn:*", "{resource} allows it on {on}");
            }
            let principal = statement["Principal"].to_string();
            assert!(!principal.contains("\"*\""), "{resource} lets everybody in: {statement}");
        }
    }
}

#[test]
fn every_function_has_a_role_of_its_own_and_nothing_beside_it() {
    for stack in Stack::variants() {
        let mut roles = BTreeSet::new();
        for (name, function) in stack.of_type(FUNCTION) {
            let properties = &function["Properties"];
            let role = properties["Role"].as_str().unwrap();
            assert!(roles.insert(role.to_owned()), "{name} shares its role {role}");
            assert!(properties["Policies"].is_null(), "{name} has policies beside its role");
        }
        for (name, role) in stack.of_type("AWS::IAM::Role") {
            let managed = &role["Properties"]["ManagedPolicyArns"];
            assert!(managed.is_null(), "{name} has more than it needs from {managed}");
        }
    }
}

#[test]
fn roles_trust_their_service_only() {
    let trust = |role: &str| {
        let stack = Stack::default();
        let statements = &stack.properties(role)["AssumeRolePolicyDocument"]["Statement"];
        statements.clone()
    };
    assert_eq!(
        trust("DeliveryRole"),
        json!([{
            "Effect": "Allow",
            "Principal": { "Service": "firehose.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": "123456789012" } },
        }])
    );
    for role in [
        "AlertNotifierRole",
        "DlqRedriveRole",
        "FirehoseTransformRole",
        "LambdaMetricsRole",
        "LogMetricsRole",
        "SqsConsumerRole",
    ] {
        assert_eq!(
            trust(role),
            json!([{
                "Effect": "Allow",
                "Principal": { "Service": "lambda.amazonaws.com" },
                "Action": "sts:AssumeRole",
            }]),
            "{role}"
        );
    }
}

#[test]
fn alert_notifier_may_read_what_it_shows_and_keep_alerts_and_nothing_else() {
    let log_group: &[&str] = &["${AlertNotifierLogGroup.Arn}"];
    let own_groups = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/sluice-dev-*";
    let own_alarms = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:sluice-dev-*";
    let expected = table(&[
        ("cloudwatch:DescribeAlarmHistory", &[own_alarms]),
        ("logs:CreateLogStream", log_group),
        ("logs:FilterLogEvents", &[own_groups]),
        ("logs:PutLogEvents", log_group),
        ("sqs:SendMessage", &["${AlertsDeadLetterQueue.Arn}"]),
    ]);
    let secret: &[(&str, &[&str])] = &[("secretsmanager:GetSecretValue", &[SECRET_ARN])];
    for (parameters, secret) in [(&[][..], &[][..]), (&[("ChatSecretArn", SECRET_ARN)], secret)] {
        let stack = Stack::with(parameters);
        assert_eq!(stack.properties("AlertNotifierFunction")["Role"], "${AlertNotifierRole.Arn}");
        let expected = expected.clone().into_iter().chain(table(secret)).collect();
        assert_eq!(allowed(&stack, "AlertNotifierRole"), expected, "{parameters:?}");
    }
}

#[test]
fn firehose_transform_may_log_and_put_back_and_nothing_else() {
    let log_group: &[&str] = &["${FirehoseTransformLogGroup.Arn}"];
    let logs = [("logs:CreateLogStream", log_group), ("logs:PutLogEvents", log_group)];
    for (parameters, put_back) in [
        (&[][..], &[("kinesis:PutRecords", &["${EventStream.Arn}"][..])][..]),
        (&[("ExistingStreamArn", STREAM_ARN)], &[("kinesis:PutRecords", &[STREAM_ARN])]),
        (
            &[("ExistingStreamArn", STREAM_ARN), ("ExistingStreamKeyArn", KEY_ARN)],
            &[("kinesis:PutRecords", &[STREAM_ARN]), ("kms:GenerateDataKey", &[KEY_ARN])],
        ),
        (&[("EventSource", "DirectPut")], &[("firehose:PutRecordBatch", &[DELIVERY_STREAM_ARN])]),
    ] {
        let stack = Stack::with(parameters);
        let role = &stack.properties("FirehoseTransformFunction")["Role"];
        assert_eq!(role, "${FirehoseTransformRole.Arn}");
        assert_eq!(
            allowed(&stack, "FirehoseTransformRole"),
            table(&[&logs, put_back].concat()),
            "{parameters:?}"
        );
    }
    // The name in the permission is the delivery stream's.
    let stack = Stack::default();
    let name = stack.properties("DeliveryStream")["DeliveryStreamName"].as_str().unwrap();
    assert!(DELIVERY_STREAM_ARN.ends_with(&format!("/{name}")), "{name}");
}

#[test]
fn sqs_consumer_may_consume_write_and_quarantine_and_nothing_else() {
    let log_group: &[&str] = &["${SqsConsumerLogGroup.Arn}"];
    let queue: &[&str] = &["${EventQueue.Arn}"];
    let both = [
        ("logs:CreateLogStream", log_group),
        ("logs:PutLogEvents", log_group),
        ("sqs:ChangeMessageVisibility", queue),
        ("sqs:DeleteMessage", queue),
        ("sqs:GetQueueAttributes", queue),
        ("sqs:ReceiveMessage", queue),
        ("sqs:SendMessage", &["${QuarantineQueue.Arn}"]),
    ];
    let bulk = format!("{DOMAIN_ARN}/_bulk");
    for (parameters, domain) in [
        (&[][..], &[("es:ESHttpPost", &["${SearchDomain.Arn}/_bulk"][..])][..]),
        (
            &[("ExistingDomainArn", DOMAIN_ARN)],
            &[("es:ESHttpPost", &[bulk.as_str()]), ("es:DescribeDomain", &[DOMAIN_ARN])],
        ),
        (
            &[("ExistingDomainArn", DOMAIN_ARN), ("ConsumerEndpoint", "http://127.0.0.1:9200")],
            &[("es:ESHttpPost", &[bulk.as_str()])],
        ),
    ] {
        let stack = Stack::with(parameters);
        let role = &stack.properties("SqsConsumerFunction")["Role"];
        assert_eq!(role, "${SqsConsumerRole.Arn}");
        assert_eq!(allowed(&stack, "SqsConsumerRole"), table(&[&both, domain].concat()));
    }
}

#[test]
fn dlq_redrive_may_empty_queues_of_failures_and_send_back_and_nothing_else() {
    let log_group: &[&str] = &["${DlqRedriveLogGroup.Arn}"];
    let dlq: &[&str] = &["${DeadLetterQueue.Arn}"];
    let sources: &[&str] =
        &["${DeadLetterQueue.Arn}", "${ParkingQueue.Arn}", "${QuarantineQueue.Arn}"];
    let expected = table(&[
        ("logs:CreateLogStream", log_group),
        ("logs:PutLogEvents", log_group),
        ("sqs:CancelMessageMoveTask", dlq),
        ("sqs:ChangeMessageVisibility", sources),
        ("sqs:DeleteMessage", sources),
        ("sqs:GetQueueAttributes", &[sources, &["${EventQueue.Arn}"]].concat()),
        ("sqs:ListMessageMoveTasks", dlq),
        ("sqs:ReceiveMessage", sources),
        ("sqs:SendMessage", &["${EventQueue.Arn}", "${ParkingQueue.Arn}"]),
        ("sqs:StartMessageMoveTask", dlq),
    ]);
    let health: &[(&str, &[&str])] = &[("es:ESHttpGet", &["${SearchDomain.Arn}/_cluster/health"])];
    for (parameters, health) in [
        (&[][..], health),
        // Without a domain of its own there is none to ask.
        (&[("ExistingDomainArn", DOMAIN_ARN)], &[]),
        (&[("ConsumerEndpoint", "http://127.0.0.1:9200")], &[]),
    ] {
        let stack = Stack::with(parameters);
        assert_eq!(stack.properties("DlqRedriveFunction")["Role"], "${DlqRedriveRole.Arn}");
        let expected = expected.clone().into_iter().chain(table(health)).collect();
        assert_eq!(allowed(&stack, "DlqRedriveRole"), expected, "{parameters:?}");
    }
}

#[test]
fn lambda_metrics_may_read_what_it_watches_and_nothing_else() {
    const FUNCTIONS: &str = "arn:aws:lambda:eu-west-1:123456789012:function:";
    let log_group: &[&str] = &["${LambdaMetricsLogGroup.Arn}"];
    let own = format!("{FUNCTIONS}sluice-dev-*");
    let all = format!("{FUNCTIONS}*");
    for (parameters, functions, tags) in [
        (&[][..], &own, false),
        (&[("WatchedFunctionNames", "billing")], &all, false),
        (&[("WatchedFunctionTag", "team=music")], &all, true),
    ] {
        let stack = Stack::with(parameters);
        assert_eq!(stack.properties("LambdaMetricsFunction")["Role"], "${LambdaMetricsRole.Arn}");
        let mut expected = table(&[
            ("cloudwatch:GetMetricData", &["*"]),
            ("lambda:GetAccountSettings", &["*"]),
            ("lambda:GetFunctionConcurrency", &[functions]),
            ("lambda:ListFunctions", &["*"]),
            ("logs:CreateLogStream", log_group),
            ("logs:PutLogEvents", log_group),
        ]);
        if tags {
            expected.extend(table(&[("tag:GetResources", &["*"])]));
        }
        assert_eq!(allowed(&stack, "LambdaMetricsRole"), expected, "{parameters:?}");
    }
}

#[test]
fn log_metrics_may_log_and_nothing_else() {
    let log_group: &[&str] = &["${LogMetricsLogGroup.Arn}"];
    let expected = table(&[("logs:CreateLogStream", log_group), ("logs:PutLogEvents", log_group)]);
    for stack in Stack::variants() {
        assert_eq!(stack.properties("LogMetricsFunction")["Role"], "${LogMetricsRole.Arn}");
        assert_eq!(allowed(&stack, "LogMetricsRole"), expected);
    }
}

#[test]
fn the_delivery_may_do_what_aws_documents_on_its_own_resources() {
    for (parameters, stream, key, domain) in [
        (&[][..], Some("${EventStream.Arn}"), None, "${SearchDomain.Arn}"),
        (
            &[
                ("ExistingStreamArn", STREAM_ARN),
                ("ExistingStreamKeyArn", KEY_ARN),
                ("ExistingDomainArn", DOMAIN_ARN),
            ],
            Some(STREAM_ARN),
            Some(KEY_ARN),
            DOMAIN_ARN,
        ),
        (&[("EventSource", "DirectPut")], None, None, "${SearchDomain.Arn}"),
    ] {
        let stack = Stack::with(parameters);
        let function =
            ["${FirehoseTransformFunction.Arn}", "${FirehoseTransformFunction.Arn}:$LATEST"];
        let below = |path: &str| format!("{domain}/{path}");
        let everything = below("*");
        let write = [domain, everything.as_str()];
        let watched = [
            "_all/_settings",
            "_cluster/stats",
            "_nodes",
            "_nodes/*/stats",
            "_nodes/stats",
            "_stats",
            "music-events*/_mapping*",
            "music-events*/_stats",
        ]
        .map(below);
        let watched = watched.each_ref().map(String::as_str);
        let group = "arn:aws:logs:eu-west-1:123456789012:log-group:${DeliveryLogGroup}:log-stream:";
        let log_streams = ["${DestinationLogStream}", "${BackupLogStream}"];
        let log_streams = log_streams.map(|name| format!("{group}{name}"));
        let log_streams = log_streams.each_ref().map(String::as_str);
        let mut expected = table(&[
            ("es:DescribeDomain", &write),
            ("es:DescribeDomainConfig", &write),
            ("es:DescribeDomains", &write),
            ("es:ESHttpGet", &watched),
            ("es:ESHttpPost", &write),
            ("es:ESHttpPut", &write),
            ("lambda:GetFunctionConfiguration", &function),
            ("lambda:InvokeFunction", &function),
            ("logs:PutLogEvents", &log_streams),
            ("s3:AbortMultipartUpload", &["${BackupBucket.Arn}/*"]),
            ("s3:GetBucketLocation", &["${BackupBucket.Arn}"]),
            ("s3:GetObject", &["${BackupBucket.Arn}/*"]),
            ("s3:ListBucket", &["${BackupBucket.Arn}"]),
            ("s3:ListBucketMultipartUploads", &["${BackupBucket.Arn}"]),
            ("s3:PutObject", &["${BackupBucket.Arn}/*"]),
        ]);
        if let Some(stream) = stream {
            for action in [
                "kinesis:DescribeStream",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ] {
                expected.insert(action, BTreeSet::from([stream]));
            }
        }
        if let Some(key) = key {
            expected.insert("kms:Decrypt", BTreeSet::from([key]));
        }
        assert_eq!(allowed(&stack, "DeliveryRole"), expected, "{parameters:?}");
    }
}

#[test]
fn the_domain_admits_the_delivery_and_its_administrator_only() {
    let admitted = |parameters| -> Vec<String> {
        let stack = Stack::with(parameters);
        let policy = &stack.properties("SearchDomain")["AccessPolicies"];
        list(&policy["Statement"])
            .iter()
            .flat_map(|statement| texts(&statement["Principal"]["AWS"]))
            .map(str::to_owned)
            .collect()
    };
    let own = ["${DeliveryRole.Arn}", "${SqsConsumerRole.Arn}", "${DlqRedriveRole.Arn}"];
    assert_eq!(admitted(&[]), own);
    let admin = "arn:aws:iam::123456789012:role/admin";
    let with_admin = admitted(&[("DomainAdminArn", admin)]);
    assert_eq!(with_admin, [&own[..], &[admin]].concat());
    assert!(!Stack::with(&[("ExistingDomainArn", DOMAIN_ARN)]).has("SearchDomain"));
}
