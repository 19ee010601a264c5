//! Whatever fails or is denied: a resource that could not be read is never treated as idle, and
//! nothing is changed that would not be changed without the failure.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{ALERTS_TOPIC, Binary};

use crate::support::account::{Account, Answers};
use crate::support::scene::{BINARY, Scene};
use crate::{account_of, fixture};

/// Every operation, with the kinds that cannot be read without it.
const OPERATIONS: [(&str, &[&str]); 20] = [
    ("DescribeAddresses", &["address", "instance"]),
    ("DescribeVolumes", &["instance", "volume"]),
    ("DescribeSnapshots", &["snapshot"]),
    ("DescribeImages", &["image", "snapshot"]),
    ("DescribeInstances", &["image", "instance"]),
    ("DescribeImageReferences", &["image"]),
    ("DescribeNatGateways", &["nat-gateway"]),
    ("DescribeLoadBalancers", &["load-balancer"]),
    ("DescribeTargetGroups", &["load-balancer"]),
    ("DescribeTargetHealth", &["load-balancer"]),
    ("DescribeTags", &["load-balancer"]),
    ("DescribeDBInstances", &["database"]),
    ("GetMetricData", &["database", "load-balancer", "nat-gateway"]),
    ("DescribeLogGroups", &["log-group"]),
    ("ListTagsForResource", &["log-group"]),
    ("ListBuckets", &["bucket"]),
    ("GetBucketLifecycleConfiguration", &["bucket"]),
    ("ListObjectsV2", &["bucket"]),
    ("ListMultipartUploads", &["bucket"]),
    ("GetBucketTagging", &["bucket"]),
];

/// The account of `ordinary`, in which resources can also be removed.
fn everything() -> Answers {
    let mut account = account_of(&fixture("ordinary").golden);
    let removal = account_of(&fixture("removal").golden);
    for (operation, list) in
        [("DescribeAddresses", "addressesSet"), ("DescribeVolumes", "volumeSet")]
    {
        let more = removal[operation][list].as_array().unwrap().clone();
        account[operation][list].as_array_mut().unwrap().extend(more);
    }
    account.insert("CreateSnapshot".to_owned(), removal["CreateSnapshot"].clone());
    account
}

fn texts(value: &Value, member: &str) -> BTreeSet<String> {
    let texts = value.as_array().unwrap().iter();
    texts.map(|one| one[member].as_str().unwrap().to_owned()).collect()
}

fn set(texts: impl IntoIterator<Item = impl Into<String>>) -> BTreeSet<String> {
    texts.into_iter().map(Into::into).collect()
}

