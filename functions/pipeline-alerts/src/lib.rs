#![doc = include_str!("../README.md")]

mod config;
mod error;
mod event;
mod gate;
mod message;
mod notices;
mod prefect;
mod request;
mod tally;
mod told;

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use shared::notice::{Notice, State};
use shared::runtime::{Function, Invocation};
use shared::schedule::calls_until;
use tokio::time::Instant;
use uuid::Uuid;

pub use config::{Config, VARIABLES};
pub use error::HandlerError;

use event::{Event, Phase, Subject};
use gate::Gate;
use message::Body;
use prefect::{Completed, Prefect, PrefectError, is_failure};
use request::Request;
use tally::{Outcome, Tally};
use told::Told;

/// Minimum time to wait for Prefect's API, for requests that are made only once.
const MIN_API_TIME: Duration = Duration::from_secs(2);

/// Time that is reserved for publishing, whatever Prefect's API does.
const PUBLISH_TIME: Duration = Duration::from_secs(1);

/// The function.
#[derive(Debug)]
pub struct App<W> {
    config: Config,
    gate: Gate,
    prefect: Option<Prefect>,
    told: Told,
    metrics: W,
}

/// An authenticated call.
#[derive(Clone, Copy)]
struct Call {
    /// When it arrived.
    at: Timestamp,
    now_ms: u64,
    /// When Prefect's API is no longer polled for the log.
    logs_until: Instant,
    /// When answers of Prefect's API are no longer waited for.
    api_until: Instant,
    /// Nothing is published after this.
    until: Instant,
}

impl<W: Write> Function for App<W> {
    type Error = HandlerError;

    /// Publishes the notice of a call, and emits the metrics.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), HandlerError> {
        let now_ms = invocation.now.milliseconds();
        let mut tally = Tally::default();
        let handled = self.serve(&invocation, now_ms, &mut tally).await;
        tally.outcome = handled.as_ref().ok().copied();
        tally.is_unpublished = matches!(handled, Err(HandlerError::NotPublished(_)));
        let Config { metrics_namespace, function_name, .. } = &self.config;
        let written = tally.emit(metrics_namespace, function_name, now_ms, &mut self.metrics);
        if let Err(error) = written {
            tracing::error!(%error, "failed to write metrics");
        }
        answer.extend_from_slice(handled?.json().as_bytes());
        Ok(())
    }
}

