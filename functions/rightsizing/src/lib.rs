#![doc = include_str!("../README.md")]

mod bucket;
mod buckets;
mod change;
mod clients;
mod config;
mod disks;
mod error;
mod found;
mod graviton;
mod kind;
mod machines;
mod notices;
mod report;
mod request;
mod shrink;
mod shrinking;
mod tally;
mod tiering;
mod volume;
mod whole;

use std::io::Write;

use jiff::Timestamp;
use serde_json::Value;
use shared::cost::{self, CallTime, account};
use shared::runtime::{Function, Invocation};

pub use config::{Config, VARIABLES};
pub use error::HandlerError;

use change::Change;
use clients::Clients;
use report::Report;
use request::Request;

/// The function.
#[derive(Debug)]
pub struct App<W> {
    config: Config,
    clients: Clients,
    metrics: W,
}

impl<W: Write> Function for App<W> {
    type Error = HandlerError;

    /// Reports savings, or makes a change.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), HandlerError> {
        let request = Request::parse(invocation.body)?;
        let now_ms = i64::try_from(invocation.now.milliseconds()).unwrap_or(i64::MAX);
        let now = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::MAX);
        let time = CallTime::new(invocation.deadline, self.config.deadline_margin);
        let told = match request {
            Request::Report { time: fired } => {
                let at = cost::fired(fired, now);
                let frame = Frame { account: account(invocation.function_arn), at };
                self.report(frame, now, time).await?
            }
            Request::Change { action, is_dry_run } => {
                let Self { config, clients, .. } = self;
                Change { config, clients, now, time, is_dry_run }.make(&action).await?
            }
        };
        answer.extend_from_slice(told.to_string().as_bytes());
        Ok(())
    }
}

/// The account and time of a notice, which are the same in a retry.
#[derive(Clone, Copy, Debug)]
struct Frame<'a> {
    account: &'a str,
    at: Timestamp,
}

impl<W: Write> App<W> {
    /// Creates the function. It writes its metrics to `metrics`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, metrics: W) -> Self {
        let clients = Clients::new(config.aws.clone());
        Self { config, clients, metrics }
    }

    async fn report(
        &mut self,
        frame: Frame<'_>,
        now: Timestamp,
        time: CallTime,
    ) -> Result<Value, HandlerError> {
        let Config { rules, region, lines, metrics_namespace, publisher, .. } = &self.config;
        let reading = time.before_publishing();
        let found = Report::read(&self.config, &self.clients, now, reading).await;
        let now_ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
        if let Err(error) = tally::emit(&found, metrics_namespace, now_ms, &mut self.metrics) {
            tracing::error!(%error, "failed to write metrics");
        }
        let Frame { account, at } = frame;
        let notice = notices::of_report(&found, account, at, &rules.prices, region, *lines);
        publisher.publish(notice, time.until).await.map_err(|error| {
            tracing::error!(%error, "notice not published");
            HandlerError::NotPublished(error)
        })?;
        if found.read.is_empty() && !found.unread.is_empty() {
            return Err(HandlerError::ScanFailed(found.unread.described()));
        }
        Ok(found.answer())
    }
}
