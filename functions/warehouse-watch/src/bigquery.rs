//! Projects of BigQuery: what their queries cost.

mod cost;
mod jobs;
mod notices;

use futures_util::stream::{self, StreamExt};
use jiff::SignedDuration;
use serde_json::Value;
use shared::google::BigQuery;
use shared::metrics::Unit;
use tokio::time::Instant;

use crate::config::BigQueryConfig;
use crate::findings::{Findings, Gauges, PollFailure};
use crate::window::{Window, midnight, plus};

use cost::spent;
use jobs::Job;

pub(crate) use cost::Price;

/// Maximum number of pages of a project.
const MAX_PAGES: usize = 100;

/// Jobs in a page: those with long statements still fit into an answer.
const PAGE: &str = "500";

/// A job that ended in the window may have been created this long before its first day: queries end
/// after six hours (source: BigQuery documentation, "Quotas and limits").
const LONGEST_JOB: SignedDuration = SignedDuration::from_hours(6);

/// Projects that are read at the same time.
const CONCURRENT_PROJECTS: usize = 8;

/// What is read of a job.
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

    /// Reads all projects until then.
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
            // Of a project that could not be read at all, nothing is known.
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
        let path = format!("/bigquery/v2/projects/{project}/jobs");
        let created = plus(midnight(window.start), -LONGEST_JOB).as_millisecond().to_string();
        let mut jobs = None;
        let mut unreachable = Vec::new();
        let mut token = String::new();
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
            let page = match self.bigquery.get(&path, &parameters, until).await {
                Ok(page) => page,
                Err(error) => return (jobs, Some(error.to_string())),
            };
            let found = page["jobs"].as_array().map(Vec::as_slice).unwrap_or_default();
            jobs.get_or_insert_with(Vec::new).extend(found.iter().filter_map(Job::read));
            let missing = page["unreachable"].as_array().into_iter().flatten();
            unreachable.extend(missing.filter_map(Value::as_str).map(str::to_owned));
            match page["nextPageToken"].as_str().filter(|token| !token.is_empty()) {
                Some(next) => next.clone_into(&mut token),
                None => return (jobs, missing_locations(unreachable)),
            }
        }
        (jobs, Some(format!("more than {MAX_PAGES} pages of jobs")))
    }

    /// What was spent on each day of the window.
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

fn missing_locations(mut locations: Vec<String>) -> Option<String> {
    locations.sort();
    locations.dedup();
    (!locations.is_empty()).then(|| format!("unreachable locations: {}", locations.join(", ")))
}
