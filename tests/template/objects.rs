//! Objects in S3: what is reported to object-loader, and its settings.

use serde_json::{Value, json};
use shared::config::Environment;

use crate::stack::{BUCKET, Stack, object};

#[test]
fn a_stack_without_a_bucket_loads_no_objects() {
    let stack = Stack::default();
    let of_objects = |(name, _): &(&str, &Value)| name.starts_with("Object");
    assert_eq!(stack.resources().chain(stack.outputs()).find(of_objects), None);
    assert!(Stack::complete().resources().filter(of_objects).count() >= 15);
}

#[test]
fn new_objects_below_the_prefix_go_to_the_queue() {
    for (parameters, keys) in [
        (&[BUCKET][..], Value::Null),
        (&[BUCKET, ("ObjectKeyPrefix", "2024/")], json!({ "key": [{ "prefix": "2024/" }] })),
    ] {
        let stack = Stack::with(parameters);
        let mut pattern = json!({
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": { "bucket": { "name": ["plays"] } },
        });
        if !keys.is_null() {
            pattern["detail"]["object"] = keys;
        }
        let expected = json!({
            "Name": "sluice-dev-objects",
            "Description": "Reports new objects to object-loader",
            "EventPattern": pattern,
            "Targets": [{ "Id": "Queue", "Arn": "${ObjectsQueue.Arn}" }],
        });
        assert_eq!(stack.properties("ObjectsRule"), &expected);
    }
}

/// The settings that the code reads from the variables of the template.
fn settings(stack: &Stack) -> object_loader::Config {
    let lambda = testkit::LAMBDA.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let variables = object(stack.variables("object-loader")).iter();
    let variables = variables.map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // What only a deployment knows.
        let value = value.replace("${BackupBucket}", "backup");
        let value = value.replace("${ObjectsQueue}", "https://sqs.test/123456789012/objects");
        (name.as_str(), value.replace("${SearchDomain.DomainEndpoint}", "search.test"))
    });
    let all: Vec<_> = lambda.chain(variables).collect();
    let environment: Environment = all.iter().map(|(name, value)| (*name, &**value)).collect();
    object_loader::Config::from_environment(&environment).unwrap()
}

#[test]
fn the_loader_continues_by_its_own_queue_and_keeps_refused_records_in_the_backup() {
    let stack = Stack::complete();
    let settings = settings(&stack);
    assert_eq!(settings.continue_queue_url, "https://sqs.test/123456789012/objects");
    // The prefix of its permission, see permissions.rs.
    let (bucket, prefix) = ("backup".to_owned(), "object-loader-failed/".to_owned());
    assert_eq!(settings.failures, object_loader::Failures { bucket, prefix });
}

#[test]
fn an_object_that_is_continued_raises_no_alarm() {
    let stack = Stack::complete();
    let used_s =
        |percent: u64| stack.function("object-loader")["Timeout"].as_u64().unwrap() * percent / 100;
    // The alarms on duration and timeout headroom (see alarms.rs): what was begun ends before.
    let margin_s = settings(&stack).deadline_margin.as_secs();
    assert!(margin_s >= used_s(10) + 30, "{margin_s} s");
    assert!(margin_s <= used_s(20), "{margin_s} s are not used");
}
