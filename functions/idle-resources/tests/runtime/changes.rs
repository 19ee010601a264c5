//! Marks and removals: nothing is changed that was not published before.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use testkit::Fixture;

use crate::support::account::Answers;
use crate::support::scene::{Scene, now};
use crate::{account_of, fixture};

const REMOVE: [(&str, &str); 2] = [("ACTION", "remove"), ("KINDS", "address,volume")];

/// The account of `removal`, whose snapshot has this state, with additional answers.
fn account(others: &[(&str, Value)]) -> Answers {
    let mut account = account_of(&fixture("removal").golden);
    account.extend(others.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    account
}

#[tokio::test]
async fn a_notice_that_is_not_published_changes_nothing() {
    for action in ["mark", "remove"] {
        let variables = [("ACTION", action), REMOVE[1]];
        let account = account(&[("Publish", json!("403 AuthorizationError"))]);
        let mut scene = Scene::new(account, &variables).await;
        let observed = scene.invoke("{}").await;
        assert_eq!(observed.error().0, "NotPublished");
        assert_eq!(scene.account.changes(), ["Publish"]);
        // The findings are in the metrics anyway.
        let lines = observed.metric_lines();
        assert!(lines.iter().any(|line| line["Kind"] == "volume" && line["IdleResources"] == 2.0));
    }
}

#[tokio::test]
async fn an_outcome_that_is_not_published_fails_the_invocation_after_the_removals() {
    let refused = json!([{}, "403 AuthorizationError"]);
    let mut scene = Scene::new(account(&[("Publish", refused)]), &REMOVE).await;
    let observed = scene.invoke("{}").await;
    assert_eq!(observed.error().0, "NotPublished");
    let changes = scene.account.changes();
    assert!(changes.contains(&"DeleteVolume vol-done".to_owned()), "{changes:?}");
    let lines = observed.metric_lines();
    assert!(lines.iter().any(|line| line["ResourcesRemoved"] == 2.0), "{lines:?}");
    // Lambda retries: now there is nothing to remove, and the outcome is published first.
    scene.account.set(account(&[("DescribeVolumes", json!({})), ("DescribeAddresses", json!({}))]));
    assert_eq!(scene.invoke("{}").await.json()["removed"], json!([]));
    let titles = scene.account.notices().into_iter().map(|notice| notice["title"].clone());
    let outcome = json!("Removed 2 idle resources, about 23.65 USD a month");
    assert_eq!(titles.collect::<Vec<_>>(), [outcome, json!("No idle resources")]);
}

#[tokio::test]
async fn a_retry_after_removals_removes_no_more() {
    let refused = json!([{}, "403 AuthorizationError"]);
    let mut scene = Scene::new(account(&[("Publish", refused)]), &REMOVE).await;
    assert_eq!(scene.invoke("{}").await.error().0, "NotPublished");
    // Other resources are due.
    scene.account.set(account(&[]));
    let answer = scene.invoke("{}").await.json();
    assert_eq!((&answer["removing"], &answer["removed"]), (&json!([]), &json!([])));
    // The next run continues.
    scene.account.set(account(&[]));
    assert_eq!(scene.invoke("{}").await.json()["removed"], json!(["vol-done", "eipalloc-done"]));
}

#[tokio::test]
async fn the_notices_of_removals_are_of_their_run_not_of_the_event() {
    let fired = now() - SignedDuration::from_hours(1);
    let event = json!({"time": fired.to_string()}).to_string();
    for (action, is_of_event) in [("mark", true), ("remove", false)] {
        let mut scene = Scene::new(account(&[]), &[("ACTION", action), REMOVE[1]]).await;
        assert!(scene.invoke(&*event).await.json()["resources"].is_number());
        for notice in scene.account.notices() {
            assert_eq!(notice["at"] == fired.to_string(), is_of_event, "{action} {notice}");
        }
    }
    // The time of Lambda's sample event is not that of a run.
    let mut scene = Scene::new(account(&[]), &[("KINDS", "volume")]).await;
    assert!(scene.invoke(r#"{"time":"1970-01-01T00:00:00Z"}"#).await.json().is_object());
    assert!(!scene.account.notices()[0]["at"].as_str().unwrap().starts_with("1970"));
}

#[tokio::test]
async fn a_mark_from_before_the_volume_was_there_does_not_count() {
    let created = (now() - SignedDuration::from_hours(24 * 10)).to_string();
    let mark = json!({"key": "sluice:idle-since", "value": "2020-01-01"});
    let allowed = json!({"key": "sluice:remove-if-idle", "value": "true"});
    let copied = volume(&[("createTime", json!(created)), ("tagSet", json!([mark, allowed]))]);
    let account = account(&[("DescribeVolumes", copied)]);
    let mut scene = Scene::new(account, &[REMOVE[0], ("KINDS", "volume")]).await;
    let answer = scene.invoke("{}").await.json();
    assert_eq!((&answer["removing"], &answer["marked"]), (&json!([]), &json!(["vol-done"])));
}

#[tokio::test]
async fn a_removal_that_ec2_did_not_do_is_a_failure() {
    let account = account(&[
        ("DeleteVolume", json!({"return": "false"})),
        ("ReleaseAddress", json!({"return": "true"})),
    ]);
    let answer = Scene::new(account, &REMOVE).await.invoke("{}").await.json();
    assert_eq!(answer["removed"], json!(["eipalloc-done"]));
    assert_eq!(answer["notRemoved"], json!([{"id": "vol-done", "error": "InvalidAnswer"}]));
}

#[tokio::test]
async fn the_snapshot_of_an_earlier_run_counts_if_nothing_was_written_since() {
    let snapshot = |id: &str, state: &str, hours: i64| {
        json!({
            "snapshotId": id, "status": state, "volumeId": "vol-done",
            "startTime": (now() - SignedDuration::from_hours(hours)).to_string(),
            "tagSet": [{"key": "sluice:snapshot-of", "value": "vol-done"}],
        })
    };
    let old = snapshot("snap-old", "completed", 48);
    for (writes, snapshots, is_created, is_deleted) in [
        (json!([]), vec![&old], false, true),
        (json!([0.0, 0.0]), vec![&old], false, true),
        (json!([0.0, 7.0]), vec![&old], true, false),
        (json!("InternalError"), vec![&old], true, false),
        // A snapshot of this run also exists: it is waited for.
        (json!([7.0]), vec![&old, &snapshot("snap-new", "pending", 0)], false, false),
        (json!([7.0]), vec![&snapshot("snap-new", "completed", 0), &old], false, true),
    ] {
        let metrics = json!({"vol-done VolumeWriteOps": writes});
        let mut account = account(&[
            ("GetMetricData", metrics),
            ("DescribeSnapshots", json!({"snapshotSet": snapshots})),
        ]);
        account["CreateSnapshot"] = snapshot("snap-made", "pending", 0);
        let mut scene = Scene::new(account, &[REMOVE[0], ("KINDS", "volume")]).await;
        drop(scene.invoke("{}").await.json());
        let changes = scene.account.changes();
        let has = |action: &str| changes.iter().any(|change| change.starts_with(action));
        let done = (has("CreateSnapshot"), has("DeleteVolume"));
        assert_eq!(done, (is_created, is_deleted), "{writes} {snapshots:?}");
    }
}

#[tokio::test]
async fn what_is_gone_when_it_is_removed_was_removed() {
    let gone = |code: &str| json!(format!("400 {code}.NotFound"));
    let account = account(&[
        ("DeleteVolume", gone("InvalidVolume")),
        ("ReleaseAddress", gone("InvalidAllocationID")),
    ]);
    let answer = Scene::new(account, &REMOVE).await.invoke("{}").await.json();
    assert_eq!(answer["removed"], json!(["vol-done", "eipalloc-done"]));
}

/// The volume of `removal` with some members replaced.
fn volume(changes: &[(&str, Value)]) -> Value {
    let account = account(&[]);
    let mut volume = account["DescribeVolumes"]["volumeSet"][0].clone();
    for (name, value) in changes {
        volume[*name] = value.clone();
    }
    json!({"volumeSet": [volume]})
}

#[tokio::test]
async fn the_second_look_spares_what_changed() {
    let found = &account(&[])["DescribeVolumes"];
    let tag = |key: &str, value: &str| json!([{"key": key, "value": value}]);
    for (second, error) in [
        (volume(&[("status", json!("in-use"))]), "Changed"),
        (volume(&[("tagSet", tag("sluice:idle-since", "2020-01-01"))]), "Changed"),
        (volume(&[("tagSet", tag("sluice:remove-if-idle", "true"))]), "Changed"),
        (json!({"volumeSet": []}), "Changed"),
        (json!("400 InvalidVolume.NotFound"), "Changed"),
        (volume(&[("size", json!("-1"))]), "Changed"),
        (json!("garbage"), "InvalidAnswer"),
    ] {
        let described = json!([found, second]);
        let account = account(&[("DescribeVolumes", described)]);
        let mut scene = Scene::new(account, &[REMOVE[0], ("KINDS", "volume")]).await;
        let observed = scene.invoke("{}").await;
        let expected = json!([{"id": "vol-done", "error": error}]);
        assert_eq!(observed.json()["notRemoved"], expected, "{second}");
        assert_eq!(observed.json()["removed"], json!([]));
        let changes = scene.account.changes();
        assert!(!changes.iter().any(|change| change.contains("Delete")), "{changes:?}");
        assert!(!changes.iter().any(|change| change.contains("Snapshot")), "{changes:?}");
    }
}

#[tokio::test]
async fn a_volume_is_deleted_only_when_its_snapshot_is_completed() {
    let snapshot = |id: &str, state: &str, started: &str| {
        let tags = json!([{"key": "sluice:snapshot-of", "value": "vol-done"}]);
        json!({
            "snapshotId": id, "status": state, "volumeId": "vol-done", "tagSet": tags,
            "startTime": started,
        })
    };
    let [new, old] = ["2090-01-01T00:00:00Z", "2020-01-01T00:00:00Z"];
    let list = |snapshots: Value| json!({"snapshotSet": snapshots});
    let pending = snapshot("snap-1", "pending", new);
    let completed = snapshot("snap-1", "completed", new);
    let lacking = |member: &str| {
        let mut snapshot = completed.clone();
        snapshot.as_object_mut().unwrap().remove(member);
        snapshot
    };
    // The snapshots that exist, those that are then read, the answer of CreateSnapshot, and whether
    // one is created and deleted.
    for (there, looked, created, expected) in [
        (list(json!([])), list(json!([pending])), &pending, (true, false)),
        (list(json!([])), list(json!([completed])), &pending, (true, true)),
        (list(json!([])), list(json!([])), &completed, (true, true)),
        (list(json!([pending])), list(json!([pending])), &pending, (false, false)),
        (list(json!([pending])), list(json!([completed])), &pending, (false, true)),
        (list(json!([pending])), json!("403 UnauthorizedOperation"), &pending, (false, false)),
        (list(json!([completed])), list(json!([])), &pending, (false, true)),
        (
            list(json!([snapshot("snap-0", "error", new), completed])),
            list(json!([])),
            &pending,
            (false, true),
        ),
        (
            list(json!([snapshot("snap-0", "pending", new), completed])),
            list(json!([])),
            &pending,
            (false, true),
        ),
        // Created before the volume was idle, or never completed.
        (
            list(json!([snapshot("snap-0", "completed", old)])),
            list(json!([])),
            &pending,
            (true, false),
        ),
        (list(json!([snapshot("snap-0", "error", new)])), list(json!([])), &pending, (true, false)),
        (json!("403 UnauthorizedOperation"), list(json!([])), &pending, (false, false)),
        (
            list(json!([])),
            list(json!([])),
            &json!("400 SnapshotCreationPerVolumeRateExceeded"),
            (true, false),
        ),
        (list(json!([])), list(json!([])), &json!({}), (true, false)),
        // The snapshot may not be of this volume.
        (list(json!([])), list(json!([])), &lacking("volumeId"), (true, false)),
        (list(json!([])), list(json!([])), &lacking("startTime"), (true, false)),
        (list(json!([])), list(json!([lacking("volumeId")])), &pending, (true, false)),
        // EC2 failed, but had created it.
        (list(json!([])), list(json!([completed])), &json!("503 ServiceUnavailable"), (true, true)),
    ] {
        let case = format!("{there} {looked} {created}");
        let account = account(&[
            ("DescribeSnapshots", json!([there, looked])),
            ("CreateSnapshot", created.clone()),
        ]);
        let mut scene = Scene::new(account, &[REMOVE[0], ("KINDS", "volume")]).await;
        let observed = scene.invoke("{}").await;
        let changes = scene.account.changes();
        let count = changes.iter().filter(|change| change.starts_with("CreateSnapshot")).count();
        assert_eq!(count, usize::from(expected.0), "{case}");
        let has = |action: &str| changes.iter().any(|change| change.starts_with(action));
        assert_eq!((has("CreateSnapshot"), has("DeleteVolume")), expected, "{case}");
        let removed = if expected.1 { json!(["vol-done"]) } else { json!([]) };
        assert_eq!(observed.json()["removed"], removed, "{case}");
        if let [first, .., last] = &scene.account.notices()[..] {
            assert_eq!(first["state"], "ALARM", "{case}");
            let is_failure = observed.json()["notRemoved"]
                .as_array()
                .unwrap()
                .iter()
                .any(|entry| entry["error"] != "SnapshotPending");
            assert_eq!(last["state"], if is_failure { "ALARM" } else { "INFO" }, "{case}");
        } else {
            panic!("{case}: two notices");
        }
    }
}

#[tokio::test]
async fn a_snapshot_that_ec2_does_not_know_yet_is_pending() {
    for (looked, error) in [
        ("400 InvalidSnapshot.NotFound", "SnapshotPending"),
        ("403 UnauthorizedOperation", "UnauthorizedOperation"),
    ] {
        let lists = json!([{"snapshotSet": []}, looked]);
        let mut account = account(&[("DescribeSnapshots", lists)]);
        account["CreateSnapshot"]["status"] = json!("pending");
        let mut scene = Scene::new(account, &[REMOVE[0], ("KINDS", "volume")]).await;
        let expected = json!([{"id": "vol-done", "error": error}]);
        assert_eq!(scene.invoke("{}").await.json()["notRemoved"], expected);
    }
}

#[tokio::test]
async fn a_second_run_creates_no_second_snapshot() {
    let Fixture { golden, .. } = fixture("removal");
    let pending = json!({
        "snapshotId": "snap-1", "status": "pending", "volumeId": "vol-done",
        "startTime": "2090-01-01T00:00:00Z",
        "tagSet": [{"key": "sluice:snapshot-of", "value": "vol-done"}],
    });
    let mut account: Map<String, Value> = account_of(&golden);
    account.insert("CreateSnapshot".to_owned(), pending.clone());
    let there = json!({"snapshotSet": [pending]});
    let lists = json!([{"snapshotSet": []}, there, there]);
    account.insert("DescribeSnapshots".to_owned(), lists);
    let mut scene = Scene::new(account, &[REMOVE[0], ("KINDS", "volume")]).await;
    for _ in 0..2 {
        let observed = scene.invoke("{}").await;
        let expected = json!([{"id": "vol-done", "error": "SnapshotPending"}]);
        assert_eq!(observed.json()["notRemoved"], expected);
    }
    let changes = scene.account.changes();
    let created = changes.iter().filter(|change| change.starts_with("CreateSnapshot")).count();
    assert_eq!(created, 1, "{changes:?}");
}
