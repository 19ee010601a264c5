//! The handler with fakes, on a paused clock: what is looked up, what is posted, what is answered.

#![cfg(test)]

mod support {
    pub(crate) mod fakes;
}

use std::time::Duration;

use alert_notifier::history::Question;
use alert_notifier::logs::Search;
use serde_json::{Value, json};
use shared::runtime::Failure;

use support::fakes::{CHANGED_MS, CloudWatch, NOW_MS, Space, tell, tell_with};

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
async fn every_record_is_tried_and_one_that_fails_fails_the_invocation() {
    let space = Space { refuses: vec![("second", 403)], ..Space::default() };
    let event = sns(&[json!("first"), json!("second"), json!("third")]);
    let told = tell(&space, &CloudWatch::default(), &event).await;
    let error = told.answer.unwrap_err();
    assert_eq!(error.error_type(), "NotPosted");
    let expected = "1 of 3 alerts not posted: Google Chat answered 403 (is the webhook still there? \
                    make a new one in the space)";
    assert_eq!(error.to_string(), expected);
    let ids: Vec<_> = space.posted.borrow().iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, ["id-0", "id-1", "id-2"]);
    assert_eq!(told.metrics, [3, 2, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_a_success_without_a_post() {
    for event in [json!({"Records": []}), json!({}), json!(null), json!("text"), json!([])] {
        let space = Space::default();
        let told = tell(&space, &CloudWatch::default(), &event).await;
        assert_eq!(told.answer, Ok(json!({"posted": 1})), "{event}");
        let posted = space.posted.take();
        let [(id, body)] = &posted[..] else { panic!("{event}: {posted:?}") };
        assert_eq!((id.as_str(), &body["text"]), ("request", &json!(event.to_string())));
        let down = Space { refuses: vec![("", 500)], ..Space::default() };
        assert!(tell(&down, &CloudWatch::default(), &event).await.answer.is_err(), "{event}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_fires_is_told_with_error_lines() {
    let space = Space::default();
    let cloudwatch =
        CloudWatch { lines: vec!["a", "b", "c", "d", "e", "f"], ..CloudWatch::default() };
    tell(&space, &cloudwatch, &sns(&[alarm(&json!({}))])).await;
    let region = Some("eu-west-1".to_owned());
    let expected = Search::new("f", "/aws/lambda/f".to_owned(), region, CHANGED_MS, 60_000);
    assert_eq!(*cloudwatch.searches.borrow(), [expected]);
    assert_eq!(*cloudwatch.asked_for.borrow(), ["f in eu-west-1"]);
    assert_eq!(cloudwatch.questions.borrow().len(), 0);
    let body = space.posted.borrow()[0].1.to_string();
    let shown = |line: &str| body.contains(&format!("16:00:40 {line}\""));
    assert!(["b", "c", "d", "e", "f"].iter().all(|line| shown(line)) && !shown("a"), "{body}");
    // An alarm that does not say when is looked up around now.
    let undated = alarm(&json!({"StateChangeTime": null}));
    tell(&space, &cloudwatch, &sns(&[undated])).await;
    assert_eq!(cloudwatch.searches.borrow()[1].to_ms, NOW_MS + 60_000);
}

#[tokio::test(start_paused = true)]
async fn error_lines_are_as_many_as_are_wanted() {
    for (wanted, expected) in [("0", 0), ("2", 2), ("50", 3)] {
        let space = Space::default();
        let cloudwatch = CloudWatch { lines: vec!["a", "b", "c"], ..CloudWatch::default() };
        let event = sns(&[alarm(&json!({}))]);
        tell_with(&space, &cloudwatch, &event, &[("ERROR_LINES", wanted)]).await;
        let body = space.posted.borrow()[0].1.to_string();
        assert_eq!(body.matches("16:00:40 ").count() - 1, expected, "{wanted}: {body}");
        // The one that is left is `Since`.
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
    for (event, contributor, asked) in [
        (sns(&[recovered]), None, true),
        (through_eventbridge, None, false),
        (sns(&[contributor]), Some("6d44"), true),
    ] {
        let space = Space::default();
        let changes = vec![(CHANGED_MS, "OK"), hour_ago, (CHANGED_MS - 7_200_000, "OK")];
        let cloudwatch = CloudWatch { changes, ..CloudWatch::default() };
        tell(&space, &cloudwatch, &event).await;
        let body = &space.posted.borrow()[0].1;
        let thread = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:plays";
        assert_eq!(body["thread"]["threadKey"], thread);
        let row = json!({"topLabel": "Was in alarm for", "text": "1 h", "wrapText": true});
        assert!(body.to_string().contains(&row.to_string()), "{body}");
        let expected = Question {
            alarm: "plays".to_owned(),
            region: Some("eu-west-1".to_owned()),
            contributor: contributor.map(str::to_owned),
            recovered_ms: CHANGED_MS,
        };
        assert_eq!(*cloudwatch.questions.borrow(), if asked { vec![expected] } else { vec![] });
        assert_eq!(cloudwatch.searches.borrow().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cloudwatch_that_fails_or_hangs_holds_no_alert_back() {
    let recovered = alarm(&json!({"NewStateValue": "OK", "OldStateValue": "ALARM"}));
    for (takes, fails, most) in [(0, true, 0), (3_600, false, 3)] {
        for alarm in [alarm(&json!({})), recovered.clone()] {
            let space = Space::default();
            let takes = Duration::from_secs(takes);
            let cloudwatch = CloudWatch { takes, fails, ..CloudWatch::default() };
            let told = tell(&space, &cloudwatch, &sns(&[alarm])).await;
            assert_eq!(told.answer, Ok(json!({"posted": 1})));
            assert_eq!(told.took, Duration::from_secs(most));
            let body = space.posted.borrow()[0].1.to_string();
            assert!(body.contains("plays"), "{body}");
            assert!(!body.contains("Last errors") && !body.contains("in alarm for"), "{body}");
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
    let told = tell(&space, &cloudwatch, &sns(&alarms)).await;
    assert_eq!(told.answer, Ok(json!({"posted": 100})));
    assert!(told.took <= Duration::from_secs(59), "{:?}", told.took);
    // More than fit into half of the time: the last message is a summary.
    assert_eq!(told.metrics, [100, 100, 0, 29]);
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
    // Again, it is the same.
    tell(&space, &cloudwatch, &sns(&alarms)).await;
    assert_eq!(space.posted.take(), posted);
}

#[tokio::test(start_paused = true)]
async fn what_is_delivered_twice_has_the_same_id_and_the_same_body() {
    let space = Space::default();
    let event = sns(&[alarm(&json!({})), json!("text")]);
    for _ in 0..2 {
        tell(&space, &CloudWatch::default(), &event).await;
    }
    let posted = space.posted.borrow();
    assert_eq!(posted[..2], posted[2..]);
    assert_ne!(posted[0].0, posted[1].0);
}

#[tokio::test(start_paused = true)]
async fn times_are_told_in_the_teams_zone_too() {
    let space = Space::default();
    let variables = [("TIME_ZONE", "Asia/Seoul")];
    let event = sns(&[alarm(&json!({}))]);
    tell_with(&space, &CloudWatch::default(), &event, &variables).await;
    let body = space.posted.borrow()[0].1.to_string();
    assert!(body.contains("2024-11-21 16:00:40 UTC (2024-11-22 01:00:40 KST)"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_storm_posts_each_alarm_once_and_loses_none() {
    let alarms: Vec<_> = (0..12).map(|at| alarm(&json!({"AlarmName": format!("a{at}")}))).collect();
    let space = Space::default();
    let told = tell(&space, &CloudWatch::default(), &sns(&alarms)).await;
    assert_eq!((told.answer, told.metrics), (Ok(json!({"posted": 12})), [12, 12, 0, 12]));
    assert_eq!(told.took, Duration::from_secs(11));
    let ids: Vec<_> = space.posted.take().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, (0..12).map(|at| format!("id-{at}")).collect::<Vec<_>>());
    // A summary that is refused fails the invocation with all that it names.
    let many: Vec<_> = (0..40).map(|at| json!(format!("note {at}"))).collect();
    let space = Space { refuses: vec![("more alerts", 503)], ..Space::default() };
    let told = tell(&space, &CloudWatch::default(), &sns(&many)).await;
    let error = told.answer.unwrap_err().to_string();
    assert_eq!(error, "12 of 40 alerts not posted: Google Chat answered 503");
    assert_eq!(told.metrics[..3], [40, 28, 12]);
}

/// The links and the header of the lines of the one card that was posted.
async fn card(cloudwatch: &CloudWatch, alarm: Value) -> (Vec<String>, Option<String>, String) {
    let space = Space::default();
    tell(&space, cloudwatch, &sns(&[alarm])).await;
    let body = space.posted.take().remove(0).1;
    let sections = body["cardsV2"][0]["card"]["sections"].as_array().unwrap().clone();
    let header = sections.iter().find_map(|section| section["header"].as_str());
    let buttons = sections
        .iter()
        .find_map(|section| section["widgets"][0]["buttonList"]["buttons"].as_array());
    let url = |button: &Value| button["onClick"]["openLink"]["url"].as_str().unwrap().to_owned();
    let links = buttons.into_iter().flatten().map(url).collect();
    (links, header.map(str::to_owned), body.to_string())
}

fn logs_link(links: &[String]) -> Option<&str> {
    let group = links.iter().find_map(|link| link.split_once("#logsV2:log-groups/log-group/"));
    group.map(|(_, group)| group)
}

#[tokio::test(start_paused = true)]
async fn a_function_with_another_log_group_is_looked_up() {
    let cloudwatch = CloudWatch {
        group: Some("/platform/shared"),
        lines: vec!["failed"],
        stream: "2024/11/21/f[$LATEST]01",
        ..CloudWatch::default()
    };
    let (links, header, _) = card(&cloudwatch, alarm(&json!({}))).await;
    assert_eq!(logs_link(&links), Some("$252Fplatform$252Fshared"));
    assert_eq!(header.as_deref(), Some("Last errors in /platform/shared"));
    assert_eq!(cloudwatch.searches.borrow()[0].log_group, "/platform/shared");
    // Lines of another function in the same group.
    let other = CloudWatch { stream: "2024/11/21/g[$LATEST]01", ..cloudwatch };
    let (links, header, _) = card(&other, alarm(&json!({}))).await;
    assert_eq!((logs_link(&links), header), (Some("$252Fplatform$252Fshared"), None));
    // After the recovery too, where no lines are searched for.
    let recovered = alarm(&json!({"NewStateValue": "OK", "OldStateValue": "ALARM"}));
    let (links, ..) = card(&other, recovered).await;
    assert_eq!(logs_link(&links), Some("$252Fplatform$252Fshared"));
}

#[tokio::test(start_paused = true)]
async fn a_log_group_that_is_not_certain_is_not_linked_to() {
    for state in [json!({}), json!({"NewStateValue": "OK", "OldStateValue": "ALARM"})] {
        let refused = CloudWatch { fails: true, ..CloudWatch::default() };
        let (links, header, _) = card(&refused, alarm(&state)).await;
        assert_eq!((logs_link(&links), header), (None, None), "{state}");
        // The alarm itself is.
        assert_eq!(links.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_of_lambda_at_edge_has_a_log_group_of_its_own() {
    let cloudwatch = CloudWatch { lines: vec!["failed"], ..CloudWatch::default() };
    for name in ["us-east-1.redirector", "us-east-1.f"] {
        let dimensions = json!([{"name": "FunctionName", "value": name}]);
        let trigger = json!({"MetricName": "Errors", "Dimensions": dimensions});
        let (links, header, _) = card(&cloudwatch, alarm(&json!({"Trigger": trigger}))).await;
        assert_eq!(logs_link(&links), Some(&*format!("$252Faws$252Flambda$252F{name}")));
        assert_eq!(header, Some(format!("Last errors in /aws/lambda/{name}")));
    }
    assert!(cloudwatch.asked_for.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_alarm_on_another_account_shows_nothing_of_this_one() {
    let query = |account: &str| {
        let dimensions = json!([{"name": "FunctionName", "value": "f"}]);
        let metric = json!({"MetricName": "Errors", "Dimensions": dimensions});
        json!({"Id": "m", "AccountId": account, "MetricStat": {"Metric": metric}})
    };
    for accounts in [&["210987654321"][..], &["123456789012", "210987654321"]] {
        let metrics: Vec<_> = accounts.iter().map(|account| query(account)).collect();
        let cloudwatch = CloudWatch { lines: vec!["failed"], ..CloudWatch::default() };
        let trigger = json!({"Trigger": {"Metrics": metrics}});
        let (links, header, body) = card(&cloudwatch, alarm(&trigger)).await;
        assert_eq!((logs_link(&links), header), (None, None));
        assert!(body.contains("210987654321 (the alarm is in 123456789012)"), "{body}");
        assert!(
            cloudwatch.searches.borrow().is_empty() && cloudwatch.asked_for.borrow().is_empty()
        );
    }
    // Named, but its own.
    let cloudwatch = CloudWatch { lines: vec!["failed"], ..CloudWatch::default() };
    let trigger = json!({"Trigger": {"Metrics": [query("123456789012")]}});
    let (links, _, body) = card(&cloudwatch, alarm(&trigger)).await;
    assert_eq!(logs_link(&links), Some("$252Faws$252Flambda$252Ff"));
    assert!(!body.contains("another account"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn notices_of_one_thread_are_in_one_thread() {
    let notice = |state: &str, at: &str| {
        json!({
            "sluice": "notice", "version": 1, "source": "warehouse-watch", "kind": "long_query",
            "state": state, "title": "Query 7", "thread": "query/7", "at": at, "facts": [],
        })
    };
    let space = Space::default();
    let at = "2024-11-21T16:00:00Z";
    let event =
        sns(&[notice("ALARM", at), notice("OK", "2024-11-21T17:00:00Z"), notice("ALARM", at)]);
    let cloudwatch = CloudWatch::default();
    let told = tell(&space, &cloudwatch, &event).await;
    assert_eq!(told.metrics, [3, 3, 0, 3]);
    let posted = space.posted.take();
    let title = |at: usize| &posted[at].1["cardsV2"][0]["card"]["header"]["title"];
    assert_eq!((title(0), title(1)), (&json!("🔴 Query 7"), &json!("🟢 Query 7")));
    assert!(posted.iter().all(|(_, body)| body["thread"]["threadKey"] == "query/7"));
    // The same notice has the same id, another state another.
    assert_eq!(posted[0], posted[2]);
    assert_ne!(posted[0].0, posted[1].0);
    assert!(cloudwatch.asked_for.borrow().is_empty() && cloudwatch.questions.borrow().is_empty());
}
