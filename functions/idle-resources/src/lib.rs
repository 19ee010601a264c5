#![doc = include_str!("../README.md")]

mod answer;
mod config;
mod error;
mod found;
mod kind;
mod marking;
mod notices;
mod outcome;
mod region;
mod removal;
mod request;
mod rules;
mod scan;
mod tally;
mod traffic;

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::cost::{self, CallTime, account};
use shared::notice::Notice;
use shared::runtime::{Function, Invocation};
use tokio::time::Instant;

pub use config::{Config, VARIABLES};
pub use error::HandlerError;

use answer::Answer;
use config::Action;
use found::Found;
use kind::Kind;
use notices::Frame;
use outcome::Outcome;
use region::Region;
use request::Request;
use rules::Scope;
use scan::Scan;

/// Maximum time that is reserved for publishing a notice.
const MAX_PUBLISHING: Duration = Duration::from_secs(30);

/// The function.
#[derive(Debug)]
pub struct App<W> {
    config: Config,
    /// The notice about removals, if it could not be published: no later run would report them.
    waiting: Option<Notice>,
    metrics: W,
}

/// The times of one run.
#[derive(Clone, Copy)]
struct Run<'a> {
    frame: Frame<'a>,
    now: Timestamp,
    action: Action,
    /// Nothing is read after this: the rest is for two notices and removals.
    scan_until: Instant,
    /// Nothing is changed after this: the rest is for a notice.
    change_until: Instant,
    /// Nothing is published after this.
    until: Instant,
}

impl<W: Write> Function for App<W> {
    type Error = HandlerError;

    /// Scans, reports idle resources, marks them, and removes those that may be removed.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), HandlerError> {
        let request = Request::parse(invocation.body)?;
        let run = self.run(&invocation, request);
        let found = self.scan(run).await;
        let mut outcome = Outcome::default();
        let published = self.publish_and_change(run, &found, &mut outcome).await;
        let Config { metrics_namespace, .. } = &self.config;
        let now_ms = invocation.now.milliseconds();
        let removes = run.action == Action::Remove;
        let out = &mut self.metrics;
        let written = tally::emit(&found, &outcome, removes, metrics_namespace, now_ms, out);
        if let Err(error) = written {
            tracing::error!(%error, "failed to write metrics");
        }
        published?;
        if found.read.is_empty() && !found.unread.is_empty() {
            return Err(HandlerError::ScanFailed(found.unread.described()));
        }
        let json = serde_json::to_vec(&Answer::new(&found, &outcome));
        // Strings and numbers can always be serialized.
        answer.extend_from_slice(&json.unwrap_or_default());
        Ok(())
    }
}

impl<W: Write> App<W> {
    /// Creates the function. It writes its metrics to `metrics`: in Lambda, standard output.
    #[must_use]
    pub const fn new(config: Config, metrics: W) -> Self {
        Self { config, waiting: None, metrics }
    }

    fn run<'a>(&self, invocation: &Invocation<'a>, request: Request) -> Run<'a> {
        let now_ms = i64::try_from(invocation.now.milliseconds()).unwrap_or(i64::MAX);
        let now = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::MAX);
        let before = |time: Instant, by| time.checked_sub(by).unwrap_or(time);
        let until = before(invocation.deadline, self.config.deadline_margin);
        let left = until.saturating_duration_since(Instant::now());
        let publishing = (left / 6).min(MAX_PUBLISHING);
        let at = cost::fired(request.time, now);
        Run {
            frame: Frame { account: account(invocation.function_arn), at },
            now,
            action: if request.is_dry_run { Action::Report } else { self.config.action },
            scan_until: before(until, 2 * publishing),
            change_until: before(until, publishing),
            until,
        }
    }

    /// Reads all kinds in all regions, and buckets in the function's own region.
    async fn scan(&self, run: Run<'_>) -> Found {
        let Config { kinds, own_region, rules, aws, s3_list_requests, .. } = &self.config;
        let time = CallTime { until: run.scan_until };
        let mut found = Found::default();
        for name in &self.config.regions {
            let region = &Region::new(name, aws, time);
            let scope = Scope { rules, region: name, now: run.now };
            Scan { kinds, scope, region, found: &mut found }.run().await;
        }
        let region = &Region::new(own_region, aws, time);
        let scope = Scope { rules, region: own_region, now: run.now };
        Scan { kinds, scope, region, found: &mut found }.scan_buckets(*s3_list_requests).await;
        found.sort();
        found
    }

    /// Publishes the findings, then marks and removes. Nothing is changed unless it was published.
    async fn publish_and_change(
        &mut self,
        mut run: Run<'_>,
        found: &Found,
        outcome: &mut Outcome,
    ) -> Result<(), HandlerError> {
        let is_retry = self.waiting.is_some();
        if let Some(notice) = self.waiting.clone() {
            self.publish(run, notice).await?;
            self.waiting = None;
        }
        let Config { regions, rules, remove_tag, grace_days, max_removals, lines, .. } =
            &self.config;
        let today = run.now.to_zoned(TimeZone::UTC).date();
        // A retry does not remove more than the run that it repeats.
        if run.action == Action::Remove && !is_retry {
            outcome.removing = marking::due(found, today, remove_tag, *grace_days, *max_removals);
        }
        // The removals differ from those of another attempt at the same event, so the notice has
        // another time.
        if !outcome.removing.is_empty() {
            run.frame.at = run.now;
        }
        let has_buckets =
            self.config.kinds.contains(&Kind::Bucket) && self.config.s3_list_requests > 0;
        let own_region = Some(&self.config.own_region).filter(|_| has_buckets);
        let names: Vec<_> = regions.iter().chain(own_region).map(String::as_str).collect();
        let removing = &outcome.removing;
        let notice = notices::of_scan(run.frame, found, removing, &rules.prices, &names, *lines);
        self.publish(run, notice).await?;
        if run.action == Action::Report {
            return Ok(());
        }
        let time = CallTime { until: run.change_until };
        let region = |name: &String| Region::new(name, &self.config.aws, time);
        let regions: Vec<_> = regions.iter().map(region).collect();
        for region in &regions {
            marking::apply(region, found, today, outcome).await;
        }
        if outcome.removing.is_empty() {
            return Ok(());
        }
        removal::remove(&self.config, &regions, run.now, outcome).await;
        let notice = notices::of_removals(run.frame, outcome);
        let published = self.publish(run, notice.clone()).await;
        self.waiting = published.is_err().then_some(notice);
        published
    }

    async fn publish(&self, run: Run<'_>, notice: Notice) -> Result<(), HandlerError> {
        let title = notice.title.clone();
        let published = self.config.publisher.publish(notice, run.until).await;
        published.map_err(|error| {
            tracing::error!(title, %error, "notice not published");
            HandlerError::NotPublished(error)
        })
    }
}
