#![doc = include_str!("../README.md")]

mod config;
mod decision;
mod ec2;
mod error;
mod events;
mod explain;
mod holidays;
mod machine;
mod notices;
mod outcome;
mod overrides;
mod plan;
mod rds;
mod reported;
mod run;
mod schedule;
mod schedules;

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use shared::aws::CallFailure;
use shared::cost::{CallTime, account, asks_dry_run};
use shared::notice::Notice;
use shared::runtime::{Function, Invocation};
use tokio::time::Instant;

pub use config::{Config, VARIABLES};
pub use error::HandlerError;

use notices::{Notices, Place};
use outcome::Outcome;
use run::Services;

/// Maximum time that is reserved for publishing the notice.
const MAX_PUBLISH_TIME: Duration = Duration::from_secs(10);

/// Maximum number of notices that wait for the next run.
const MAX_WAITING: usize = 20;

/// Maximum time that a notice waits.
const MAX_WAIT_MS: u64 = 3_600_000;

/// The function.
#[derive(Debug)]
pub struct App<W> {
    config: Config,
    services: Services,
    notices: Notices,
    /// Notices that could not be published, with the time of their run in milliseconds: the
    /// machines are already stopped, so the next run would not report them.
    waiting: Vec<(u64, Notice)>,
    metrics: W,
}

impl<W: Write> Function for App<W> {
    type Error = HandlerError;

    /// Parks machines, emits the metrics and publishes the notice; or explains a schedule.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), HandlerError> {
        let now_ms = invocation.now.milliseconds();
        let now = i64::try_from(now_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let now = now.unwrap_or_default();
        if let Some(explained) = explain::answer(invocation.body, &self.config.rules, now) {
            answer.extend_from_slice(explained?.to_string().as_bytes());
            return Ok(());
        }
        let Config { rules, is_dry_run, .. } = &self.config;
        let is_dry_run = is_dry_run_asked(invocation.body)? || *is_dry_run;
        let time = CallTime::new(invocation.deadline, self.config.deadline_margin);
        let left = time.until.saturating_duration_since(Instant::now());
        let kept = (left / 5).min(MAX_PUBLISH_TIME);
        let until = time.until.checked_sub(kept).unwrap_or(time.until);
        let outcome = self.services.park(rules, is_dry_run, now, until).await;
        outcome.log(invocation.request_id);
        if let Err(error) = outcome.emit(&self.config.metrics_namespace, now_ms, &mut self.metrics)
        {
            tracing::error!(%error, "failed to write metrics");
        }
        let region = self.services.region().to_owned();
        let account = account(invocation.function_arn);
        let at = notices::fired(invocation.body, now).unwrap_or(now);
        let place = Place { account, region: &region, at, now, now_ms };
        let published = self.notify(&outcome, place, time.until).await;
        published.map_err(HandlerError::NotPublished)?;
        if !outcome.unread.is_empty() {
            return Err(HandlerError::ParkingFailed(outcome.unread.described()));
        }
        answer.extend_from_slice(outcome.json().to_string().as_bytes());
        Ok(())
    }
}

/// Whether an event asks for a dry run: any other event, whatever it is, is a run.
fn is_dry_run_asked(event: &[u8]) -> Result<bool, HandlerError> {
    let event: Map<String, Value> = serde_json::from_slice(event).unwrap_or_default();
    asks_dry_run(&event).map_err(|wrong| HandlerError::InvalidRequest(wrong.to_owned()))
}

impl<W: Write> App<W> {
    /// Creates the function. It writes its metrics to `metrics`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, metrics: W) -> Self {
        let services = Services::new(&config);
        Self { config, services, notices: Notices::default(), waiting: Vec::new(), metrics }
    }

    /// Publishes the notice about a run, after those that wait. One that SNS rejects waits for the
    /// next run, and does not delay the others.
    async fn notify(
        &mut self,
        outcome: &Outcome,
        place: Place<'_>,
        until: Instant,
    ) -> Result<(), CallFailure> {
        let Config { rules, notifies_changes, publisher, .. } = &self.config;
        if outcome.is_dry_run {
            return Ok(());
        }
        while let Some((at_ms, _)) = self.waiting.first() {
            let is_recent = place.now_ms.saturating_sub(*at_ms) < MAX_WAIT_MS;
            if is_recent && self.waiting.len() < MAX_WAITING {
                break;
            }
            self.notices.forget(*at_ms);
            self.waiting.remove(0);
        }
        let notice = self.notices.of(outcome, rules, *notifies_changes, place);
        self.waiting.extend(notice.map(|notice| (place.now_ms, notice)));
        let mut first = None;
        let mut kept = 0;
        while let Some((_, notice)) = self.waiting.get(kept) {
            match publisher.publish(notice.clone(), until).await {
                Ok(()) => drop(self.waiting.remove(kept)),
                Err(error) => {
                    let (state, title) = (notice.state.name(), &*notice.title);
                    tracing::error!(state, title, %error, "notice not published");
                    first = first.or(Some(error));
                    kept += 1;
                }
            }
        }
        first.map_or(Ok(()), Err)
    }
}