impl<W: Write> App<W> {
    /// Creates the function. It writes its metrics to `metrics`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, metrics: W) -> Self {
        let gate = Gate::new(config.webhook_secret_arn.clone(), config.aws.clone());
        let prefect = config
            .prefect_url
            .clone()
            .map(|url| Prefect::new(url, config.prefect_secret_arn.clone(), config.aws.clone()));
        Self { config, gate, prefect, told: Told::default(), metrics }
    }

    async fn serve(
        &mut self,
        invocation: &Invocation<'_>,
        now_ms: u64,
        tally: &mut Tally,
    ) -> Result<Outcome, HandlerError> {
        let before = |time: Instant, by| time.checked_sub(by).unwrap_or(time);
        let until = calls_until(invocation, self.config.deadline_margin);
        let request = Request::parse(invocation.body).ok_or(HandlerError::InvalidEvent)?;
        if !request.is_post() {
            return Ok(Outcome::MethodNotAllowed);
        }
        if !self.gate.admits(&request, now_ms, until).await? {
            return Ok(Outcome::Forbidden);
        }
        let body = Body::read(&request.body());
        let time_ms = request.time_ms().unwrap_or(now_ms);
        let at = i64::try_from(time_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let last = before(until, PUBLISH_TIME);
        let (now, wait) = (Instant::now(), self.config.logs_wait);
        let call = Call {
            at: at.unwrap_or_default(),
            now_ms,
            logs_until: last.min(now + wait),
            api_until: last.min(now + wait.max(MIN_API_TIME)),
            until,
        };
        match body.event() {
            Some(event) => self.tell_event(event, call, tally).await,
            None => self.tell_body(&body, call, tally).await,
        }
    }

    async fn tell_event(
        &mut self,
        event: Event<'_>,
        call: Call,
        tally: &mut Tally,
    ) -> Result<Outcome, HandlerError> {
        if event.id().is_some_and(|id| self.told.has(id, call.now_ms)) {
            return Ok(Outcome::Duplicate);
        }
        let at = event.occurred().unwrap_or(call.at);
        let of_run = |kind, state, app: &Self| {
            notices::of_run(event, kind, state, at, app.config.ui_url.as_deref())
        };
        let notice = match (event.subject(), event.phase()) {
            (Subject::Other, _) | (_, Phase::Unknown) => notices::of_other(event, at),
            (_, Phase::Passing) | (Subject::TaskRun, Phase::Completed) => {
                return Ok(Outcome::Ignored);
            }
            (_, Phase::Cancelled) => of_run("prefect-cancelled", State::Info, self),
            (subject, Phase::Failed) => {
                let mut notice = of_run("prefect-failure", State::Alarm, self);
                let run = match subject {
                    Subject::TaskRun => "task_run_id",
                    _ => "flow_run_id",
                };
                notice.lines = self.error_log(run, event.run_id(), call, tally).await;
                notice
            }
            (_, Phase::Completed) => {
                let mut notice = of_run("prefect-recovery", State::Ok, self);
                if !self.add_failure(event, at, call, tally, &mut notice).await {
                    return Ok(Outcome::Ignored);
                }
                notice
            }
        };
        self.publish(notice, Some(event.resource_id()), call).await?;
        if let Some(id) = event.id() {
            self.told.add(id, call.now_ms);
        }
        Ok(Outcome::Published)
    }

    async fn tell_body(
        &mut self,
        body: &Body,
        call: Call,
        tally: &mut Tally,
    ) -> Result<Outcome, HandlerError> {
        let mut notice = body.notice(call.at);
        let run_id = body.flow_run_id();
        if let (Some(prefect), Some(id)) = (&mut self.prefect, run_id) {
            match prefect.run(id, call.api_until).await {
                Ok(run) => {
                    notice.thread = notices::thread_of(&run);
                    if is_failure(run.state_type.as_deref()) {
                        notice.state = State::Alarm;
                    }
                    notice.lines = self.error_log("flow_run_id", run_id, call, tally).await;
                }
                Err(error) => report(&error, "run", id, tally),
            }
        }
        let run = run_id.map(|id| id.to_string());
        self.publish(notice, run.as_deref(), call).await?;
        Ok(Outcome::Published)
    }

    /// The lines of a run's error log; none if they cannot be read.
    async fn error_log(
        &mut self,
        run: &str,
        id: Option<Uuid>,
        call: Call,
        tally: &mut Tally,
    ) -> Vec<String> {
        let limit = self.config.error_lines;
        let (Some(prefect), Some(id)) = (&mut self.prefect, id) else { return Vec::new() };
        if limit == 0 {
            return Vec::new();
        }
        match prefect.errors(run, id, limit, call.logs_until, call.api_until).await {
            Ok(records) => notices::lines(records),
            Err(error) => {
                report(&error, "error log", id, tally);
                Vec::new()
            }
        }
    }

    /// Adds the failure from which a run recovered, if there is one.
    async fn add_failure(
        &mut self,
        event: Event<'_>,
        ended: Timestamp,
        call: Call,
        tally: &mut Tally,
        notice: &mut Notice,
    ) -> bool {
        let (Some(prefect), Some(run_id)) = (&mut self.prefect, event.run_id()) else {
            return false;
        };
        let related = |role| event.related(role).next().map(|(id, _)| id);
        let completed = Completed {
            run_id,
            run_count: event.run_count(),
            deployment_id: related("deployment"),
            flow_id: related("flow"),
            ended,
        };
        match prefect.failure_before(completed, call.api_until).await {
            Ok(None) => false,
            Ok(Some(failure)) => {
                notices::add_failure(notice, &failure, ended);
                true
            }
            Err(error) => {
                report(&error, "run before", run_id, tally);
                false
            }
        }
    }

    async fn publish(
        &mut self,
        notice: Notice,
        run: Option<&str>,
        call: Call,
    ) -> Result<(), HandlerError> {
        let notice = notice.masked(&[]);
        let (state, thread) = (notice.state.name(), notice.thread.clone());
        let published = self.config.publisher.publish(notice, call.until).await;
        published.map_err(|error| {
            tracing::error!(run, state, thread, %error, "alert not told");
            HandlerError::NotPublished(error)
        })
    }
}

/// Logs what could not be read from Prefect's API.
fn report(error: &PrefectError, unread: &str, run: Uuid, tally: &mut Tally) {
    tally.has_prefect_error = true;
    tracing::warn!(unread, %run, %error, "failed to read from Prefect");
}
