//! Stopped instances, which cost as much as their volumes and addresses.

use jiff::Timestamp;
use shared::aws::query::Element;

use super::{Bound, Idle, Scope, Tags, day};

/// An instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) tags: Tags,
    state: String,
    image: Option<String>,
    /// When it changed to its state, if EC2 reports it.
    changed: Option<Timestamp>,
}

impl Instance {
    /// Reads an item of `DescribeInstances`.
    pub(crate) fn read(element: &Element) -> Option<Self> {
        Some(Self {
            id: element.text("instanceId")?.to_owned(),
            tags: element.tags("tagSet"),
            state: element.text("instanceState/name").unwrap_or_default().to_owned(),
            image: element.text("imageId").map(str::to_owned),
            // This is the name of `StateTransitionReason` in the protocol.
            changed: element.text("reason").and_then(time_in),
        })
    }

    /// The image that it needs.
    pub(crate) fn image(&self) -> Option<&str> {
        self.image.as_deref().filter(|_| self.state != "terminated")
    }

    /// Whether it needs an image that is not known.
    pub(crate) fn lacks_image(&self) -> bool {
        self.image.is_none() && self.state != "terminated"
    }

    /// `usd`: the cost of its volumes and addresses a month.
    pub(crate) fn idle(&self, scope: &Scope<'_>, usd: f64) -> Option<Idle> {
        let changed = self.changed?;
        let is_idle = self.state == "stopped"
            && scope.is_older(self.changed, scope.rules.stopped_days)
            && !scope.is_parked(&self.tags);
        is_idle.then(|| Idle {
            usd,
            bound: Bound::Exactly,
            why: format!("stopped since {}", day(changed)),
            since: Some(changed.to_string()),
        })
    }
}

/// The time in `User initiated (2026-11-27 04:10:22 GMT)`.
fn time_in(reason: &str) -> Option<Timestamp> {
    let (_, time) = reason.rsplit_once('(')?;
    let time = time.trim_end().strip_suffix(')')?;
    let time = time.strip_suffix(" GMT").or_else(|| time.strip_suffix(" UTC"))?;
    format!("{}Z", time.replace(' ', "T")).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{rules, scope, tags};
    use super::*;

    #[test]
    fn the_time_is_in_the_reason() {
        for (reason, expected) in [
            ("User initiated (2026-11-27 04:10:22 GMT)", Some("2026-11-27T04:10:22Z")),
            ("User initiated (2026-11-27 04:10:22 UTC)", Some("2026-11-27T04:10:22Z")),
            ("Server.ScheduledStop: (a) (2026-11-27 04:10:22 GMT) ", Some("2026-11-27T04:10:22Z")),
            ("User initiated", None),
            ("User initiated (2026-11-27 04:10:22 CET)", None),
            ("User initiated (today GMT)", None),
            ("", None),
        ] {
            let time = time_in(reason).map(|time| time.to_string());
            assert_eq!(time.as_deref(), expected, "{reason}");
        }
    }

    #[test]
    fn is_idle_where_it_is_stopped_for_long_and_not_parked() {
        let rules = rules();
        let idle = |change: fn(&mut Instance)| {
            let mut instance = Instance {
                state: "stopped".to_owned(),
                changed: time_in("User initiated (2026-10-29 00:00:00 GMT)"),
                image: Some("ami-1".to_owned()),
                ..Instance::default()
            };
            change(&mut instance);
            instance.idle(&scope(&rules), 8.0)
        };
        let found = idle(|_| ()).unwrap();
        assert_eq!(found.why, "stopped since 2026-10-29");
        assert_eq!(found.since.as_deref(), Some("2026-10-29T00:00:00Z"));
        let changes: [fn(&mut Instance); 5] = [
            |instance| instance.state = "running".to_owned(),
            |instance| instance.state = "terminated".to_owned(),
            |instance| instance.changed = time_in("(2026-10-29 00:00:01 GMT)"),
            |instance| instance.changed = None,
            |instance| instance.tags = tags(&[("sluice:office-hours", "never")]),
        ];
        assert_eq!(changes.map(idle), [const { None }; 5]);
    }

    #[test]
    fn an_image_is_needed_until_the_instance_is_terminated() {
        let image = |state: &str, image: Option<&str>| {
            let image = image.map(str::to_owned);
            let instance = Instance { state: state.to_owned(), image, ..Instance::default() };
            (instance.image().is_some(), instance.lacks_image())
        };
        for state in ["stopped", "shutting-down"] {
            assert_eq!(image(state, Some("ami-1")), (true, false));
            assert_eq!(image(state, None), (false, true));
        }
        assert_eq!(image("terminated", Some("ami-1")), (false, false));
        assert_eq!(image("terminated", None), (false, false));
    }
}
