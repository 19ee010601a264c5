//! EC2 instances.
//!
//! Source: Amazon EC2 API reference, `DescribeInstances`, `StartInstances`, `StopInstances`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use shared::aws::query::{Element, ErrorKind, Parameters, QueryClient, QueryError};
use shared::text::shown;
use tokio::time::Instant;

use crate::config::Rules;
use crate::machine::{Kind, Machine, Machines, State, Stop, machines};

/// Maximum number of instances that are started or stopped with one request.
const BATCH: usize = 50;

/// Reasons of a stop that a person or this function requested.
const REQUESTED: [&str; 3] = [
    "Client.UserInitiatedShutdown",
    "Client.UserInitiatedHibernate",
    "Client.InstanceInitiatedShutdown",
];

/// The action on instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Start,
    Stop,
}

impl Action {
    /// The state in which the action has not happened yet.
    const fn undone(self) -> &'static str {
        match self {
            Self::Start => "stopped",
            Self::Stop => "running",
        }
    }
}

/// Reads all instances with the tag of the schedule, except terminated ones.
pub(crate) async fn list(client: &QueryClient, rules: &Rules, until: Instant) -> Machines {
    let parameters = Parameters::new()
        .with("Filter.1.Name", "tag-key")
        .with("Filter.1.Value.1", &rules.schedule_tag)
        .with("MaxResults", "1000");
    let path = ["reservationSet", "instancesSet"];
    let mut listed = client.list("DescribeInstances", &parameters, &path, until).await;
    listed.items.retain(|item| {
        item.tags("tagSet").contains_key(&rules.schedule_tag)
            && item.text("instanceState/name") != Some("terminated")
    });
    machines(listed, |item| machine(item, rules))
}

/// Reads an instance; `None` if a required member is missing.
fn machine(item: &Element, rules: &Rules) -> Option<Machine> {
    let mut tags = item.tags("tagSet");
    let state = match item.text("instanceState/name")? {
        "running" => State::Running,
        "stopping" => State::Stopping,
        "stopped" => State::Stopped,
        _ => State::Other,
    };
    Some(Machine {
        kind: Kind::Instance,
        id: item.text("instanceId")?.to_owned(),
        schedule: tags.remove(&rules.schedule_tag)?,
        exception: tags.remove(&rules.override_tag),
        state,
        started: item.text("launchTime").and_then(|text| text.parse().ok()),
        stop: stop(item),
        problem: problem(item, &tags),
        name: tags.remove("Name").filter(|name| !name.trim().is_empty()),
    })
}

fn problem(item: &Element, tags: &BTreeMap<String, String>) -> Option<String> {
    let group = tags.get("aws:autoscaling:groupName");
    let is_spot = item.text("instanceLifecycle") == Some("spot");
    let is_store = item.text("rootDeviceType") == Some("instance-store");
    match group {
        Some(group) => Some(format!(
            "it belongs to the Auto Scaling group `{group}`, which replaces stopped instances"
        )),
        None if is_spot => Some("it is a spot instance".to_owned()),
        None if is_store => {
            Some("its root device is an instance store, so it cannot be stopped".to_owned())
        }
        None => None,
    }
}

/// Determines who stopped it.
fn stop(item: &Element) -> Stop {
    let code = item.text("stateReason/code");
    match code {
        Some(code) if REQUESTED.contains(&code) => {
            item.text("reason").and_then(requested).map_or(Stop::Unknown, Stop::ByRequest)
        }
        Some(code) => Stop::ByItself(shown(item.text("stateReason/message").unwrap_or(code))),
        None => Stop::Unknown,
    }
}

/// The time in `User initiated (2026-11-27 04:10:22 GMT)`.
fn requested(reason: &str) -> Option<Timestamp> {
    let (_, time) = reason.rsplit_once('(')?;
    let (time, _) = time.split_once(')')?;
    let time = time.strip_suffix(" GMT").or_else(|| time.strip_suffix(" UTC"))?;
    let time: DateTime = time.trim().parse().ok()?;
    Some(TimeZone::UTC.to_zoned(time).ok()?.timestamp())
}

/// Starts or stops instances, and returns the result of each, in their order. EC2 accepts or
/// rejects a request as a whole: a rejected batch is split until only the rejected instances
/// remain.
pub(crate) async fn change(
    client: &QueryClient,
    action: Action,
    ids: &[String],
    until: Instant,
) -> Vec<Result<(), QueryError>> {
    let operation = match action {
        Action::Start => "StartInstances",
        Action::Stop => "StopInstances",
    };
    let mut results = Vec::new();
    let mut batches: VecDeque<&[String]> = ids.chunks(BATCH).collect();
    while let Some(batch) = batches.pop_front() {
        let parameters = Parameters::new().list("InstanceId", batch);
        match client.call(operation, &parameters, until).await {
            Ok(answer) => {
                let has_changed =
                    |item: &&Element| item.text("currentState/name") != Some(action.undone());
                let changed: BTreeSet<_> = answer
                    .list("instancesSet")
                    .iter()
                    .filter(has_changed)
                    .filter_map(|item| item.text("instanceId"))
                    .collect();
                results.extend(batch.iter().map(|id| {
                    let missing = || QueryError::invalid("the instance did not change");
                    changed.contains(&**id).then_some(()).ok_or_else(missing)
                }));
            }
            Err(error) if batch.len() > 1 && is_of_one(&error) => {
                let (first, second) = batch.split_at(batch.len() / 2);
                batches.push_front(second);
                batches.push_front(first);
            }
            Err(error) => results.extend(batch.iter().map(|_| Err(error.clone()))),
        }
    }
    results
}

/// Whether a single instance may be the reason. Missing capacity is reported as a server error.
fn is_of_one(error: &QueryError) -> bool {
    error.kind == ErrorKind::Refused || error.code.contains("Capacity")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_stop_is_in_its_reason() {
        let at = "2026-11-27T04:10:22Z".parse().ok();
        for (reason, expected) in [
            ("User initiated (2026-11-27 04:10:22 GMT)", at),
            ("User initiated (2026-11-27 04:10:22 UTC)", at),
            ("User initiated (2026-11-27 04:10:22 CET)", None),
            ("User initiated (2026-11-31 04:10:22 GMT)", None),
            ("User initiated", None),
            ("", None),
        ] {
            assert_eq!(requested(reason), expected, "{reason}");
        }
    }
}
