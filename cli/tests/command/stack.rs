//! `sluice doctor --stack` with an account in which the real templates are deployed.

mod aws;
mod faults;
mod lambda;
mod world;

use std::fs;

use serde_json::{Value, json};
use suite::stack::{BUCKET, COLLECTION, SECRET_ARN, VPC};
use testkit::Endpoint;

use super::support::{Finished, finish, sluice};
use faults::Fault;
use world::{HERE, World};

/// Alarms are sent by email and to Google Chat, objects are loaded, and OpenSearch has the same
/// address as all services.
const PARAMETERS: [(&str, &str); 4] = [
    ("AlarmEmail", "ops@example.com"),
    ("ChatSecretArn", SECRET_ARN),
    BUCKET,
    ("ConsumerEndpoint", HERE),
];

async fn doctor(aws: &Endpoint, arguments: &[&str]) -> Finished {
    let stack = ["doctor", "--stack", "sluice-dev"];
    let mut command = sluice(&[&stack, arguments].concat());
    command.env("AWS_ENDPOINT_URL", &aws.url).env("AWS_REGION", "eu-west-1");
    let finished = finish(command.spawn().unwrap()).await;
    assert!(!finished.stdout.contains("hush") && !finished.stderr.contains("hush"));
    finished
}

/// The severity, the check and the subject of each finding.
async fn findings(world: World, arguments: &[&str]) -> Vec<[String; 3]> {
    let aws = aws::start(world).await;
    let finished = doctor(&aws, &[arguments, &["--json"]].concat()).await;
    let report = finished.json();
    let findings = report["findings"].as_array().unwrap().iter().map(|finding| {
        let text = |name: &str| finding[name].as_str().unwrap().to_owned();
        assert!(!text("remedy").is_empty() && !text("problem").is_empty(), "{finding}");
        ["severity", "check", "subject"].map(text).map(|text| text.replace(&aws.url, "HERE"))
    });
    let findings: Vec<_> = findings.collect();
    let has_errors = findings.iter().any(|[severity, ..]| severity == "error");
    assert_eq!(finished.code, i32::from(has_errors), "{finished:?}");
    findings
}

#[tokio::test]
async fn nothing_is_found_in_the_template_as_it_is() {
    for more in [
        &[][..],
        &[("EventSource", "DirectPut"), ("RedriveSchedule", "ENABLED")],
        &[("AccountSubscription", "ENABLED"), ("DomainAdminArn", "arn:aws:iam::1:role/admin")],
        &VPC,
        &COLLECTION,
    ] {
        let found = findings(World::deploy(&[&PARAMETERS, more].concat()), &[]).await;
        assert_eq!(found, Vec::<[String; 3]>::new(), "{more:?}");
    }
}