#[tokio::test]
async fn what_cannot_be_read_is_reported_and_nothing_else_is_found_or_changed() {
    let everything = everything();
    let mut scene = Scene::new(everything.clone(), &[("ACTION", "remove")]).await;
    let right = scene.invoke("{}").await.json();
    let right_changes = set(scene.account.changes());
    assert_eq!(right["notRead"], json!([]));
    assert!(right_changes.len() > 5, "{right_changes:?}");
    // 5xx waits before each retry, so it is tested only with a single call.
    let plain = ["403 AccessDenied", "garbage"];
    let cases = OPERATIONS.iter().flat_map(|case| plain.map(|failure| (case, failure)));
    let slow = [(&OPERATIONS[1], "503 ServiceUnavailable"), (&OPERATIONS[15], "close")];
    for ((operation, kinds), failure) in cases.chain(slow) {
        let case = format!("{operation}: {failure}");
        let mut account = everything.clone();
        account.retain(|name, _| !name.starts_with(operation));
        account.insert((*operation).to_owned(), json!(failure));
        scene.account.set(account);
        let observed = scene.invoke("{}").await;
        let answer = observed.json();
        assert_eq!(texts(&answer["notRead"], "kind"), set(kinds.iter().copied()), "{case}");
        let ids = texts(&answer["findings"], "id");
        assert!(ids.is_subset(&texts(&right["findings"], "id")), "{case}: {ids:?}");
        // Other kinds are not affected.
        let of_others = |answer: &Value| {
            let findings = answer["findings"].as_array().unwrap().iter();
            let is_other = |finding: &&Value| !kinds.contains(&finding["kind"].as_str().unwrap());
            findings.filter(is_other).map(|finding| finding["id"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(of_others(&answer), of_others(&right), "{case}");
        let changes = set(scene.account.changes());
        assert!(changes.is_subset(&right_changes), "{case}: {changes:?}");
        let notice = &scene.account.notices()[0];
        assert_eq!(notice["state"], "ALARM", "{case}");
        let lines = observed.metric_lines();
        let total = lines.last().unwrap();
        let failures = u32::try_from(kinds.len()).unwrap();
        assert_eq!(total["ScanFailures"], f64::from(failures), "{case}");
        assert_eq!(total["IdleResources"], Value::Null, "{case}");
        for kind in *kinds {
            assert!(!lines.iter().any(|line| line["Kind"] == *kind), "{case}: {kind}");
        }
    }
}

/// What was deleted after it was listed.
#[tokio::test]
async fn what_is_gone_is_neither_idle_nor_unread_and_spoils_nothing_else() {
    let everything = everything();
    let mut scene = Scene::new(everything.clone(), &[]).await;
    let right = texts(&scene.invoke("{}").await.json()["findings"], "id");
    for (operation, gone) in [
        ("DescribeImageReferences", "400 InvalidAMIID.NotFound"),
        ("DescribeTags", "400 LoadBalancerNotFound"),
        ("DescribeTargetHealth", "400 TargetGroupNotFound"),
        ("ListTagsForResource", "400 ResourceNotFoundException"),
        ("GetBucketLifecycleConfiguration", "404 NoSuchBucket"),
        ("ListObjectsV2", "404 NoSuchBucket"),
        ("GetBucketTagging", "404 NoSuchBucket"),
    ] {
        // All of them, or the first call only: the others of that call are asked for alone.
        let original = match everything.get(operation).cloned().unwrap_or(json!({})) {
            Value::Array(answers) => answers,
            answer => vec![answer],
        };
        let first = [vec![json!(gone)], original].concat();
        for answer in [json!(gone), Value::Array(first)] {
            let is_one = answer.is_array() && operation.starts_with("Describe");
            let mut account = everything.clone();
            account.retain(|name, _| is_one || !name.starts_with(operation));
            account.insert(operation.to_owned(), answer);
            scene.account.set(account);
            let answer = scene.invoke("{}").await.json();
            assert_eq!(answer["notRead"], json!([]), "{operation}");
            let ids = texts(&answer["findings"], "id");
            assert!(ids.is_subset(&right), "{operation}");
            if is_one && operation != "DescribeTargetHealth" {
                assert_eq!(ids, right, "{operation}");
            }
        }
    }
}

#[tokio::test]
async fn what_cannot_be_changed_is_reported_and_spoils_nothing_else() {
    let everything = everything();
    let mut scene = Scene::new(everything.clone(), &[("ACTION", "remove")]).await;
    let right = scene.invoke("{}").await.json();
    for (operation, lost) in [
        ("CreateTags", "marked"),
        ("DeleteTags", "unmarked"),
        ("CreateSnapshot", "vol-done"),
        ("DeleteVolume", "vol-done"),
        ("ReleaseAddress", "eipalloc-done"),
    ] {
        let mut account = everything.clone();
        account.insert(operation.to_owned(), json!("403 UnauthorizedOperation"));
        scene.account.set(account);
        let observed = scene.invoke("{}").await;
        let answer = observed.json();
        for member in ["marked", "unmarked"] {
            let expected = if member == lost { &json!([]) } else { &right[member] };
            assert_eq!(answer[member], *expected, "{operation}");
        }
        let lines = observed.metric_lines();
        let total = lines.last().unwrap();
        if lost.contains("marked") {
            assert_eq!(answer["removed"], right["removed"]);
            // Everything was read, but a used resource keeps its mark, or an idle one has none.
            let failed = right[lost].as_array().unwrap().len();
            assert_eq!(total["ScanFailures"], f64::from(u32::try_from(failed).unwrap()));
            let failed = "failed to change a mark";
            assert!(observed.log().iter().any(|line| line["message"] == failed), "{operation}");
        } else {
            let is_lost = right["removed"].as_array().unwrap().contains(&json!(lost));
            assert_eq!(total["RemovalFailures"], f64::from(u8::from(is_lost)), "{operation}");
            let not_removed = texts(&answer["notRemoved"], "id");
            assert_eq!(not_removed.contains(lost), is_lost, "{operation}");
        }
    }
}

#[tokio::test]
async fn a_service_that_hangs_is_given_up_and_the_rest_is_read() {
    let mut account = everything();
    account.insert("DescribeVolumes".to_owned(), json!("never"));
    account.insert("ListBuckets".to_owned(), json!("never"));
    // It is called for each log group with sufficient costs.
    let group = |name: &str| json!({"logGroupName": name, "storedBytes": 1_u64 << 40});
    let groups = json!({"logGroups": [group("a"), group("b")]});
    account.insert("DescribeLogGroups".to_owned(), groups);
    account.insert("ListTagsForResource".to_owned(), json!("never"));
    let account = Account::start(account).await;
    let variables = [
        ("AWS_ENDPOINT_URL", &*account.endpoint.url),
        ("AWS_REGION", "us-east-1"),
        ("ALERTS_TOPIC_ARN", ALERTS_TOPIC),
        ("DEADLINE_MARGIN_MS", "500"),
    ];
    let timeout = Duration::from_secs(8);
    let mut binary = Binary::with_timeout(BINARY, &variables, timeout).await;
    let started = Instant::now();
    let answer = binary.invoke("{}").await.json();
    assert!(started.elapsed() < timeout);
    let unread = answer["notRead"].as_array().unwrap();
    let errors: Vec<_> = unread.iter().map(|entry| (&entry["kind"], &entry["error"])).collect();
    let code = &json!("Timeout");
    let kinds = ["bucket", "instance", "log-group", "volume"].map(|kind| json!(kind));
    assert_eq!(errors, kinds.iter().map(|kind| (kind, code)).collect::<Vec<_>>());
    assert_eq!(account.counts()["DescribeVolumes"], 1);
    assert_eq!(account.counts()["ListBuckets"], 1);
    assert_eq!(account.counts()["ListTagsForResource"], 1);
    assert_eq!(account.notices().len(), 1);
}
