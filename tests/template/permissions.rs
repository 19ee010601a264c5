//! Every statement that allows something: permissions are minimal.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use suite::permissions::{allowed, beside_its_log, expanded, statements};

use crate::stack::{
    BUCKET, DATA_CHECKS, DOMAIN_ARN, FUNCTION, KEY_ARN, PIPELINES, PREFECT, PROJECTS, READINGS,
    SECRET_ARN, STORE, STORE_VPC, STREAM_ARN, Stack, WAREHOUSE, WORKGROUP, list, referred, texts,
};

/// Statements that may contain `*`: the resource, or `*` for any, the statement and the reason.
const WILDCARDS: &[(&str, &str, &str)] = &[
    ("AlertsKey", "AccountAdministers", "KMS refuses a key that its account cannot administer"),
    ("AlertsKey", "AlarmsEncrypt", "in a key's policy, * is the key itself"),
    ("AlertsKey", "BillingEncrypts", "in a key's policy, * is the key itself"),
    ("CostReportPolicy", "ReadCosts", "Cost Explorer has no resources"),
    ("CostIdleResourcesPolicy", "ReadAccount", "it looks for what nobody knows of"),
    ("CostIdleResourcesPolicy", "ReadImageReferences", "what refers to an image is not known"),
    ("CostRightsizingPolicy", "ReadAccount", "it looks for what nobody knows of"),
    ("CostRightsizingPolicy", "FindSnapshots", "EC2 has no narrower resource for it"),
    ("CostParkingPolicy", "ReadAccount", "what has which tag is not known before it is read"),
    ("HealthLambdaMetricsPolicy", "ReadAccount", "IAM has no narrower resource for these"),
    ("HealthLambdaMetricsPolicy", "ReadTags", "IAM has no narrower resource for it"),
    ("WatchDataChecksPolicy", "ReadResults", "IAM has no narrower resource for it"),
    ("WatchWarehouseWatchPolicy", "ReadLastWait", "IAM has no narrower resource for it"),
    ("WatchWarehouseWatchPolicy", "FollowStatements", "statements have no resources, but owners"),
    ("*", "Trace", "X-Ray has no resources"),
    ("*", "ReachVpc", "AWS documents no narrower resource for network interfaces"),
    ("EventQueuePolicy", "OrganizationSends", "of all principals those of an organization"),
];

const ENDPOINT: (&str, &str) = ("ConsumerEndpoint", "http://127.0.0.1:9200");
const LOGS: &str = "arn:aws:logs:eu-west-1:123456789012:log-group:";

