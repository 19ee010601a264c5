//! Alarms, notices and any other messages that are posted.

use std::cell::RefCell;

use alert_notifier::config::Config;
use alert_notifier::{
    App, Chat, ChatReply, Functions, Histories, HistoryItem, HistoryQuery, LogLine, LogPage,
    LogSearch, Logs, NoReply, Posting, Webhook,
};
use serde_json::{Value, json};
use shared::aws::CallFailure;
use shared::notice::Notice;
use testkit::LAMBDA;

use crate::invocation::{NOW_MS, invoke};

const KEY: &str = "AIzaHushHushHush";

/// A space that accepts every message.
#[derive(Default)]
struct Space(RefCell<Vec<Posting>>);

impl Chat for &Space {
    async fn post(&self, _: &Webhook, posting: &Posting) -> Result<ChatReply, NoReply> {
        self.0.borrow_mut().push(posting.clone());
        Ok(ChatReply { status: 200, ..ChatReply::default() })
    }
}

/// Services that answer everything.
struct Services;

impl Logs for Services {
    async fn page(&self, _: &LogSearch, _: Option<&str>) -> Result<LogPage, CallFailure> {
        let text = format!("{{\"level\":\"ERROR\",\"message\":\"key={KEY}\"}}");
        let line = LogLine { at_ms: NOW_MS, id: "l".to_owned(), text, stream: String::new() };
        Ok(LogPage { lines: vec![line], next: None })
    }
}

impl Functions for Services {
    async fn log_group(&self, _: &str, _: Option<&str>) -> Result<Option<String>, CallFailure> {
        Ok(Some("/aws/lambda/f".to_owned()))
    }
}

impl Histories for Services {
    async fn changes(&self, query: &HistoryQuery) -> Result<Vec<HistoryItem>, CallFailure> {
        let summary = "Alarm updated from OK to ALARM".to_owned();
        let at_ms = query.recovered_ms.saturating_sub(60_000);
        Ok(vec![HistoryItem { at_ms, data: String::new(), summary }])
    }
}

/// The messages that are posted for an event.
fn post(event: &[u8]) -> Vec<Posting> {
    let webhook = format!("https://chat.example/v1/spaces/A/messages?key={KEY}");
    let own = [("GOOGLE_CHAT_WEBHOOK_URL", &*webhook)];
    let config = Config::from_environment(&[&LAMBDA, &own[..]].concat().into_iter().collect());
    let space = Space::default();
    let mut metrics = Vec::new();
    let mut app = App::new(config.unwrap(), &space, Services, &mut metrics);
    let answer = invoke(&mut app, event).unwrap();
    let posted = space.0.take();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer, json!({"posted": posted.iter().map(|one| one.alerts.len()).sum::<usize>()}));
    drop(serde_json::from_slice::<Value>(&metrics).unwrap());
    posted
}

/// A message is always posted in the same way: as JSON that Google Chat accepts, without the
/// webhook's key. A notice is unchanged after it is written and parsed again.
pub fn alerts(message: &[u8]) {
    let text = String::from_utf8_lossy(message);
    let topic = "arn:aws:sns:eu-west-1:123456789012:alerts";
    let sns = json!({"Records": [{"EventSource": "aws:sns", "Sns": {
        "Type": "Notification", "MessageId": "m", "TopicArn": topic, "Message": text,
    }}]});
    for event in [sns.to_string().as_bytes(), message] {
        let posted = post(event);
        assert!(!posted.is_empty());
        for Posting { id, body, has_thread, alerts } in &posted {
            assert!(!id.is_empty() && !alerts.is_empty());
            assert!(body.len() <= 32_000, "{} bytes", body.len());
            let text = std::str::from_utf8(body).unwrap();
            assert!(!text.contains(KEY), "{text}");
            let body: Value = serde_json::from_str(text).unwrap();
            assert_eq!(*has_thread, body["thread"]["threadKey"].is_string());
            assert!(body["text"].is_string() || body["cardsV2"].is_array(), "{body}");
        }
        assert_eq!(post(event), posted);
    }
    let notice = serde_json::from_slice(message).ok().and_then(|value| Notice::parse(&value));
    if let Some(notice) = notice {
        let mut value = serde_json::to_value(&notice).unwrap();
        value["sluice"] = "notice".into();
        value["version"] = 1.into();
        assert_eq!(Notice::parse(&value), Some(notice));
    }
}