/// Asserts that each fault alone is found, and nothing else.
async fn assert_found(faults: &[Fault]) {
    let mut missed = Vec::new();
    for (at, (parameters, fault, expected)) in faults.iter().enumerate() {
        let mut world = World::deploy(&[&PARAMETERS, *parameters].concat());
        fault(&mut world);
        let found = findings(world, &[]).await;
        let found: Vec<_> = found.iter().map(|finding| finding.join(" ")).collect();
        if found.join(", ") != *expected {
            missed.push(format!("fault {at}: {} instead of {expected}", found.join(", ")));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[tokio::test]
async fn faults_of_functions_and_queues_are_found() {
    assert_found(faults::FUNCTIONS).await;
}

#[tokio::test]
async fn faults_of_the_delivery_and_of_alarms_are_found() {
    assert_found(faults::DELIVERY).await;
}

#[tokio::test]
async fn faults_of_the_surroundings_are_found() {
    assert_found(faults::SURROUNDINGS).await;
}

/// Compares a report with several faults with `stack/report.json`.
#[tokio::test]
async fn the_report_is_stable() {
    let mut world = World::deploy(&[&PARAMETERS[..], &VPC].concat());
    world.stacks[0].status = "UPDATE_ROLLBACK_COMPLETE".to_owned();
    world.set("EventQueue", "/VisibilityTimeout", json!(30));
    world.set("SqsConsumerFunctionMessages", "/FunctionResponseTypes", json!([]));
    world.set("DeliveryLogGroup", "/RetentionInDays", Value::Null);
    world.set("AlertsEmail", "/Pending", json!(true));
    world.delete("BackupBucketPolicy");
    world.delete("IngestionAlarmsBackupSuccessAlarm");
    world.denied.insert("sqs:StartMessageMoveTask");
    world.refused.insert("DescribeDeliveryStream");
    world.endpoints = vec!["s3", "secretsmanager"];
    world.search.insert("/_cat/allocation", json!([{"disk.percent": "96"}]));
    let aws = aws::start(world).await;
    let finished = doctor(&aws, &["--json"]).await;
    let report = finished.stdout.replace(&aws.url, HERE);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/command/stack/report.json");
    assert_eq!(report, fs::read_to_string(path).unwrap());
    assert_eq!((finished.code, &*finished.stderr), (1, "error: 6 errors found\n"));
    let text = doctor(&aws, &[]).await.stdout;
    let (head, findings) = text.split_once("\n\n").unwrap();
    assert!(head.starts_with("stack         sluice-dev  UPDATE_ROLLBACK_COMPLETE, "), "{text}");
    let expected = "\
warning  log_retention: /aws/kinesisfirehose/sluice-dev
         The log never expires: its storage costs more every month.
         -> aws logs put-retention-policy --log-group-name /aws/kinesisfirehose/sluice-dev \
         --retention-in-days 30
";
    assert!(findings.contains(expected), "{text}");
}

#[tokio::test]
async fn what_may_not_be_read_is_reported_and_the_rest_is_checked() {
    let mut world = World::deploy(&PARAMETERS);
    world.set("EventQueue", "/VisibilityTimeout", json!(30));
    for operation in [
        "DescribeAlarms",
        "DescribeDeliveryStream",
        "DescribeLogGroups",
        "DescribeRule",
        "DescribeStreamSummary",
        "GetMetricStatistics",
        "GetSecretValue",
        "GetTemplate",
        "GetTopicAttributes",
        "ListSubscriptionsByTopic",
        "SimulatePrincipalPolicy",
    ] {
        world.refused.insert(operation);
    }
    let found = findings(world, &[]).await;
    let (errors, others) = found.split_at(1);
    assert_eq!(errors[0], ["error", "visibility_timeout", "sluice-dev-events"]);
    assert!(others.len() > 11, "{others:?}");
    assert!(others.iter().all(|[severity, check, _]| severity == "warning" && check == "not_read"));
}

#[tokio::test]
async fn a_stack_that_does_not_exist_is_an_error() {
    let aws = aws::start(World::deploy(&PARAMETERS)).await;
    let mut command = sluice(&["doctor", "--stack", "other"]);
    let command = command.env("AWS_ENDPOINT_URL", &aws.url).spawn().unwrap();
    finish(command).await.assert_error(1, "failed to read the stack other: ValidationError");
}

#[tokio::test]
async fn a_greeting_is_posted_on_demand() {
    for (arguments, status, expected, posts) in [
        (&[][..], 200, &[][..], 0),
        (&["--post"], 200, &[], 1),
        (&["--post"], 403, &["chat_post"], 1),
    ] {
        let mut world = World::deploy(&PARAMETERS);
        world.secret = Some(format!("{HERE}/spaces/A/messages?key=hush"));
        world.chat_status = status;
        let aws = aws::start(world).await;
        let report = doctor(&aws, &[arguments, &["--json"]].concat()).await.json();
        let found = report["findings"].as_array().unwrap().iter();
        assert_eq!(found.map(|it| it["check"].as_str().unwrap()).collect::<Vec<_>>(), expected);
        let calls = aws.calls();
        let posted: Vec<_> = calls.iter().filter(|call| call.path.starts_with("/spaces")).collect();
        assert_eq!(posted.len(), posts);
        for call in posted {
            assert!(call.json()["text"].as_str().unwrap().contains("sluice doctor"));
        }
    }
}
