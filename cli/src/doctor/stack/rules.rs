//! Reads rules from EventBridge: schedules, and those for S3 objects.

use super::Reader;
use super::facts::Rule;
use super::query::{EVENTS, items, text};

pub(super) async fn read(reader: &Reader<'_>) -> Vec<Rule> {
    let mut found = Vec::new();
    for resource in reader.of_kind("AWS::Events::Rule") {
        let name = &*resource.physical_id;
        let rule = reader.caller.call(EVENTS, "DescribeRule", &[("Name", name)]).await;
        let Some(rule) = reader.noted("rule", name, rule) else { continue };
        let targets = reader.caller.call(EVENTS, "ListTargetsByRule", &[("Rule", name)]).await;
        let targets = reader.noted("targets of the rule", name, targets);
        found.push(Rule {
            logical_id: resource.logical_id.clone(),
            name: name.to_owned(),
            is_enabled: text(&rule, "State") != "DISABLED",
            targets: targets.map(|targets| items(&targets["Targets"]).len()),
        });
    }
    found
}
