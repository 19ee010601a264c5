//! An event of Prefect.
//!
//! Source: recorded calls of a Prefect 3.9.1 server (`events/pipeline-alerts/`), and Prefect's
//! documentation, "Events" and "Automations".

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

/// An event: an object with the texts `event` and `resource."prefect.resource.id"`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event<'a>(&'a Value);

/// The subject of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    FlowRun,
    TaskRun,
    Other,
}

/// The relevant type of a run's state. The names of states are the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// FAILED or CRASHED.
    Failed,
    Completed,
    Cancelled,
    /// The run has not ended: shown by its state, or by a heartbeat.
    Passing,
    Unknown,
}

impl<'a> Event<'a> {
    /// Parses an event, or the event in the member `event` of an object.
    pub(crate) fn parse(value: &'a Value) -> Option<Self> {
        let is_event = |value: &&Value| {
            value["event"].is_string() && value["resource"]["prefect.resource.id"].is_string()
        };
        [value, &value["event"]].into_iter().find(is_event).map(Self)
    }

    /// The name of the event, such as `prefect.flow-run.Failed`.
    pub(crate) fn name(self) -> &'a str {
        self.0["event"].as_str().unwrap_or_default()
    }

    pub(crate) fn id(self) -> Option<&'a str> {
        self.0["id"].as_str().filter(|id| !id.is_empty())
    }

    pub(crate) fn occurred(self) -> Option<Timestamp> {
        self.0["occurred"].as_str()?.parse().ok()
    }

    pub(crate) fn json(self) -> String {
        self.0.to_string()
    }

    /// A member of the resource, without `prefect.`. Prefect writes `""` if there is none.
    pub(crate) fn text(self, name: &str) -> Option<&'a str> {
        text(&self.0["resource"], name)
    }

    pub(crate) fn resource_id(self) -> &'a str {
        self.text("resource.id").unwrap_or_default()
    }

    pub(crate) fn resource_name(self) -> &'a str {
        self.text("resource.name").unwrap_or_else(|| self.resource_id())
    }

    /// The ids and names of the related resources with this role.
    pub(crate) fn related(self, role: &str) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let related = self.0["related"].as_array().into_iter().flatten();
        let prefix = format!("prefect.{role}.");
        let of_role = related.filter({
            let role = role.to_owned();
            move |resource| text(resource, "resource.role") == Some(&role)
        });
        of_role.filter_map(move |resource| {
            let id = text(resource, "resource.id")?;
            Some((id.strip_prefix(&prefix).unwrap_or(id), text(resource, "resource.name")))
        })
    }

    pub(crate) fn subject(self) -> Subject {
        match self.resource_id() {
            id if id.starts_with("prefect.flow-run.") => Subject::FlowRun,
            id if id.starts_with("prefect.task-run.") => Subject::TaskRun,
            _ => Subject::Other,
        }
    }

    /// The id of the run.
    pub(crate) fn run_id(self) -> Option<Uuid> {
        let id = self.resource_id().strip_prefix("prefect.")?;
        Uuid::try_parse(id.strip_prefix("flow-run.").or(id.strip_prefix("task-run."))?).ok()
    }

    /// The number of times that the run was started.
    pub(crate) fn run_count(self) -> u64 {
        self.text("run-count").and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    /// The name of the state.
    pub(crate) fn state_name(self) -> &'a str {
        let last = || self.name().rsplit('.').next().unwrap_or_default();
        self.text("state-name").unwrap_or_else(last)
    }

    pub(crate) fn phase(self) -> Phase {
        match self.text("state-type") {
            Some("FAILED" | "CRASHED") => Phase::Failed,
            Some("COMPLETED") => Phase::Completed,
            Some("CANCELLED") => Phase::Cancelled,
            Some("SCHEDULED" | "PENDING" | "RUNNING" | "PAUSED" | "CANCELLING") => Phase::Passing,
            // Prefect sends one every 30 seconds, to every automation that expects all events of runs.
            None if self.name().ends_with("-run.heartbeat") => Phase::Passing,
            None if matches!(self.state_name(), "Failed" | "Crashed" | "TimedOut") => Phase::Failed,
            _ => Phase::Unknown,
        }
    }
}

fn text<'a>(resource: &'a Value, name: &str) -> Option<&'a str> {
    resource[format!("prefect.{name}").as_str()].as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, resource: &Value) -> Value {
        let mut event =
            json!({"event": name, "resource": {"prefect.resource.id": "prefect.flow-run.1"}});
        let members = resource.as_object().unwrap().clone();
        event["resource"].as_object_mut().unwrap().extend(members);
        event
    }

    #[test]
    fn an_event_is_an_object_or_in_the_member_event_of_one() {
        let inner = event("prefect.flow-run.Failed", &json!({}));
        for value in [inner.clone(), json!({"event": inner, "url": "a"})] {
            assert_eq!(Event::parse(&value).unwrap().name(), "prefect.flow-run.Failed");
        }
        for other in [
            json!(null),
            json!([inner]),
            json!("prefect.flow-run.Failed"),
            json!({"event": "prefect.flow-run.Failed"}),
            json!({"event": "a", "resource": "prefect.flow-run.1"}),
            json!({"event": 7, "resource": {"prefect.resource.id": "a"}}),
            json!({"event": "a", "resource": {"prefect.resource.id": 7}}),
            json!({"data": inner}),
        ] {
            assert!(Event::parse(&other).is_none(), "{other}");
        }
    }

    #[test]
    fn the_state_is_its_type_and_not_its_name() {
        for (name, kind, expected) in [
            ("QualityGate", Some("FAILED"), Phase::Failed),
            ("TimedOut", Some("FAILED"), Phase::Failed),
            ("Failed", Some("COMPLETED"), Phase::Completed),
            ("Crashed", Some("CRASHED"), Phase::Failed),
            ("Cancelled", Some("CANCELLED"), Phase::Cancelled),
            ("AwaitingRetry", Some("SCHEDULED"), Phase::Passing),
            ("Submitting", Some("PENDING"), Phase::Passing),
            ("Failed", Some("RUNNING"), Phase::Passing),
            ("Failed", Some("PAUSED"), Phase::Passing),
            ("Cancelling", Some("CANCELLING"), Phase::Passing),
            ("Failed", Some("NEW"), Phase::Unknown),
            ("Failed", None, Phase::Failed),
            ("Crashed", None, Phase::Failed),
            ("TimedOut", None, Phase::Failed),
            ("Completed", None, Phase::Unknown),
            ("heartbeat", None, Phase::Passing),
        ] {
            let resource = kind.map_or(json!({}), |kind| json!({"prefect.state-type": kind}));
            let event = event(&format!("prefect.flow-run.{name}"), &resource);
            assert_eq!(Event::parse(&event).unwrap().phase(), expected, "{name} {kind:?}");
        }
    }

    #[test]
    fn odd_members_do_not_matter() {
        let mut odd = event("", &json!({"prefect.run-count": "many", "prefect.resource.name": ""}));
        odd["related"] = json!([7, {}, {"prefect.resource.role": "flow"}]);
        odd["occurred"] = json!("today");
        let odd = Event::parse(&odd).unwrap();
        assert_eq!((odd.run_count(), odd.resource_name()), (1, "prefect.flow-run.1"));
        assert_eq!((odd.related("flow").count(), odd.occurred(), odd.id()), (0, None, None));
        assert_eq!((odd.run_id(), odd.state_name()), (None, ""));
    }
}
