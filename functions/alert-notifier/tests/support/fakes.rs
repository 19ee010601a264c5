//! A space, an AWS and one invocation of the handler.

use std::cell::RefCell;
use std::time::Duration;

use alert_notifier::App;
use alert_notifier::chat::{Chat, NoReply, Posting, Reply};
use alert_notifier::config::Config;
use alert_notifier::context::Functions;
use alert_notifier::error::Error;
use alert_notifier::history::{Histories, Item, Question};
use alert_notifier::logs::{Line, Logs, Page, Search};
use alert_notifier::webhook::Webhook;
use serde_json::Value;
use shared::aws::CallFailure;
use shared::event::Timestamp;
use shared::runtime::{Function, Invocation};
use testkit::{LAMBDA, numbers};
use tokio::time::{Instant, sleep};

pub(crate) const NOW_MS: u64 = 1_732_204_900_000;
pub(crate) const CHANGED_MS: u64 = 1_732_204_840_989;

/// A space that answers messages by what is in them.
#[derive(Default)]
pub(crate) struct Space {
    /// A text, and the status that a message with it gets.
    pub(crate) refuses: Vec<(&'static str, u16)>,
    pub(crate) posted: RefCell<Vec<(String, Value)>>,
}

impl Chat for &Space {
    async fn post(&self, _: &Webhook, posting: &Posting) -> Result<Reply, NoReply> {
        let Posting { id, body, has_thread, .. } = posting;
        let text = String::from_utf8(body.clone()).unwrap();
        let refused = self.refuses.iter().find(|(part, _)| text.contains(part));
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(*has_thread, body["thread"]["threadKey"].is_string(), "{body}");
        self.posted.borrow_mut().push((id.clone(), body));
        Ok(Reply { status: refused.map_or(200, |(_, status)| *status), ..Reply::default() })
    }
}

/// A CloudWatch that knows some lines and changes, after a while.
#[derive(Default)]
pub(crate) struct CloudWatch {
    pub(crate) takes: Duration,
    pub(crate) fails: bool,
    pub(crate) lines: Vec<&'static str>,
    /// The stream of these lines.
    pub(crate) stream: &'static str,
    /// The log group in the configuration of every function.
    pub(crate) group: Option<&'static str>,
    pub(crate) asked_for: RefCell<Vec<String>>,
    pub(crate) changes: Vec<(u64, &'static str)>,
    pub(crate) searches: RefCell<Vec<Search>>,
    pub(crate) questions: RefCell<Vec<Question>>,
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
            stream: self.stream.to_owned(),
        };
        Ok(Page { lines: self.lines.iter().enumerate().map(line).collect(), next: None })
    }
}

impl Functions for &CloudWatch {
    async fn log_group(
        &self,
        function: &str,
        region: Option<&str>,
    ) -> Result<Option<String>, CallFailure> {
        let asked_for = format!("{function} in {}", region.unwrap_or("this region"));
        self.asked_for.borrow_mut().push(asked_for);
        self.answer().await?;
        Ok(self.group.map(str::to_owned))
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

pub(crate) struct Told {
    pub(crate) answer: Result<Value, Error>,
    pub(crate) metrics: [u64; 4],
    pub(crate) took: Duration,
}

/// One invocation with a minute of time.
pub(crate) async fn tell(space: &Space, cloudwatch: &CloudWatch, event: &Value) -> Told {
    tell_with(space, cloudwatch, event, &[]).await
}

pub(crate) async fn tell_with(
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
