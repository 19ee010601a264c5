//! The real binary with a Lambda Runtime API and the services of an account in this process.

#![cfg(test)]

mod support {
    pub(crate) mod cloud;
}

use std::collections::BTreeMap;
use std::time::Duration;

use local::runtime_api::InvokeError;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{
    ALERTS_TOPIC, Binary, Fixture, Observed, fixture, fixtures, outside_of_lambda, pairs,
    published, refusal,
};

use support::cloud::{Answers, Cloud};

const BINARY: &str = env!("CARGO_BIN_EXE_rightsizing");

/// The expected results of an event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// The answers of services, by operation.
    #[serde(default)]
    services: Answers,
    answer: Option<Value>,
    /// `errorType: errorMessage`
    error: Option<String>,
    /// The notice that alert-notifier receives.
    notice: Option<Value>,
    /// Metrics, by the value of the dimension `Kind`.
    metrics: Option<Value>,
    /// The calls that change something.
    #[serde(default)]
    changes: Vec<String>,
}

fn golden(name: &str) -> Fixture<Golden> {
    fixture("rightsizing", name)
}

/// The binary with these variables and the services.
async fn binary(cloud: &Cloud, variables: &[(&str, &str)]) -> Binary {
    let own = [
        ("AWS_ENDPOINT_URL", &*cloud.endpoint.url),
        ("AWS_REGION", "us-east-1"),
        ("LOG_LEVEL", "trace"),
        ("ALERTS_TOPIC_ARN", ALERTS_TOPIC),
    ];
    Binary::with_timeout(BINARY, &[&own, variables].concat(), Duration::from_secs(30)).await
}

/// The metrics of a report, by kind.
fn metrics(observed: &Observed) -> Value {
    let mut metrics = json!({});
    for line in observed.metric_lines() {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let kind = line["Kind"].as_str().unwrap_or("");
        let dimensions = if kind.is_empty() { json!([[]]) } else { json!([["Kind"]]) };
        assert_eq!(directive["Dimensions"], dimensions);
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            let is_count = ["SavingsFound", "ScanFailures"].contains(&name);
            assert_eq!(metric["Unit"], if is_count { "Count" } else { "None" }, "{name}");
            metrics[kind][name] = line[name].clone();
        }
    }
    metrics
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    for Fixture { name, event, golden } in fixtures::<Golden>("rightsizing", 20) {
        let cloud = Cloud::start(golden.services).await;
        let mut binary = binary(&cloud, &pairs(&golden.environment)).await;
        let observed = binary.invoke(event).await;
        let error = observed.answer.as_ref().err();
        let error = error.map(|error| format!("{}: {}", error.error_type(), error.message()));
        assert_eq!(error, golden.error, "{name}: {:?}", observed.stderr);
        let answer = observed.answer.is_ok().then(|| observed.json());
        assert_eq!(answer, golden.answer, "{name}: {:#}", json!(answer));
        let told = published(&cloud.endpoint);
        assert!(told.len() <= 1, "{name}");
        let notice = told.into_iter().next().map(|told| told.notice);
        assert_eq!(notice, golden.notice, "{name}: {:#}", json!(notice));
        assert_eq!(cloud.changes(), golden.changes, "{name}");
        let expected = golden.metrics.unwrap_or(json!({}));
        assert_eq!(metrics(&observed), expected, "{name}");
    }
}

#[tokio::test]
async fn an_invalid_setting_stops_the_start_and_is_named() {
    // Other variables: see the tests of `Config`.
    for (variable, value) in [("KINDS", "all"), ("ALERTS_TOPIC_ARN", "alerts")] {
        let variables = [("ALERTS_TOPIC_ARN", ALERTS_TOPIC), (variable, value)];
        let message = refusal(BINARY, &variables).await;
        assert!(message.starts_with(&format!("{variable} is {value:?}, but must be")), "{message}");
    }
    let message = outside_of_lambda(BINARY);
    assert!(message.contains("cargo sluice invoke rightsizing"), "{message}");
}

