#![doc = include_str!("../README.md")]

mod anomaly;
mod change;
mod config;
mod error;
mod messages;
mod notices;
mod period;
mod reading;
mod report;
mod tally;

use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use shared::cost::{CallTime, CostExplorer, account, shortened};
use shared::notice::Notice;
use shared::runtime::{Function, Invocation};
use tokio::time::Instant;

use crate::messages::{Event, Message};

pub use config::{Config, VARIABLES};
pub use error::HandlerError;

/// The function.
#[derive(Debug)]
pub struct App<W> {
    config: Config,
    explorer: CostExplorer,
    metrics: W,
}

impl<W: Write> Function for App<W> {
    type Error = HandlerError;

    /// Reports costs, or publishes each message of the event.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), HandlerError> {
        let event = Event::parse(invocation.body).ok_or(HandlerError::InvalidRequest)?;
        let time = CallTime::new(invocation.deadline, self.config.deadline_margin);
        let now_ms = i64::try_from(invocation.now.milliseconds()).unwrap_or(i64::MAX);
        let now = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::MAX);
        let account = account(invocation.function_arn);
        let told = match event {
            Event::Report => self.report(account, now, time).await?,
            Event::Messages(messages) => self.tell(&messages, account, now, time).await?,
        };
        answer.extend_from_slice(told.to_string().as_bytes());
        Ok(())
    }
}

impl<W: Write> App<W> {
    /// Creates the function. It writes its metrics to `metrics`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, metrics: W) -> Self {
        let explorer = CostExplorer::new(config.aws.clone());
        Self { config, explorer, metrics }
    }

    async fn report(
        &mut self,
        account: &str,
        now: Timestamp,
        time: CallTime,
    ) -> Result<Value, HandlerError> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let periods = self.config.period.at(today, self.config.settle_days);
        let reading = time.before_publishing();
        let mut requests = self.explorer.requests(self.config.max_requests, reading);
        let read = reading::read(&mut requests, &self.config, periods).await;
        let requests = requests.made();
        let namespace = &self.config.metrics_namespace;
        let report = read.as_ref().ok();
        let written = tally::emit(namespace, report, requests, now, &mut self.metrics);
        if let Err(error) = written {
            tracing::error!(%error, "failed to write metrics");
        }
        let report = read.map_err(HandlerError::ReportFailed)?;
        let notice = notices::of_report(&report, self.config.thresholds, account);
        self.publish(vec![notice], time).await?;
        Ok(report.answer(requests))
    }

    async fn tell(
        &self,
        messages: &[Message],
        account: &str,
        now: Timestamp,
        time: CallTime,
    ) -> Result<Value, HandlerError> {
        let notices = messages.iter().map(|message| message.notice(account, now));
        self.publish(notices.collect(), time).await?;
        Ok(json!({ "published": messages.len() }))
    }

    /// Publishes each notice independently of the others: each has a share of the remaining time.
    async fn publish(&self, notices: Vec<Notice>, time: CallTime) -> Result<(), HandlerError> {
        let mut failures = Vec::new();
        let shares = (1..=u32::try_from(notices.len()).unwrap_or(u32::MAX)).rev();
        for (notice, shares) in notices.into_iter().zip(shares) {
            // The thread may contain the subject of a message.
            let (kind, id) = (notice.kind.clone(), notice.id());
            let now = Instant::now();
            let until = now + time.until.saturating_duration_since(now) / shares;
            let published = self.config.publisher.publish(shortened(notice, 0), until).await;
            if let Err(error) = published {
                tracing::error!(kind, id, %error, "failed to publish a notice");
                failures.push(error);
            }
        }
        let count = failures.len();
        failures
            .into_iter()
            .next()
            .map_or(Ok(()), |first| Err(HandlerError::NotPublished { count, first }))
    }
}
