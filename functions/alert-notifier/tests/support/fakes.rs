//! A fake space, fake AWS services, and one invocation of the handler.

use std::cell::RefCell;
use std::time::Duration;

use alert_notifier::config::Config;
use alert_notifier::{
    App, Chat, ChatReply, Functions, HandlerError, Histories, HistoryItem, HistoryQuery, LogLine,
    LogPage, LogSearch, Logs, NoReply, Posting, Webhook,
};
use serde_json::Value;
use shared::aws::CallFailure;
use shared::event::Timestamp;
use shared::runtime::{Function, Invocation};
use testkit::{LAMBDA, numbers};
use tokio::time::{Instant, sleep};

pub(crate) const NOW_MS: u64 = 1_732_204_900_000;
pub(crate) const CHANGED_MS: u64 = 1_732_204_840_989;

/// A space that posts or rejects messages by their text.
#[derive(Default)]
pub(crate) struct Space {
    /// Texts with the status for messages that contain them.
    pub(crate) refuses: Vec<(&'static str, u16)>,
    pub(crate) posted: RefCell<Vec<(String, Value)>>,
}

impl Chat for &Space {
    async fn post(&self, _: &Webhook, posting: &Posting) -> Result<ChatReply, NoReply> {
        let Posting { id, body, has_thread, .. } = posting;
        let text = String::from_utf8(body.clone()).unwrap();
        let refused = self.refuses.iter().find(|(part, _)| text.contains(part));
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(*has_thread, body["thread"]["threadKey"].is_string(), "{body}");
        self.posted.borrow_mut().push((id.clone(), body));
        let status = refused.map_or(200, |(_, status)| *status);
        Ok(ChatReply { status, ..ChatReply::default() })
    }
}

/// CloudWatch, CloudWatch Logs and Lambda.
#[derive(Default)]
pub(crate) struct CloudWatch {
    /// Duration of every call.
    pub(crate) takes: Duration,
    pub(crate) fails: bool,
    pub(crate) lines: Vec<&'static str>,
    /// The log group in the configuration of every function.
    pub(crate) log_group: Option<&'static str>,
    /// Times and new states of the alarm.
    pub(crate) changes: Vec<(u64, &'static str)>,
    /// Functions whose configuration was read.
    pub(crate) functions: RefCell<Vec<String>>,
    pub(crate) searches: RefCell<Vec<LogSearch>>,
    pub(crate) queries: RefCell<Vec<HistoryQuery>>,
}

impl CloudWatch {
    async fn answer(&self) -> Result<(), CallFailure> {
        sleep(self.takes).await;
        let failure = CallFailure { code: Some("AccessDenied".to_owned()), message: String::new() };
        if self.fails { Err(failure) } else { Ok(()) }
    }
}

impl Logs for &CloudWatch {
    async fn page(&self, search: &LogSearch, _: Option<&str>) -> Result<LogPage, CallFailure> {
        self.searches.borrow_mut().push(search.clone());
        self.answer().await?;
        let line = |(at, text): (usize, &&str)| LogLine {
            at_ms: CHANGED_MS + at as u64,
            id: String::new(),
            text: (*text).to_owned(),
            stream: String::new(),
        };
        Ok(LogPage { lines: self.lines.iter().enumerate().map(line).collect(), next: None })
    }
}

impl Functions for &CloudWatch {
    async fn log_group(
        &self,
        function: &str,
        region: Option<&str>,
    ) -> Result<Option<String>, CallFailure> {
        let function = format!("{function} in {}", region.unwrap_or("this region"));
        self.functions.borrow_mut().push(function);
        self.answer().await?;
        Ok(self.log_group.map(str::to_owned))
    }
}

impl Histories for &CloudWatch {
    async fn changes(&self, query: &HistoryQuery) -> Result<Vec<HistoryItem>, CallFailure> {
        self.queries.borrow_mut().push(query.clone());
        self.answer().await?;
        let item = |(at_ms, state): &(u64, &str)| HistoryItem {
            at_ms: *at_ms,
            data: String::new(),
            summary: format!("Alarm updated from X to {state}"),
        };
        Ok(self.changes.iter().map(item).collect())
    }
}

pub(crate) struct Invoked {
    pub(crate) answer: Result<Value, HandlerError>,
    /// The metrics: alerts, posted, failed, requests.
    pub(crate) metrics: [u64; 4],
    pub(crate) took: Duration,
}

/// Invokes the function with a minute of remaining time.
pub(crate) async fn invoke(space: &Space, cloudwatch: &CloudWatch, event: &Value) -> Invoked {
    invoke_with(space, cloudwatch, event, &[]).await
}

pub(crate) async fn invoke_with(
    space: &Space,
    cloudwatch: &CloudWatch,
    event: &Value,
    variables: &[(&str, &str)],
) -> Invoked {
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
        function_arn: "",
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
    Invoked { answer, metrics, took }
}
