//! The real binary with a Lambda Runtime API and a fake account in this process.

#![cfg(test)]

mod changes;
mod failures;
#[path = "../support"]
mod support {
    pub(crate) mod account;
    pub(crate) mod scene;
}

use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{ALERTS_TOPIC, Fixture, Observed, fixtures, outside_of_lambda, pairs, refusal};

use support::account::Account;
use support::scene::{BINARY, Golden, Scene, assert_has, dated, metrics, now};

/// The account of a fixture, with times relative to now.
fn account_of(golden: &Golden) -> serde_json::Map<String, Value> {
    account_at(golden, now())
}

fn account_at(golden: &Golden, now: Timestamp) -> serde_json::Map<String, Value> {
    let account = dated(&Value::Object(golden.account.clone()), now);
    account.as_object().unwrap().clone()
}

fn fixture(name: &str) -> Fixture<Golden> {
    testkit::fixture("idle-resources", name)
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    for Fixture { name, event, golden } in fixtures::<Golden>("idle-resources", 15) {
        let now = now();
        let mut scene = Scene::new(account_at(&golden, now), &pairs(&golden.environment)).await;
        let observed = scene.invoke(event).await;
        let golden = Golden {
            answer: dated(&golden.answer, now),
            notices: golden.notices.iter().map(|notice| dated(notice, now)).collect(),
            changes: golden
                .changes
                .map(|changes| serde_json::from_value(dated(&json!(changes), now)).unwrap()),
            ..golden
        };
        check(&name, &golden, &observed, &scene.account);
    }
}

fn check(name: &str, golden: &Golden, observed: &Observed, account: &Account) {
    match &golden.error {
        Some(error) => assert_eq!(observed.error().0, *error, "{name}"),
        None => assert_has(name, &observed.json(), &golden.answer),
    }
    assert_has(&format!("{name}: notices"), &json!(account.notices()), &json!(golden.notices));
    if let Some(expected) = &golden.metrics {
        assert_eq!(metrics(observed), *expected, "{name}");
    }
    let counts = account.counts();
    if let Some(expected) = &golden.calls {
        assert_eq!(counts, *expected, "{name}");
    }
    let changes = account.changes();
    match &golden.changes {
        Some(expected) => assert_eq!(changes, *expected, "{name}"),
        None => assert!(changes.iter().all(|change| change == "Publish"), "{name}: {changes:?}"),
    }
}

#[tokio::test]
async fn calls_take_as_much_as_the_services_allow() {
    let numbered = |count: usize, item: &dyn Fn(usize) -> Value| (0..count).map(item).collect();
    let old = "2020-01-01T00:00:00Z";
    let nat =
        |number: usize| json!({"natGatewayId": number, "state": "available", "createTime": old});
    let image = |number: usize| {
        let disks = json!([{"ebs": {"snapshotId": "snap-1", "volumeSize": 8}}]);
        json!({"imageId": number, "creationDate": old, "blockDeviceMapping": disks})
    };
    let balancer = |number: usize| {
        let arn = format!("arn:aws:a:us-east-1:123456789012:loadbalancer/app/{number}/1");
        json!({"LoadBalancerArn": arn, "Type": "application", "CreatedTime": old})
    };
    let gateways: Value = numbered(251, &nat);
    let images: Value = numbered(11, &image);
    let balancers: Value = numbered(21, &balancer);
    let account = json!({
        "DescribeNatGateways": {"natGatewaySet": gateways},
        "DescribeImages": {"imagesSet": images},
        "DescribeLoadBalancers": {"LoadBalancers": balancers},
    });
    let kinds = [("KINDS", "nat-gateway,image,load-balancer")];
    let mut scene = Scene::new(account.as_object().unwrap().clone(), &kinds).await;
    let answer = scene.invoke("{}").await.json();
    assert_eq!((&answer["resources"], &answer["notRead"]), (&json!(251 + 11 + 21), &json!([])));
    let counts = scene.account.counts();
    // 500 metrics, and those of load balancers; 10 images; the tags of 20 load balancers.
    let expected = [("GetMetricData", 3), ("DescribeImageReferences", 2), ("DescribeTags", 2)];
    for (operation, expected) in expected {
        assert_eq!(counts[operation], expected, "{operation}");
    }
}

#[tokio::test]
async fn an_invalid_request_is_refused() {
    let mut scene = Scene::new(serde_json::Map::new(), &[]).await;
    for event in ["[]", "null", "no JSON", r#"{"dryRun":"yes"}"#] {
        let observed = scene.invoke(event).await;
        assert_eq!(observed.error().0, "InvalidRequest", "{event}");
        assert!(observed.stdout.is_empty());
    }
    assert!(scene.account.endpoint.calls().is_empty());
}

#[tokio::test]
async fn an_invalid_setting_fails_the_start() {
    for (variable, value) in [
        ("ALERTS_TOPIC_ARN", "alerts"),
        ("KINDS", "volumes"),
        ("IDLE_DAYS", "61"),
        ("PRICES", r#"{"gp4":1}"#),
        ("ACTION", "delete"),
    ] {
        let message =
            refusal(BINARY, &[("ALERTS_TOPIC_ARN", ALERTS_TOPIC), (variable, value)]).await;
        assert!(
            message.starts_with(&format!("{variable} is {value:?}, but must be ")),
            "{message}"
        );
    }
    let outside = outside_of_lambda(BINARY);
    assert!(outside.contains("cargo sluice invoke idle-resources EVENT.json"), "{outside}");
}
