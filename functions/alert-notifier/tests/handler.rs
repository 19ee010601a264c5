//! The handler with fakes on a paused clock.

#![cfg(test)]

mod support {
    pub(crate) mod fakes;
}

use std::time::Duration;

use alert_notifier::{HistoryQuery, LogSearch};
use serde_json::{Value, json};
use shared::runtime::Failure;

use support::fakes::{CHANGED_MS, CloudWatch, NOW_MS, Space, invoke, invoke_with};

const CHANGED: &str = "2024-11-21T16:00:40.989+0000";

fn alarm(extra: &Value) -> Value {
    let mut alarm = json!({
        "AlarmName": "plays",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:plays",
        "NewStateValue": "ALARM",
        "StateChangeTime": CHANGED,
        "Trigger": {"MetricName": "Errors", "Dimensions": [{"name": "FunctionName", "value": "f"}]},
    });
    alarm.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    alarm
}

fn sns(messages: &[Value]) -> Value {
    let record = |(at, message): (usize, &Value)| {
        let text = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
        json!({"Sns": {"MessageId": format!("id-{at}"), "Message": text}})
    };
    json!({"Records": messages.iter().enumerate().map(record).collect::<Vec<_>>()})
}

#[tokio::test(start_paused = true)]
async fn every_record_is_tried_and_one_failure_fails_the_invocation() {
    let space = Space { refuses: vec![("second", 403)], ..Space::default() };
    let event = sns(&[json!("first"), json!("second"), json!("third")]);
    let invoked = invoke(&space, &CloudWatch::default(), &event).await;
    let error = invoked.answer.unwrap_err();
    assert_eq!(error.error_type(), "NotPosted");
    let expected = "1 of 3 alerts not posted: Google Chat answered 403 (if the webhook was deleted, \
                    create a new one in the space)";
    assert_eq!(error.to_string(), expected);
    let ids: Vec<_> = space.posted.borrow().iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, ["id-0", "id-1", "id-2"]);
    assert_eq!(invoked.metrics, [3, 2, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn every_event_is_posted_or_fails_the_invocation() {
    for event in [json!({"Records": []}), json!({}), json!(null), json!("text"), json!([])] {
        let space = Space::default();
        let invoked = invoke(&space, &CloudWatch::default(), &event).await;
        assert_eq!(invoked.answer, Ok(json!({"posted": 1})), "{event}");
        let posted = space.posted.take();
        let [(id, body)] = &posted[..] else { panic!("{event}: {posted:?}") };
        assert_eq!((id.as_str(), &body["text"]), ("request", &json!(event.to_string())));
        let down = Space { refuses: vec![("", 500)], ..Space::default() };
        assert!(invoke(&down, &CloudWatch::default(), &event).await.answer.is_err(), "{event}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_fires_is_posted_with_error_lines() {
    let space = Space::default();
    let cloudwatch =
        CloudWatch { lines: vec!["a", "b", "c", "d", "e", "f"], ..CloudWatch::default() };
    invoke(&space, &cloudwatch, &sns(&[alarm(&json!({}))])).await;
    let region = Some("eu-west-1".to_owned());
    let expected = LogSearch::new("f", "/aws/lambda/f".to_owned(), region, CHANGED_MS, 60_000);
    assert_eq!(*cloudwatch.searches.borrow(), [expected]);
    assert_eq!(*cloudwatch.functions.borrow(), ["f in eu-west-1"]);
    assert_eq!(cloudwatch.queries.borrow().len(), 0);
    let body = space.posted.borrow()[0].1.to_string();
    let shown = |line: &str| body.contains(&format!("16:00:40 {line}\""));
    assert!(["b", "c", "d", "e", "f"].iter().all(|line| shown(line)) && !shown("a"), "{body}");
    // Without a time, the lines are searched around now.
    let undated = alarm(&json!({"StateChangeTime": null}));
    invoke(&space, &cloudwatch, &sns(&[undated])).await;
    assert_eq!(cloudwatch.searches.borrow()[1].to_ms, NOW_MS + 60_000);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_error_lines_is_configurable() {
    for (limit, expected) in [("0", 0), ("2", 2), ("50", 3)] {
        let space = Space::default();
        let cloudwatch = CloudWatch { lines: vec!["a", "b", "c"], ..CloudWatch::default() };
        let event = sns(&[alarm(&json!({}))]);
        invoke_with(&space, &cloudwatch, &event, &[("ERROR_LINES", limit)]).await;
        let body = space.posted.borrow()[0].1.to_string();
        assert_eq!(body.matches("16:00:40 ").count() - 1, expected, "{limit}: {body}");
        // The remaining time is `Since`.
        assert_eq!(body.matches("16:00:40 UTC").count(), 1);
        assert_eq!(cloudwatch.searches.borrow().len(), usize::from(expected > 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_recovery_replies_in_the_alarms_thread_with_the_duration() {
    let recovered = alarm(&json!({"NewStateValue": "OK", "OldStateValue": "ALARM"}));
    let through_eventbridge = json!({
        "id": "event", "account": "123456789012", "region": "eu-west-1",
        "resources": ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:plays"],
        "detail": {
            "alarmName": "plays", "state": {"value": "OK", "timestamp": CHANGED},
            "previousState": {"value": "ALARM", "timestamp": "2024-11-21T15:00:40.989+0000"},
        },
    });
    let contributor = alarm(&json!({
        "NewStateValue": "OK", "OldStateValue": "ALARM", "AlarmContributorId": "6d44"}));
    let hour_ago = (CHANGED_MS - 3_600_000, "ALARM");
    for (event, contributor, is_queried) in [
        (sns(&[recovered]), None, true),
        (through_eventbridge, None, false),
        (sns(&[contributor]), Some("6d44"), true),
    ] {
        let space = Space::default();
        let changes = vec![(CHANGED_MS, "OK"), hour_ago, (CHANGED_MS - 7_200_000, "OK")];
        let cloudwatch = CloudWatch { changes, ..CloudWatch::default() };
        invoke(&space, &cloudwatch, &event).await;
        let body = &space.posted.borrow()[0].1;
        let thread = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:plays";
        assert_eq!(body["thread"]["threadKey"], thread);
        let row = json!({"topLabel": "Was in alarm for", "text": "1 h", "wrapText": true});
        assert!(body.to_string().contains(&row.to_string()), "{body}");
        let expected = HistoryQuery {
            alarm: "plays".to_owned(),
            region: Some("eu-west-1".to_owned()),
            contributor: contributor.map(str::to_owned),
            recovered_ms: CHANGED_MS,
        };
        assert_eq!(*cloudwatch.queries.borrow(), if is_queried { vec![expected] } else { vec![] });
        assert_eq!(cloudwatch.searches.borrow().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_posted_if_cloudwatch_fails_or_hangs() {
    let recovered = alarm(&json!({"NewStateValue": "OK", "OldStateValue": "ALARM"}));
    for (takes, fails, max) in [(0, true, 0), (3_600, false, 3)] {
        for alarm in [alarm(&json!({})), recovered.clone()] {
            let space = Space::default();
            let takes = Duration::from_secs(takes);
            let cloudwatch = CloudWatch { takes, fails, ..CloudWatch::default() };
            let invoked = invoke(&space, &cloudwatch, &sns(&[alarm])).await;
            assert_eq!(invoked.answer, Ok(json!({"posted": 1})));
            assert_eq!(invoked.took, Duration::from_secs(max));
            let body = space.posted.borrow()[0].1.to_string();
            assert!(body.contains("plays"), "{body}");
            for absent in ["Last errors", "in alarm for", "logsV2"] {
                assert!(!body.contains(absent), "{body}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_alerts_leave_time_for_google_chat() {
    let space = Space::default();
    let takes = Duration::from_hours(1);
    let cloudwatch = CloudWatch { takes, ..CloudWatch::default() };
    let alarms: Vec<_> =
        (0..100).map(|at| alarm(&json!({"AlarmName": format!("a{at}")}))).collect();
    let invoked = invoke(&space, &cloudwatch, &sns(&alarms)).await;
    assert_eq!(invoked.answer, Ok(json!({"posted": 100})));
    assert!(invoked.took <= Duration::from_secs(59), "{:?}", invoked.took);
    // More than half of the time allows: the last message is a summary.
    assert_eq!(invoked.metrics, [100, 100, 0, 29]);
    let posted = space.posted.take();
    let names = |body: &Value| {
        let text = body["text"].as_str().unwrap_or_default().to_owned();
        let lines = text.lines().skip(1).map(str::to_owned);
        let title = body["cardsV2"][0]["card"]["header"]["title"].as_str().map(str::to_owned);
        lines.chain(title).collect::<Vec<_>>()
    };
    let shown: Vec<String> = posted.iter().flat_map(|(_, body)| names(body)).collect();
    let place = |at: usize| if at < 28 { "" } else { " (eu-west-1 · 123456789012)" };
    let expected: Vec<_> = (0..100).map(|at| format!("🔴 ALARM: a{at}{}", place(at))).collect();
    assert_eq!(shown, expected);
    // A retry posts the same messages.
    invoke(&space, &cloudwatch, &sns(&alarms)).await;
    assert_eq!(space.posted.take(), posted);
}

#[tokio::test(start_paused = true)]
async fn a_second_delivery_has_the_same_ids_and_bodies() {
    let space = Space::default();
    let event = sns(&[alarm(&json!({})), json!("text")]);
    for _ in 0..2 {
        invoke(&space, &CloudWatch::default(), &event).await;
    }
    let posted = space.posted.borrow();
    assert_eq!(posted[..2], posted[2..]);
    assert_ne!(posted[0].0, posted[1].0);
}

#[tokio::test(start_paused = true)]
async fn a_storm_posts_each_alarm_once() {
    let alarms: Vec<_> = (0..12).map(|at| alarm(&json!({"AlarmName": format!("a{at}")}))).collect();
    let space = Space::default();
    let invoked = invoke(&space, &CloudWatch::default(), &sns(&alarms)).await;
    assert_eq!((invoked.answer, invoked.metrics), (Ok(json!({"posted": 12})), [12, 12, 0, 12]));
    assert_eq!(invoked.took, Duration::from_secs(11));
    let ids: Vec<_> = space.posted.take().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, (0..12).map(|at| format!("id-{at}")).collect::<Vec<_>>());
    // A rejected summary fails with all alerts that it names.
    let many: Vec<_> = (0..40).map(|at| json!(format!("note {at}"))).collect();
    let space = Space { refuses: vec![("more alerts", 503)], ..Space::default() };
    let invoked = invoke(&space, &CloudWatch::default(), &sns(&many)).await;
    let error = invoked.answer.unwrap_err().to_string();
    assert_eq!(error, "12 of 40 alerts not posted: Google Chat answered 503");
    assert_eq!(invoked.metrics[..3], [40, 28, 12]);
}

#[tokio::test(start_paused = true)]
async fn only_functions_of_this_account_and_region_are_looked_up() {
    let watching = |name: &str| json!([{"name": "FunctionName", "value": name}]);
    let trigger = |name: &str| {
        alarm(&json!({"Trigger": {"MetricName": "Errors", "Dimensions": watching(name)}}))
    };
    let accounts = |accounts: &[&str]| {
        let metric = json!({"MetricName": "Errors", "Dimensions": watching("f")});
        let query = |account| json!({"AccountId": account, "MetricStat": {"Metric": metric}});
        let metrics: Vec<_> = accounts.iter().map(query).collect();
        alarm(&json!({"Trigger": {"Metrics": metrics}}))
    };
    let (own, other) = ("123456789012", "210987654321");
    for (message, functions, log_group) in [
        (trigger("f"), 1, Some("/aws/lambda/f")),
        // The configuration of a replica of Lambda@Edge is in another region.
        (trigger("us-east-1.f"), 0, Some("/aws/lambda/us-east-1.f")),
        (accounts(&[own]), 1, Some("/aws/lambda/f")),
        (accounts(&[other]), 0, None),
        (accounts(&[own, other]), 0, None),
        (notice("ALARM", "2024-11-21T16:00:00Z"), 0, None),
        (json!("text"), 0, None),
    ] {
        let cloudwatch = CloudWatch::default();
        invoke(&Space::default(), &cloudwatch, &sns(&[message])).await;
        let searches = cloudwatch.searches.borrow();
        let groups: Vec<&str> = searches.iter().map(|search| &*search.log_group).collect();
        assert_eq!(groups, Vec::from_iter(log_group));
        assert_eq!(cloudwatch.functions.borrow().len(), functions);
        assert!(cloudwatch.queries.borrow().is_empty());
    }
    let log_group = Some("/platform/shared");
    let cloudwatch = CloudWatch { log_group, ..CloudWatch::default() };
    invoke(&Space::default(), &cloudwatch, &sns(&[trigger("f")])).await;
    assert_eq!(cloudwatch.searches.borrow()[0].log_group, "/platform/shared");
}

fn notice(state: &str, at: &str) -> Value {
    json!({
        "sluice": "notice", "version": 1, "source": "warehouse-watch", "kind": "long_query",
        "state": state, "title": "Query 7", "thread": "query/7", "at": at, "facts": [],
    })
}

#[tokio::test(start_paused = true)]
async fn notices_of_one_thread_are_in_one_thread() {
    let space = Space::default();
    let at = "2024-11-21T16:00:00Z";
    let event =
        sns(&[notice("ALARM", at), notice("OK", "2024-11-21T17:00:00Z"), notice("ALARM", at)]);
    let invoked = invoke(&space, &CloudWatch::default(), &event).await;
    assert_eq!(invoked.metrics, [3, 3, 0, 3]);
    let posted = space.posted.take();
    assert!(posted.iter().all(|(_, body)| body["thread"]["threadKey"] == "query/7"));
    // The id differs by state.
    assert_eq!(posted[0], posted[2]);
    assert_ne!(posted[0].0, posted[1].0);
}
