//! The handler with fakes, on a paused clock: what is asked for, what is posted, what is answered.

#![cfg(test)]

use std::cell::RefCell;
use std::time::Duration;

use alert_notifier::App;
use alert_notifier::chat::{Chat, NoReply, Reply};
use alert_notifier::config::Config;
use alert_notifier::error::Error;
use alert_notifier::history::{Histories, Item, Question};
use alert_notifier::logs::{Line, Logs, Page, Search};
use alert_notifier::webhook::Webhook;
use serde_json::{Value, json};
use shared::aws::CallFailure;
use shared::event::Timestamp;
use shared::runtime::{Failure, Function, Invocation};
use testkit::{LAMBDA, numbers};
use tokio::time::{Instant, sleep};

const NOW_MS: u64 = 1_732_204_900_000;
const CHANGED_MS: u64 = 1_732_204_840_989;
const CHANGED: &str = "2024-11-21T16:00:40.989+0000";

/// A space that answers messages by what is in them.
#[derive(Default)]
struct Space {
    /// A text, and the status that a message with it gets.
    refuses: Vec<(&'static str, u16)>,
    posted: RefCell<Vec<(String, Value)>>,
}

impl Chat for &Space {
    async fn post(&self, _: &Webhook, id: &str, body: &[u8]) -> Result<Reply, NoReply> {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let refused = self.refuses.iter().find(|(part, _)| text.contains(part));
        self.posted.borrow_mut().push((id.to_owned(), serde_json::from_str(&text).unwrap()));
        Ok(Reply { status: refused.map_or(200, |(_, status)| *status), ..Reply::default() })
    }
}

/// A CloudWatch that knows some lines and changes, after a while.
#[derive(Default)]
struct CloudWatch {
    takes: Duration,
    fails: bool,
    lines: Vec<&'static str>,
    changes: Vec<(u64, &'static str)>,
    searches: RefCell<Vec<Search>>,
    questions: RefCell<Vec<Question>>,
}

impl CloudWatch {
    async fn answer(&self) -> Result<(), CallFailure> {
        sleep(self.takes).await;
        let failure = CallFailure { code: Some("AccessDenied".to_owned()), message: String::new() };
        if self.fails { Err(failure) } else { Ok(()) }
    }
}

impl Logs for &CloudWatch {
    async fn page(&self, search: &Search, _: Option<&str>) -> Result<Page, CallFailure> {
        self.searches.borrow_mut().push(search.clone());
        self.answer().await?;
        let line = |(at, text): (usize, &&str)| Line {
            at_ms: CHANGED_MS + at as u64,
            id: String::new(),
            text: (*text).to_owned(),
        };
        Ok(Page { lines: self.lines.iter().enumerate().map(line).collect(), next: None })
    }
}

impl Histories for &CloudWatch {
    async fn changes(&self, question: &Question) -> Result<Vec<Item>, CallFailure> {
        self.questions.borrow_mut().push(question.clone());
        self.answer().await?;
        let item = |(at_ms, state): &(u64, &str)| Item {
            at_ms: *at_ms,
            data: String::new(),
            summary: format!("Alarm updated from X to {state}"),
        };
        Ok(self.changes.iter().map(item).collect())
    }
}

struct Told {
    answer: Result<Value, Error>,
    metrics: [u64; 4],
    took: Duration,
}

/// One invocation with a minute of time.
async fn tell(space: &Space, cloudwatch: &CloudWatch, event: &Value) -> Told {
    tell_with(space, cloudwatch, event, &[]).await
}

async fn tell_with(
    space: &Space,
    cloudwatch: &CloudWatch,
    event: &Value,
    variables: &[(&str, &str)],
) -> Told {
    let webhook = "https://chat.example/v1/spaces/A/messages?key=AIzaHushHush";
    let own = [("GOOGLE_CHAT_WEBHOOK_URL", webhook)];
    let environment = [&LAMBDA, &own[..], variables].concat().into_iter().collect();
    let config = Config::from_environment(&environment).unwrap();
    let mut metrics = Vec::new();
    let mut app = App::new(config, space, cloudwatch, &mut metrics);
    let started = Instant::now();
    let event = event.to_string();
    let invocation = Invocation {
        body: event.as_bytes(),
        request_id: "request",
        now: Timestamp::from_nanos(u128::from(NOW_MS) * 1_000_000).unwrap(),
        deadline: started + Duration::from_mins(1),
    };
    let mut answer = Vec::new();
    let handled = app.handle(invocation, &mut answer).await;
    let answer = handled.map(|()| serde_json::from_slice(&answer).unwrap());
    let took = started.elapsed();
    let metrics = numbers(&serde_json::from_slice(&metrics).unwrap());
    let metrics =
        ["AlertsIn", "AlertsPosted", "AlertsFailed", "ChatRequests"].map(|name| metrics[name]);
    Told { answer, metrics, took }
}

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
    let expected = Search::new("f", Some("eu-west-1".to_owned()), CHANGED_MS, 60_000);
    assert_eq!(*cloudwatch.searches.borrow(), [expected]);
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
    // A third of the minute, less the margin.
    assert!(told.took <= Duration::from_secs(20), "{:?}", told.took);
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
