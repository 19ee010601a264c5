//! The functions that process no messages. Each is invoked with the events of the repository, while
//! the services that it calls are unavailable, throttle or are slow. Only their processes are
//! checked.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use local::monitoring::Monitoring;
use local::runtime_api::Invoke;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Failure;
use crate::crew::Crew;
use crate::producers::or_stopped;

const TOPIC: (&str, &str) = ("ALERTS_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:alerts");
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:webhook";
const CHECKS: &str = r#"[{"name":"plays","target":{"kind":"redshift","workgroup":"lake",
    "database":"dev","sql":"SELECT COUNT(*), MAX(loaded_at) FROM plays"},"max_age_minutes":60}]"#;

/// Each function, and the variables that it needs in addition to the topic.
const WATCHERS: [(&str, &[(&str, &str)]); 10] = [
    ("alert-notifier", &[]),
    ("cost-report", &[]),
    ("data-checks", &[("CHECKS", CHECKS)]),
    ("idle-resources", &[]),
    ("lambda-metrics", &[("FUNCTION_NAMES", "plays")]),
    ("log-metrics", &[]),
    ("parking", &[]),
    ("pipeline-alerts", &[("WEBHOOK_SECRET_ARN", SECRET)]),
    ("rightsizing", &[]),
    ("warehouse-watch", &[("REDSHIFT_WORKGROUP", "lake")]),
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    WATCHERS.iter().map(|(name, _)| *name)
}

/// The names and variables of the functions; `url` is the gate in front of the services that they
/// call.
pub(crate) fn environments(
    monitoring: &Monitoring,
    url: &str,
) -> Vec<(&'static str, Vec<(String, String)>)> {
    monitoring.keep_secret(SECRET, "soak");
    let webhook = monitoring.webhook().replace(monitoring.url(), url);
    let common = [TOPIC, ("AWS_ENDPOINT_URL", url), ("GOOGLE_CHAT_WEBHOOK_URL", webhook.as_str())];
    let environment = |own: &[(&str, &str)]| {
        let pairs = common.iter().chain(own);
        pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    WATCHERS.iter().map(|(name, own)| (*name, environment(own))).collect()
}

/// Invokes each function repeatedly until the run stops, with a pause between invocations. Returns
/// the number of invocations.
pub(crate) async fn invoke(
    crews: &[Crew],
    seed: u64,
    pause: Duration,
    stop: &watch::Receiver<bool>,
) -> Result<u64, Failure> {
    let mut loops = JoinSet::new();
    for crew in crews {
        let (crew, mut stop, mut random) = (crew.clone(), stop.clone(), Rng::with_seed(seed));
        let events = events(crew.name)?;
        loops.spawn(async move {
            let mut invocations = 0;
            while or_stopped(tokio::time::sleep(pause), &mut stop).await {
                let Some(event) = random.choice(&events) else { break };
                // It may fail; the crew records why a steady process ended.
                crew.invoke(event.clone()).await.ok();
                invocations += 1;
            }
            invocations
        });
    }
    Ok(loops.join_all().await.into_iter().sum())
}

/// The events of a function in the repository, sorted by name.
fn events(function: &str) -> Result<Vec<Bytes>, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(function);
    let mut paths: Vec<_> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Failure>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    paths.into_iter().map(|path| Ok(fs::read(path)?.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_the_suite_is_in_the_soak() {
        let mut names: Vec<_> = names().collect();
        names.extend(crate::world::WORKERS.iter().map(|(name, _)| *name));
        names.sort_unstable();
        assert_eq!(names, local::binaries::functions().unwrap());
        for name in names {
            assert!(!events(name).unwrap().is_empty(), "{name}");
        }
    }
}
