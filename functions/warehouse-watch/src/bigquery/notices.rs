//! Notices about BigQuery queries.

use jiff::Timestamp;
use shared::notice::{Link, Notice, State};
use shared::time::duration;

use super::cost::{Price, tib};
use super::jobs::Job;
use crate::notices::{SOURCE, facts};
use crate::window::{Window, seconds_between};

/// The notice of a job that ended in the window and cost too much, or that still runs and may cost
/// too much.
pub(crate) fn of(
    job: &Job,
    project: &str,
    price: Price,
    alert_usd: f64,
    window: Window,
) -> Option<Notice> {
    let done = job.ended.filter(|ended| window.contains(*ended));
    let (at, usd, bytes) = match done {
        Some(ended) => (ended, price.of_job(job), job.bytes_billed),
        None if job.is_running && !job.is_reserved => {
            (job.created, price.of(job.bytes_estimated), job.bytes_estimated)
        }
        None => return None,
    };
    (usd > alert_usd).then(|| notice(job, project, at, usd, bytes, window.now))
}

fn notice(job: &Job, project: &str, at: Timestamp, usd: f64, bytes: u64, now: Timestamp) -> Notice {
    let (user, id) = (&job.user, &job.id);
    let cost = format!("{usd:.2} USD");
    let scanned = Some(format!("{:.3} TiB", tib(bytes)));
    let (title, billed) = if job.ended.is_some() {
        (format!("A query of {user} cost {cost} in {project}"), ("Billed", scanned))
    } else {
        (format!("A running query of {user} may cost {cost} in {project}"), ("Estimated", scanned))
    };
    let end = job.ended.unwrap_or(now);
    let ran = job.started.map(|started| duration(seconds_between(started, end)));
    let location = job.location.as_deref();
    let url = format!(
        "https://console.cloud.google.com/bigquery?project={project}&page=queryresults\
         &j=bq:{}:{id}",
        location.unwrap_or("US")
    );
    Notice {
        source: SOURCE.to_owned(),
        kind: "bigquery-cost".to_owned(),
        state: State::Alarm,
        title,
        thread: format!("bigquery/{project}/{id}"),
        at: at.to_string(),
        since: None,
        text: job.sql.clone(),
        facts: facts([
            ("Project", Some(project.to_owned())),
            ("User", Some(user.clone())),
            ("Cost", Some(cost)),
            billed,
            ("Job", Some(id.clone())),
            ("Location", location.map(str::to_owned)),
            ("Type", job.kind.clone()),
            ("Ran for", ran),
            ("Error", job.error.clone()),
        ]),
        lines: Vec::new(),
        links: vec![Link { text: "Query".to_owned(), url }],
    }
}
