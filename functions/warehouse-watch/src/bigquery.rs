//! BigQuery projects and the costs of their queries.

mod cost;
mod jobs;
mod notices;

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt};
use jiff::SignedDuration;
use serde_json::Value;
use shared::google::BigQuery;
use shared::metrics::Unit;
use tokio::time::Instant;

use crate::config::BigQueryConfig;
use crate::findings::{Findings, Gauges, PollFailure};
use crate::notices::beginning;
use crate::window::{Window, midnight, plus};

use cost::spent;
use jobs::Job;

pub(crate) use cost::Price;

/// Maximum number of pages of a project.
const MAX_PAGES: usize = 100;

/// Number of jobs per page: even with long statements, they fit into an answer.
const PAGE: &str = "500";

/// Maximum time from the creation of a job to its end: queries end after six hours (source:
/// BigQuery documentation, "Quotas and limits").
const LONGEST_JOB: SignedDuration = SignedDuration::from_hours(6);

/// Maximum number of projects that are read concurrently.
const CONCURRENT_PROJECTS: usize = 8;

/// The fields of a job that are read.
const FIELDS: &str = "nextPageToken,unreachable,jobs(jobReference,user_email,state,status,\
                      configuration(query(query)),statistics(creationTime,startTime,endTime,\
                      reservation_id,query(totalBytesBilled,estimatedBytesProcessed,statementType)))";

/// Reads the jobs of projects.
#[derive(Debug)]
pub(crate) struct Watch {
    config: BigQueryConfig,
    bigquery: BigQuery,
}

impl Watch {
    pub(crate) const fn new(config: BigQueryConfig, bigquery: BigQuery) -> Self {
        Self { config, bigquery }
    }

    /// Reads all projects, until `until`.
    pub(crate) async fn poll(&self, window: Window, until: Instant) -> Findings {
        let read = stream::iter(&self.config.projects)
            .map(async |project| (project, self.read(project, window, until).await))
            .buffered(CONCURRENT_PROJECTS);
        let read: Vec<_> = read.collect().await;
        let mut findings = Findings::default();
        for (project, (jobs, failure)) in read {
            let failure =
                failure.map(|error| PollFailure::new(format!("project {project}"), &error));
            findings.failures.extend(failure);
            // Nothing is known about a project that could not be read at all.
            let Some(jobs) = jobs else { continue };
            findings.gauges.extend(self.gauges(project, &jobs, window));
            let (price, alert_usd) = (self.config.price, self.config.alert_usd);
            let expensive =
                jobs.iter().filter_map(|job| notices::of(job, project, price, alert_usd, window));
            findings.notices.extend(expensive);
        }
        findings
    }

    /// The queries of a project since the first day of the window, as far as they could be read.
    async fn read(
        &self,
        project: &str,
        window: Window,
        until: Instant,
    ) -> (Option<Vec<Job>>, Option<String>) {
        let mut list = List::default();
        let ended = self.read_pages(project, window, until, &mut list).await;
        let reasons = [ended.err(), list.not_understood(), list.missing_locations()];
        let reasons: Vec<_> = reasons.into_iter().flatten().collect();
        (list.jobs, (!reasons.is_empty()).then(|| reasons.join("; ")))
    }

    /// Adds the pages of jobs; fails if one cannot be read.
    async fn read_pages(
        &self,
        project: &str,
        window: Window,
        until: Instant,
        list: &mut List,
    ) -> Result<(), String> {
        let path = format!("/bigquery/v2/projects/{project}/jobs");
        let created = plus(midnight(window.start), -LONGEST_JOB).as_millisecond().to_string();
        let (mut token, mut tokens) = (String::new(), BTreeSet::new());
        for _ in 0..MAX_PAGES {
            let mut parameters = vec![
                ("allUsers", "true"),
                ("projection", "full"),
                ("minCreationTime", &*created),
                ("maxResults", PAGE),
                ("fields", FIELDS),
            ];
            if !token.is_empty() {
                parameters.push(("pageToken", &*token));
            }
            let page = self.bigquery.get(&path, &parameters, until).await;
            let page = page.map_err(|error| error.to_string())?;
            list.add(&page, |job| self.shown_sql(job))?;
            match page["nextPageToken"].as_str().filter(|token| !token.is_empty()) {
                Some(next) => next.clone_into(&mut token),
                None => return Ok(()),
            }
            if !tokens.insert(token.clone()) {
                return Err("a page token is repeated".to_owned());
            }
        }
        Err(format!("more than {MAX_PAGES} pages of jobs"))
    }

    /// The beginning of a job's statement, if a notice may need it: there can be thousands of jobs.
    fn shown_sql(&self, job: &Job) -> Option<String> {
        let BigQueryConfig { price, alert_usd, .. } = &self.config;
        let usd = price.of_job(job).max(price.of(job.bytes_estimated));
        job.sql.as_deref().filter(|_| usd > *alert_usd).map(beginning)
    }

    /// The cost on each day of the window.
    fn gauges(&self, project: &str, jobs: &[Job], window: Window) -> Vec<Gauges> {
        let of_project = || ("Project", project.to_owned());
        let mut gauges = Vec::new();
        for day in window.days() {
            let spent = spent(jobs, day, self.config.price, self.config.max_users);
            gauges.push(Gauges {
                dimensions: vec![of_project()],
                at: day.stamp,
                metrics: vec![
                    ("QueryCost", Unit::None, spent.usd),
                    ("QueryBytesBilled", Unit::Bytes, spent.bytes),
                ],
            });
            gauges.extend(spent.users.into_iter().map(|(user, usd)| Gauges {
                dimensions: vec![of_project(), ("User", user)],
                at: day.stamp,
                metrics: vec![("QueryCost", Unit::None, usd)],
            }));
        }
        gauges
    }
}

/// The jobs of a project, from pages.
#[derive(Debug, Default)]
struct List {
    /// `None` before the first page.
    jobs: Option<Vec<Job>>,
    /// Locations and ids: a job that ends while pages are read may be in two.
    known: BTreeSet<(Option<String>, String)>,
    queries: usize,
    odd: usize,
    unreachable: BTreeSet<String>,
}

impl List {
    /// Adds a page, with the part of each job's statement that `sql` returns.
    fn add(&mut self, page: &Value, sql: impl Fn(&Job) -> Option<String>) -> Result<(), String> {
        let found = match &page["jobs"] {
            Value::Null if page["error"].is_null() => &[],
            Value::Array(found) if page["error"].is_null() => &found[..],
            _ => return Err("the answer is not a list of jobs".to_owned()),
        };
        let jobs = self.jobs.get_or_insert_default();
        for found in found.iter().filter(|job| jobs::is_query(job)) {
            self.queries += 1;
            let Some(mut job) = Job::read(found) else {
                self.odd += 1;
                continue;
            };
            if self.known.insert((job.location.clone(), job.id.clone())) {
                job.sql = sql(&job);
                jobs.push(job);
            }
        }
        let missing = page["unreachable"].as_array().into_iter().flatten();
        self.unreachable.extend(missing.filter_map(Value::as_str).map(str::to_owned));
        Ok(())
    }

    fn not_understood(&self) -> Option<String> {
        let Self { odd, queries, .. } = self;
        (*odd > 0).then(|| format!("{odd} of {queries} jobs are not understood"))
    }

    fn missing_locations(&self) -> Option<String> {
        let locations: Vec<_> = self.unreachable.iter().map(|location| &**location).collect();
        (!locations.is_empty()).then(|| format!("unreachable locations: {}", locations.join(", ")))
    }
}
