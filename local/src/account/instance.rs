//! Instances of EC2.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::xml::{element, optional, tags, text};
use super::{Account, Form, Refusal, Tags};

/// An instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Instance {
    /// Its id, such as `i-0123456789abcdef0`.
    pub id: String,
    /// `pending`, `running`, `stopping`, `stopped`, `shutting-down` or `terminated`.
    pub state: String,
    /// Its tags.
    pub tags: Tags,
    /// When it was last started.
    pub launch_time: Option<Timestamp>,
    /// `StateTransitionReason`
    pub reason: String,
    /// Code and message of `StateReason`.
    pub state_reason: Option<(String, String)>,
    /// `spot`, or `None`.
    pub lifecycle: Option<String>,
    /// The type of its root device; `None` means `ebs`.
    pub root_device: Option<String>,
    /// Additional members, such as `imageId`.
    pub members: BTreeMap<String, String>,
    /// The error code with which it rejects being started or stopped.
    pub refuses: Option<String>,
}

impl Instance {
    /// Completes a change.
    pub(super) fn settle(&mut self) {
        let arrived = match &*self.state {
            "pending" => "running",
            "stopping" => "stopped",
            "shutting-down" => "terminated",
            other => other,
        };
        self.state = arrived.to_owned();
    }

    fn xml(&self) -> String {
        let launched = self.launch_time.map(|time| time.to_string());
        let reason = self.state_reason.as_ref().map(|(code, message)| {
            element("stateReason", &(text("code", code) + &text("message", message)))
        });
        let parts = [
            text("instanceId", &self.id),
            element("instanceState", &text("name", &self.state)),
            text("reason", &self.reason),
            reason.unwrap_or_default(),
            optional("launchTime", launched.as_deref()),
            optional("instanceLifecycle", self.lifecycle.as_deref()),
            text("rootDeviceType", self.root_device.as_deref().unwrap_or("ebs")),
            self.members.iter().map(|(name, value)| text(name, value)).collect(),
            element("tagSet", &tags(&self.tags, ["item", "key", "value"])),
        ];
        // Each instance has its own reservation.
        element("item", &element("instancesSet", &element("item", &parts.concat())))
    }

    fn start(&mut self, now: Timestamp) {
        if self.state == "stopped" {
            "pending".clone_into(&mut self.state);
            self.launch_time = Some(now);
            (self.reason, self.state_reason) = (String::new(), None);
        }
    }

    fn stop(&mut self, now: Timestamp) {
        if ["pending", "running"].contains(&&*self.state) {
            "stopping".clone_into(&mut self.state);
            self.reason = format!("User initiated ({})", now.strftime("%Y-%m-%d %H:%M:%S GMT"));
            let code = "Client.UserInitiatedShutdown".to_owned();
            let message = format!("{code}: User initiated shutdown");
            self.state_reason = Some((code, message));
        }
    }
}

impl Account {
    pub(super) fn describe_instances(&self, form: &Form) -> String {
        let values = form.list("Filter.1.Value");
        let is_wanted = |instance: &&Instance| match form.get("Filter.1.Name") {
            "tag-key" => values.iter().any(|key| instance.tags.contains_key(*key)),
            "instance-state-name" => values.contains(&&*instance.state),
            _ => true,
        };
        let instances: Vec<_> = self.instances.iter().filter(is_wanted).collect();
        let (instances, next) = self.page(instances, form.get("NextToken"));
        let items: String = instances.into_iter().map(Instance::xml).collect();
        element("reservationSet", &items) + &optional("nextToken", next.as_deref())
    }

    /// Starts or stops all instances, or none if one is rejected.
    pub(super) fn change_instances(
        &mut self,
        form: &Form,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let ids = form.list("InstanceId");
        for id in &ids {
            let instance = self.instances.iter().find(|instance| instance.id == *id);
            let instance = instance.ok_or_else(|| Refusal::new("InvalidInstanceID.NotFound"))?;
            if let Some(code) = &instance.refuses {
                let status = if code.contains("Capacity") { 500 } else { 400 };
                return Err(Refusal { status, code: code.clone() });
            }
            let is_stopping =
                instance.state == "stopping" && form.get("Action") == "StartInstances";
            if is_stopping || ["shutting-down", "terminated"].contains(&&*instance.state) {
                return Err(Refusal::new("IncorrectInstanceState"));
            }
        }
        let mut items = String::new();
        for instance in self.instances.iter_mut().filter(|one| ids.contains(&&*one.id)) {
            match form.get("Action") {
                "StartInstances" => instance.start(now),
                _ => instance.stop(now),
            }
            let state = element("currentState", &text("name", &instance.state));
            items += &element("item", &(text("instanceId", &instance.id) + &state));
        }
        Ok(element("instancesSet", &items))
    }
}