#[test]
fn no_statement_allows_any_action_or_any_resource() {
    for stack in Stack::variants() {
        for (resource, statement) in statements(&stack) {
            if statement["Effect"] == "Deny" {
                continue;
            }
            let sid = statement["Sid"].as_str().unwrap_or_default();
            let is_listed =
                |(name, id, _): &(&str, &str, &str)| [resource, "*"].contains(name) && *id == sid;
            if WILDCARDS.iter().any(is_listed) {
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
            assert!(!principal.contains("\"*\""), "{resource} allows every principal: {statement}");
        }
    }
}

#[test]
fn every_function_has_a_role_that_only_lambda_assumes_and_only_it_has() {
    for stack in Stack::variants() {
        let mut roles = BTreeSet::new();
        for (name, function) in stack.functions() {
            assert!(roles.insert(referred(&function["Role"])), "{name} shares its role");
            assert!(function["Policies"].is_null(), "{name} has policies beside its role");
        }
        for (name, role) in stack.of_type("AWS::IAM::Role") {
            let properties = &role["Properties"];
            // The operator decides what else data-checks may read.
            let managed = match name {
                "WatchDataChecksRole" => json!([DATA_CHECKS.1]),
                _ => Value::Null,
            };
            assert_eq!(properties["ManagedPolicyArns"], managed, "{name}: {properties}");
            let mut trust = json!([{
                "Effect": "Allow",
                "Principal": { "Service": "lambda.amazonaws.com" },
                "Action": "sts:AssumeRole",
            }]);
            if !roles.remove(name) {
                assert_eq!(name, "DeliveryRole", "a role without a function");
                trust[0]["Principal"]["Service"] = json!("firehose.amazonaws.com");
                trust[0]["Condition"] =
                    json!({ "StringEquals": { "aws:SourceAccount": "123456789012" } });
            }
            assert_eq!(properties["AssumeRolePolicyDocument"]["Statement"], trust, "{name}");
        }
        assert!(roles.is_empty(), "no such roles: {roles:?}");
    }
}

/// The permissions of a function, except writing its log, for a choice of parameters.
type Permissions<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn functions_have_exactly_the_permissions_that_they_need() {
    let (stream, key, domain) = (STREAM_ARN, KEY_ARN, DOMAIN_ARN);
    let put_to_stream = format!("kinesis:PutRecords on {stream}");
    let encrypt = format!("kms:GenerateDataKey on {key}@kinesis.eu-west-1.amazonaws.com");
    let put_to_firehose = "firehose:PutRecordBatch \
                           on arn:aws:firehose:eu-west-1:123456789012:deliverystream/sluice-dev";
    let consume = [
        "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage \
         on ${EventQueue.Arn}",
        "sqs:SendMessage on ${QuarantineQueue.Arn}",
    ];
    let write = format!("es:ESHttpPost on {domain}/_bulk");
    let find = format!("es:DescribeDomain on {domain}");
    let redrive = [
        "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage \
         on ${DeadLetterQueue.Arn} ${ParkingQueue.Arn} ${QuarantineQueue.Arn}",
        "sqs:CancelMessageMoveTask sqs:ListMessageMoveTasks sqs:StartMessageMoveTask \
         on ${DeadLetterQueue.Arn}",
        "sqs:GetQueueAttributes on ${EventQueue.Arn}",
        "sqs:SendMessage on ${EventQueue.Arn} ${ParkingQueue.Arn}",
    ];
    let read_lines = format!("logs:FilterLogEvents on {LOGS}/aws/lambda/sluice-dev-*");
    let notify = [
        read_lines.as_str(),
        "lambda:GetFunctionConfiguration \
         on arn:aws:lambda:eu-west-1:123456789012:function:sluice-dev-*",
        "cloudwatch:DescribeAlarmHistory \
         on arn:aws:cloudwatch:eu-west-1:123456789012:alarm:sluice-dev-*",
        "sqs:SendMessage on ${HealthAlertsDeadLetterQueue.Arn}",
    ];
    let read_secret = format!("secretsmanager:GetSecretValue on {SECRET_ARN}");
    let account = "cloudwatch:GetMetricData cloudwatch:ListMetrics lambda:GetAccountSettings lambda:ListFunctions on *";
    let functions = "lambda:GetFunctionConcurrency \
                     on arn:aws:lambda:eu-west-1:123456789012:function:";
    let (own, all) = (format!("{functions}sluice-dev-*"), format!("{functions}*"));
    let created_domain = [&consume[..], &["es:ESHttpPost on ${SearchDomain.Arn}/_bulk"]].concat();
    let ask_health = "es:ESHttpGet on ${SearchDomain.Arn}/_cluster/health";

    let existing_stream = ("ExistingStreamArn", stream);
    let existing_domain = ("ExistingDomainArn", domain);
    let cases: [Permissions<'_>; 15] = [
        ("firehose-transform", &[], &["kinesis:PutRecords on ${EventStream.Arn}"]),
        ("firehose-transform", &[existing_stream], &[&put_to_stream]),
        (
            "firehose-transform",
            &[existing_stream, ("ExistingStreamKeyArn", key)],
            &[&put_to_stream, &encrypt],
        ),
        ("firehose-transform", &[("EventSource", "DirectPut")], &[put_to_firehose]),
        ("sqs-consumer", &[], &created_domain),
        ("sqs-consumer", &[existing_domain], &[consume[0], consume[1], &write, &find]),
        ("sqs-consumer", &[existing_domain, ENDPOINT], &[consume[0], consume[1], &write]),
        ("dlq-redrive", &[], &[&redrive[..], &[ask_health]].concat()),
        // The endpoint of another domain is not known here.
        ("dlq-redrive", &[existing_domain], &redrive),
        ("dlq-redrive", &[ENDPOINT], &redrive),
        ("alert-notifier", &[], &notify),
        (
            "alert-notifier",
            &[("ChatSecretArn", SECRET_ARN)],
            &[&notify[..], &[&read_secret]].concat(),
        ),
        ("lambda-metrics", &[], &[account, &own]),
        ("lambda-metrics", &[("WatchedFunctionNames", "billing")], &[account, &all]),
        (
            "lambda-metrics",
            &[("WatchedFunctionTag", "team=music")],
            &[account, &all, "tag:GetResources on *"],
        ),
    ];
    for stack in Stack::variants() {
        for name in stack.functions().keys() {
            let known = cases.iter().any(|(function, ..)| function == name);
            // The first has only its log, the others a test below.
            let elsewhere = [
                "cost-report",
                "data-checks",
                "idle-resources",
                "log-metrics",
                "object-loader",
                "parking",
                "pipeline-alerts",
                "rightsizing",
                "sensor-points",
                "warehouse-watch",
            ]
            .contains(name);
            assert_ne!(known, elsewhere, "{name} has no permissions listed here");
        }
    }
    assert_eq!(beside_its_log(&Stack::default(), "log-metrics"), BTreeSet::new());
    for (name, parameters, expected) in cases {
        let found = beside_its_log(&Stack::with(parameters), name);
        assert_eq!(found, expanded(expected), "{name} with {parameters:?}");
    }
}

#[test]
fn object_loader_has_exactly_the_permissions_that_it_needs() {
    let always = [
        "s3:GetObject s3:GetObjectVersion on arn:aws:s3:::plays/* arn:aws:s3:::${BackupBucket}/*",
        // Without it, a missing object is forbidden.
        "s3:ListBucket on arn:aws:s3:::plays arn:aws:s3:::${BackupBucket}",
        "s3:PutObject on arn:aws:s3:::${BackupBucket}/object-loader-failed/*",
        "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage \
         sqs:SendMessage on ${ObjectsQueue.Arn}",
    ];
    let write = format!("es:ESHttpPost on {DOMAIN_ARN}/_bulk");
    let find = format!("es:DescribeDomain on {DOMAIN_ARN}");
    let decrypt = format!("kms:Decrypt on {KEY_ARN}@s3.eu-west-1.amazonaws.com");
    let created = "es:ESHttpPost on ${SearchDomain.Arn}/_bulk";
    let existing = ("ExistingDomainArn", DOMAIN_ARN);
    let cases: [(&[_], &[&str]); 4] = [
        (&[BUCKET], &[created]),
        (&[BUCKET, existing], &[&write, &find]),
        (&[BUCKET, existing, ENDPOINT], &[&write]),
        (&[BUCKET, ("ObjectKeyArn", KEY_ARN)], &[created, &decrypt]),
    ];
    for (parameters, more) in cases {
        let found = beside_its_log(&Stack::with(parameters), "object-loader");
        assert_eq!(found, expanded(&[&always[..], more].concat()), "{parameters:?}");
    }
}

#[test]
fn pipeline_alerts_has_exactly_the_permissions_that_it_needs() {
    let own = PIPELINES.1;
    let [own, api] = [own, SECRET_ARN].map(|arn| format!("secretsmanager:GetSecretValue on {arn}"));
    let decrypt = format!("kms:Decrypt on {KEY_ARN}@secretsmanager.eu-west-1.amazonaws.com");
    let publish = [
        "sns:Publish on ${AlertsTopic}",
        "kms:Decrypt kms:GenerateDataKey on ${AlertsKey.Arn}@sns.eu-west-1.amazonaws.com",
    ];
    let cases: [(&[_], &[&str]); 3] = [
        (&[], &[&own]),
        (&PREFECT, &[&own, &api]),
        (&[("PipelineAlertsSecretKeyArn", KEY_ARN)], &[&own, &decrypt]),
    ];
    for (parameters, more) in cases {
        let stack = Stack::with(&[&[PIPELINES], parameters].concat());
        let found = beside_its_log(&stack, "pipeline-alerts");
        assert_eq!(found, expanded(&[&publish[..], more].concat()), "{parameters:?}");
    }
}

#[test]
fn data_checks_has_exactly_the_permissions_that_it_needs_itself() {
    let parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter";
    let checks = |path: &str| format!("ssm:GetParametersByPath on {parameter}{path}");
    let secret = format!("secretsmanager:GetSecretValue on {SECRET_ARN}");
    let always = [
        "sns:Publish on ${AlertsTopic}",
        "kms:Decrypt kms:GenerateDataKey on ${AlertsKey.Arn}@sns.eu-west-1.amazonaws.com",
        "cloudwatch:GetMetricData on *",
    ];
    let cases: [(&[_], &[&str]); 3] = [
        (&[], &[&checks("/sluice-dev/checks")]),
        (&[("ChecksPath", "/music/checks")], &[&checks("/music/checks")]),
        (&[("GoogleCredentialsSecretArn", SECRET_ARN)], &[&checks("/sluice-dev/checks"), &secret]),
    ];
    for (parameters, more) in cases {
        let stack = Stack::with(&[&[DATA_CHECKS], parameters].concat());
        let found = beside_its_log(&stack, "data-checks");
        assert_eq!(found, expanded(&[&always[..], more].concat()), "{parameters:?}");
    }
}

#[test]
fn warehouse_watch_has_exactly_the_permissions_that_it_needs() {
    let always = [
        "sns:Publish on ${AlertsTopic}",
        "kms:Decrypt kms:GenerateDataKey on ${AlertsKey.Arn}@sns.eu-west-1.amazonaws.com",
        "cloudwatch:GetMetricData on *",
    ];
    let follow = "redshift-data:CancelStatement redshift-data:DescribeStatement \
                  redshift-data:GetStatementResult on *";
    let redshift = "arn:aws:redshift:eu-west-1:123456789012";
    let run = format!("redshift-data:ExecuteStatement on {redshift}:cluster:music");
    let role = format!("redshift:GetClusterCredentialsWithIAM on {redshift}:dbname:music/dev");
    let user = format!(
        "redshift:GetClusterCredentials on {redshift}:dbname:music/dev {redshift}:dbuser:music/ada"
    );
    let secret = format!("secretsmanager:GetSecretValue on {SECRET_ARN}");
    let workgroup = "redshift-data:ExecuteStatement redshift-serverless:GetCredentials \
                     on arn:aws:redshift-serverless:eu-west-1:123456789012:workgroup/c0ffee";
    let cluster = WAREHOUSE[0];
    let cases: [(&[_], &[&str]); 5] = [
        (&[cluster], &[&run, &role, follow]),
        (&[cluster, ("RedshiftDbUser", "ada")], &[&run, &user, follow]),
        (&[cluster, ("RedshiftSecretArn", SECRET_ARN)], &[&run, &secret, follow]),
        (&WORKGROUP, &[workgroup, follow]),
        (&PROJECTS, &[&secret]),
    ];
    for (parameters, more) in cases {
        let stack = Stack::with(parameters);
        let found = beside_its_log(&stack, "warehouse-watch");
        assert_eq!(found, expanded(&[&always[..], more].concat()), "{parameters:?}");
        for (_, statement) in statements(&stack) {
            if statement["Sid"] == "FollowStatements" {
                let owner = json!({"redshift-data:statement-owner-iam-userid": "${aws:userid}"});
                assert_eq!(statement["Condition"], json!({ "StringEquals": owner }));
            }
        }
    }
}

#[test]
fn sensor_points_has_exactly_the_permissions_that_it_needs() {
    let read = "kinesis:DescribeStream kinesis:DescribeStreamSummary kinesis:GetRecords \
                kinesis:GetShardIterator kinesis:ListShards on";
    let (created, existing) =
        (format!("{read} ${{SensorsStream.Arn}}"), format!("{read} {}", READINGS.1));
    let always = [
        "sqs:SendMessage on ${QuarantineQueue.Arn}",
        "s3:PutObject on arn:aws:s3:::${BackupBucket}/*",
        "s3:ListBucket on arn:aws:s3:::${BackupBucket}",
    ];
    let secret = format!("secretsmanager:GetSecretValue on {SECRET_ARN}");
    let network = "ec2:CreateNetworkInterface ec2:DeleteNetworkInterface \
                   ec2:DescribeNetworkInterfaces on *";
    let subscribe = "kinesis:SubscribeToShard on ${SensorsConsumer.ConsumerARN}";
    let cases: [(&[_], &[&str]); 5] = [
        (&[STORE], &[&created]),
        (&[STORE, READINGS], &[&existing]),
        (&[STORE, ("SensorFanOut", "on")], &[&created, subscribe]),
        (&[STORE, ("SensorSecretArn", SECRET_ARN)], &[&created, &secret]),
        (&[STORE, STORE_VPC[0], STORE_VPC[1]], &[&created, network]),
    ];
    for (parameters, more) in cases {
        let found = beside_its_log(&Stack::with(parameters), "sensor-points");
        assert_eq!(found, expanded(&[&always[..], more].concat()), "{parameters:?}");
    }
}

#[test]
fn permissions_exist_before_lambda_checks_them() {
    // Without them, Lambda rejects an event source mapping and a failure destination.
    let stack = Stack::complete();
    for (name, function) in stack.of_type(FUNCTION) {
        if name == "HealthLogMetricsFunction" {
            continue;
        }
        let policy = stack.resource(function["DependsOn"].as_str().unwrap());
        assert_eq!(policy["Type"], "AWS::IAM::Policy", "{name}");
        let role = referred(&policy["Properties"]["Roles"][0]);
        assert_eq!(role, referred(&function["Properties"]["Role"]), "{name}");
    }
}

#[test]
fn the_delivery_has_the_permissions_that_aws_documents() {
    let read = "kinesis:DescribeStream kinesis:GetRecords kinesis:GetShardIterator \
                kinesis:ListShards on";
    let existing: &[(&str, &str)] = &[
        ("ExistingStreamArn", STREAM_ARN),
        ("ExistingStreamKeyArn", KEY_ARN),
        ("ExistingDomainArn", DOMAIN_ARN),
    ];
    for (parameters, source, domain) in [
        (&[][..], vec![format!("{read} ${{EventStream.Arn}}")], "${SearchDomain.Arn}"),
        (
            existing,
            vec![
                format!("{read} {STREAM_ARN}"),
                format!("kms:Decrypt on {KEY_ARN}@kinesis.eu-west-1.amazonaws.com"),
            ],
            DOMAIN_ARN,
        ),
        (&[("EventSource", "DirectPut")], vec![], "${SearchDomain.Arn}"),
    ] {
        let everything = [
            "es:DescribeDomain es:DescribeDomainConfig es:DescribeDomains es:ESHttpPost \
             es:ESHttpPut on DOMAIN DOMAIN/*",
            "es:ESHttpGet on DOMAIN/_all/_settings DOMAIN/_cluster/stats DOMAIN/_nodes \
             DOMAIN/_nodes/*/stats DOMAIN/_nodes/stats DOMAIN/_stats \
             DOMAIN/music-events*/_mapping* DOMAIN/music-events*/_stats",
            "lambda:GetFunctionConfiguration lambda:InvokeFunction \
             on ${FirehoseTransformFunction.Arn} ${FirehoseTransformFunction.Arn}:$LATEST",
            "logs:PutLogEvents on LOGS${DeliveryLogGroup}:log-stream:${DestinationLogStream} \
             LOGS${DeliveryLogGroup}:log-stream:${BackupLogStream}",
            "s3:GetBucketLocation s3:ListBucket s3:ListBucketMultipartUploads \
             on ${BackupBucket.Arn}",
            "s3:AbortMultipartUpload s3:GetObject s3:PutObject on ${BackupBucket.Arn}/*",
        ]
        .map(|line| line.replace("DOMAIN", domain).replace("LOGS", LOGS));
        let lines: Vec<&str> = everything.iter().chain(&source).map(String::as_str).collect();
        let found = allowed(&Stack::with(parameters), "DeliveryRole");
        assert_eq!(found, expanded(&lines), "{parameters:?}");
    }
}

#[test]
fn the_domain_allows_only_the_roles_of_the_stack_and_its_administrator() {
    let admin = "arn:aws:iam::123456789012:role/admin";
    let [delivery, consumer, redrive] =
        ["${DeliveryRole.Arn}", "${SqsConsumerRole.Arn}", "${DlqRedriveRole.Arn}"];
    for (parameters, expected) in [
        (&[][..], vec![delivery, consumer, redrive]),
        (&[("DomainAdminArn", admin)], vec![delivery, consumer, redrive, admin]),
        (&[BUCKET], vec![delivery, consumer, "${ObjectLoaderRole.Arn}", redrive]),
    ] {
        let stack = Stack::with(parameters);
        let policy = &stack.properties("SearchDomain")["AccessPolicies"];
        let admitted = list(&policy["Statement"]).into_iter();
        let admitted: Vec<_> =
            admitted.flat_map(|statement| texts(&statement["Principal"]["AWS"])).collect();
        assert_eq!(admitted, expected);
    }
    assert!(!Stack::with(&[("ExistingDomainArn", DOMAIN_ARN)]).has("SearchDomain"));
}