#[tokio::test]
async fn costs_are_asked_for_once_for_thirty_settled_days() {
    let Fixture { event, golden, .. } = golden("scheduled");
    let cloud = Cloud::start(golden.services).await;
    let kinds = [("KINDS", "graviton")];
    let observed = binary(&cloud, &kinds).await.invoke(event).await;
    assert!(observed.answer.is_ok());
    let calls = cloud.calls("GetCostAndUsage");
    let [call] = &calls[..] else { panic!("{calls:?}") };
    let asked = call.json();
    let day = |name: &str| {
        asked["TimePeriod"][name].as_str().unwrap().parse::<jiff::civil::Date>().unwrap()
    };
    assert_eq!(day("Start").until(day("End")).unwrap().get_days(), 30);
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    assert!((1..=2).contains(&day("End").until(now).unwrap().get_days()));
    assert_eq!(
        (&asked["Granularity"], &asked["Metrics"]),
        (&json!("MONTHLY"), &json!(["AmortizedCost"]))
    );
    let keys = ["USAGE_TYPE", "OPERATION"].map(|key| json!({"Type": "DIMENSION", "Key": key}));
    assert_eq!(asked["GroupBy"], json!(keys));
    let services = [
        "Amazon Elastic Compute Cloud - Compute",
        "Amazon Relational Database Service",
        "AWS Lambda",
    ];
    let filter = json!({"Dimensions": {"Key": "SERVICE", "Values": services}});
    assert_eq!(asked["Filter"], filter);
    // Volumes and buckets were not requested.
    assert!(cloud.calls("DescribeVolumes").is_empty() && cloud.calls("ListBuckets").is_empty());
}

#[tokio::test]
async fn lists_of_ec2_are_read_in_pages() {
    let Fixture { event, golden, .. } = golden("scheduled");
    let cloud = Cloud::start(golden.services).await;
    assert!(binary(&cloud, &[]).await.invoke(event).await.answer.is_ok());
    for list in ["DescribeVolumes", "DescribeInstances"] {
        let calls = cloud.calls(list);
        let [call] = &calls[..] else { panic!("{calls:?}") };
        let mut form = call.form().into_iter();
        assert!(form.any(|(name, value)| name == "MaxResults" && value == "1000"), "{list}");
    }
}

#[tokio::test]
async fn fifty_instances_have_one_command() {
    let Fixture { event, golden, .. } = golden("scheduled");
    let mut services = golden.services;
    let instance = |at: u32| json!({"InstanceId": format!("i-{at}"), "PlatformType": "Linux", "PingStatus": "Online"});
    let instances: Vec<_> = (0..51).map(instance).chain([json!({"InstanceId": "mi-1"})]).collect();
    services.insert(
        "DescribeInstanceInformation".to_owned(),
        json!({"InstanceInformationList": instances}),
    );
    // One of the first fifty ended meanwhile: they are requested again in halves.
    let sent = services["SendCommand"].clone();
    services.insert("SendCommand".to_owned(), json!(["400 InvalidInstanceId", sent]));
    let cloud = Cloud::start(services).await;
    let variables = [("KINDS", "large-volume"), ("USAGE_DOCUMENT", "usage")];
    let answer = binary(&cloud, &variables).await.invoke(event).await.json();
    // Every instance prints the same volumes, which are then used 51 times.
    assert_eq!(answer["findings"], json!([]));
    let sent = cloud.calls("SendCommand");
    let counts: Vec<_> =
        sent.iter().map(|call| call.json()["InstanceIds"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [50, 25, 25, 1]);
    assert_eq!(sent[0].json()["DocumentName"], "usage");
    let filters = &cloud.calls("DescribeInstanceInformation")[0].json()["Filters"];
    assert_eq!(filters[0], json!({"Key": "PlatformTypes", "Values": ["Linux"]}));
}

#[tokio::test]
async fn a_command_that_does_not_end_keeps_nothing_else_from_being_read() {
    let Fixture { event, golden, .. } = golden("scheduled");
    let mut services = golden.services;
    services.insert("GetCommandInvocation".to_owned(), json!({"Status": "InProgress"}));
    let cloud = Cloud::start(services).await;
    // Most of the 30 seconds belong to the margin.
    let variables = [("USAGE_DOCUMENT", "usage"), ("DEADLINE_MARGIN_MS", "27000")];
    let answer = binary(&cloud, &variables).await.invoke(event).await.json();
    let unread = json!([{"kind": "large-volume", "region": "us-east-1", "error": "Deadline"}]);
    assert_eq!(answer["notRead"], unread);
    let kinds: Vec<_> = answer["kinds"].as_object().unwrap().keys().collect();
    assert_eq!(kinds, ["bucket", "gp2-volume", "graviton"]);
    assert_eq!(answer["kinds"]["graviton"]["resources"], 3);
}

#[tokio::test]
async fn buckets_that_cannot_be_read_spoil_nothing_else() {
    let page = |services: &mut Answers| services["ListBuckets"]["ContinuationToken"] = json!("a");
    let bytes_alone = |services: &mut Answers| {
        services["GetMetricData"]["kept StandardStorage"] = json!(1);
    };
    let hangs = |services: &mut Answers| {
        services["GetMetricData"]["tiered StandardStorage"] = json!(1000);
        services.insert("GetBucketLifecycleConfiguration".to_owned(), json!("never"));
    };
    for (odd, error, buckets, asked) in [
        (page as fn(&mut Answers), "InvalidAnswer", 1, 1),
        (bytes_alone, "InvalidAnswer", 1, 1),
        (hangs, "Timeout", 0, 1),
    ] {
        let Fixture { event, golden, .. } = golden("scheduled");
        let mut services = golden.services;
        odd(&mut services);
        let cloud = Cloud::start(services).await;
        let variables = [("DEADLINE_MARGIN_MS", "27000")];
        let answer = binary(&cloud, &variables).await.invoke(event).await.json();
        let unread = json!([{"kind": "bucket", "region": "us-east-1", "error": error}]);
        assert_eq!(answer["notRead"], unread);
        assert_eq!(answer["kinds"]["bucket"]["resources"], buckets, "{error}");
        assert_eq!(answer["kinds"]["graviton"]["resources"], 3);
        assert_eq!(cloud.calls("GetBucketLifecycleConfiguration").len(), asked);
    }
}

#[tokio::test]
async fn a_shrink_is_refused_where_something_is_unknown() {
    let bad_line = |services: &mut Answers| {
        let output = "volume vol0b2 100 1 xfs /a\nvolume vol0b2 100 101 xfs /b\n";
        services["GetCommandInvocation"]["StandardOutputContent"] = json!(output);
    };
    let elsewhere = |services: &mut Answers| {
        let new = &mut services["DescribeVolumes"][1]["volumeSet"][0];
        new["attachmentSet"][0]["instanceId"] = json!("i-2");
    };
    let odd_size = |services: &mut Answers| {
        services["DescribeVolumes"][0]["volumeSet"][0]["size"] = json!(65_537);
    };
    let kept = |services: &mut Answers| {
        let tags = &mut services["DescribeVolumes"][0]["volumeSet"][0]["tagSet"];
        *tags = json!([{"key": "sluice:keep", "value": ""}]);
    };
    for (odd, code) in [
        (bad_line as fn(&mut Answers), "UsageUnknown: "),
        (elsewhere, "VolumeFailed: "),
        (odd_size, "InvalidAnswer: "),
        (kept, "Protected: "),
    ] {
        let Fixture { event, golden, .. } = golden("shrink-is-attached");
        let mut services = golden.services;
        odd(&mut services);
        let cloud = Cloud::start(services).await;
        let mut binary = binary(&cloud, &pairs(&golden.environment)).await;
        let (error_type, message) = binary.invoke(event).await.error();
        assert_eq!(error_type, "Refused");
        assert!(message.starts_with(code), "{message}");
    }
}

#[tokio::test]
async fn a_notice_that_is_not_published_fails_the_invocation() {
    let Fixture { event, golden, .. } = golden("scheduled");
    let mut services = golden.services;
    services.insert("Publish".to_owned(), json!("403 AuthorizationError"));
    let cloud = Cloud::start(services).await;
    let observed = binary(&cloud, &[]).await.invoke(event).await;
    let error = observed.answer.as_ref().unwrap_err();
    assert_eq!(error.error_type(), "NotPublished");
    assert_eq!(InvokeError::message(error), "failed to publish the notice: AuthorizationError: no");
    assert!(metrics(&observed)[""]["ScanFailures"].is_number());
}

const RULES: &str = "<LifecycleConfiguration><Rule><ID>logs</ID><Status>Enabled</Status><Filter><And>\
    <Prefix>logs/</Prefix><Tag><Key>team</Key><Value>music</Value></Tag>\
    <ObjectSizeLessThan>1000000</ObjectSizeLessThan></And></Filter>\
    <Expiration><Days>30</Days></Expiration>\
    <NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays><NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>\
    <Rule><ID>uploads</ID><Status>Enabled</Status><Filter></Filter>\
    <AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>\
    <Rule><ID>cold</ID><Status>Disabled</Status><Filter><Prefix>cold/</Prefix></Filter>\
    <Transition><Days>90</Days><StorageClass>GLACIER_OF_LATER</StorageClass></Transition></Rule>\
    </LifecycleConfiguration>";

#[tokio::test]
async fn a_lifecycle_is_kept_whole() {
    let services = json!({"Lifecycle": RULES, "MinimumSize": "varies_by_storage_class"});
    let cloud = Cloud::start(services.as_object().unwrap().clone()).await;
    let mut binary = binary(&cloud, &[]).await;
    let request = r#"{"action":"tiering","bucket":"lake","prefix":"raw/","dryRun":false}"#;
    let answer = binary.invoke(request).await.json();
    assert_eq!(answer["changed"], true);
    let rules = json!(["logs", "uploads", "cold", "sluice-intelligent-tiering"]);
    assert_eq!(answer["rules"], rules);
    let stored = cloud
        .lifecycle()
        .as_str()
        .unwrap()
        .replace("xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"", "");
    for part in RULES.split("<Rule>").skip(1).flat_map(|rule| rule.split("</")) {
        let value = part.rsplit('>').next().unwrap();
        assert!(stored.contains(value), "{value} is missing in {stored}");
    }
    let added = stored.split("<Rule>").last().unwrap();
    for part in [
        "<ID>sluice-intelligent-tiering</ID>",
        "<Prefix>raw/</Prefix>",
        "<ObjectSizeGreaterThan>131072</ObjectSizeGreaterThan>",
        "<Days>0</Days>",
        "<StorageClass>INTELLIGENT_TIERING</StorageClass>",
        "<Status>Enabled</Status>",
    ] {
        assert!(added.contains(part), "{part} is missing in {added}");
    }
    let [put] = &cloud.calls("PutBucketLifecycleConfiguration")[..] else { panic!("one") };
    let minimum = &put.headers["x-amz-transition-default-minimum-object-size"];
    assert_eq!(minimum, "varies_by_storage_class");
    // The second time, there is nothing to do.
    assert_eq!(binary.invoke(request).await.json()["changed"], false);
    assert_eq!(cloud.calls("PutBucketLifecycleConfiguration").len(), 1);
}

#[tokio::test]
async fn a_rule_that_is_lost_is_an_error() {
    let services = json!({"Lifecycle": RULES, "Loses": "uploads"});
    let cloud = Cloud::start(services.as_object().unwrap().clone()).await;
    let request = r#"{"action":"tiering","bucket":"lake","dryRun":false}"#;
    let (error_type, message) = binary(&cloud, &[]).await.invoke(request).await.error();
    assert_eq!(error_type, "LifecycleChanged");
    assert!(message.contains("lacks the rule uploads"), "{message}");
    // A lifecycle that cannot be read is not written.
    let refused = json!({"GetBucketLifecycleConfiguration": "403 AccessDenied"});
    let cloud = Cloud::start(refused.as_object().unwrap().clone()).await;
    let error = binary(&cloud, &[]).await.invoke(request).await.error();
    assert_eq!(error, ("Refused".to_owned(), "AccessDenied: no".to_owned()));
    assert!(cloud.changes().is_empty());
    // Neither is one that is truncated, or protected.
    let kept = json!({"TagSet": {"Tag": [{"Key": "sluice:keep", "Value": "2999-12-31"}]}});
    for (services, expected) in [
        (json!({"Lifecycle": RULES.strip_suffix("</LifecycleConfiguration>")}), "InvalidAnswer: "),
        (json!({"Lifecycle": RULES, "GetBucketTagging": kept}), "Protected: "),
    ] {
        let cloud = Cloud::start(services.as_object().unwrap().clone()).await;
        let (error_type, message) = binary(&cloud, &[]).await.invoke(request).await.error();
        assert_eq!(error_type, "Refused");
        assert!(message.starts_with(expected), "{message}");
        assert!(cloud.changes().is_empty());
    }
}

#[tokio::test]
async fn a_lifecycle_is_read_again_whatever_the_answer_is() {
    let request = r#"{"action":"tiering","bucket":"lake","dryRun":false}"#;
    let unanswered = json!({"Lifecycle": RULES, "Unanswered": true});
    let cloud = Cloud::start(unanswered.as_object().unwrap().clone()).await;
    assert_eq!(binary(&cloud, &[]).await.invoke(request).await.json()["changed"], true);
    let unread =
        json!({"Lifecycle": RULES, "GetBucketLifecycleConfiguration": [{}, "403 AccessDenied"]});
    let cloud = Cloud::start(unread.as_object().unwrap().clone()).await;
    let (_, message) = binary(&cloud, &[]).await.invoke(request).await.error();
    assert_eq!(message, "AccessDenied: written, but not read again: no");
}

#[tokio::test]
async fn archive_tiers_are_set_once() {
    let cloud = Cloud::start(Answers::new()).await;
    let mut binary = binary(&cloud, &[]).await;
    let request = r#"{"action":"archive","bucket":"lake","archiveDays":90,"deepArchiveDays":180,"dryRun":false}"#;
    for changed in [true, false] {
        let answer = binary.invoke(request).await.json();
        assert_eq!(answer["changed"], changed);
        assert!(
            answer["note"].as_str().unwrap().contains("must be restored before they can be read")
        );
    }
    let [put] = &cloud.calls("PutBucketIntelligentTieringConfiguration")[..] else { panic!("one") };
    let body = std::str::from_utf8(&put.body).unwrap();
    for part in [
        "<Id>sluice</Id>",
        "<Status>Enabled</Status>",
        "<Days>90</Days>",
        "<AccessTier>ARCHIVE_ACCESS</AccessTier>",
        "<Days>180</Days>",
        "<AccessTier>DEEP_ARCHIVE_ACCESS</AccessTier>",
    ] {
        assert!(body.contains(part), "{part} is missing in {body}");
    }
    assert!(put.query.contains("id=sluice"), "{}", put.query);
}
