//! Log groups, and rules of EventBridge.

use super::RESTORE;
use crate::doctor::finding::Findings;
use crate::doctor::stack::facts::{LogGroup, Rule, StackFacts};

/// The function that reads the logs of the others.
const READER: &str = "-log-metrics";

pub(super) fn check(facts: &StackFacts, findings: &mut Findings) {
    let functions = facts.functions.iter().map(|it| &it.function);
    let reader = functions.into_iter().find(|function| function.name.ends_with(READER));
    let resources = || facts.stacks.iter().flat_map(|stack| &stack.resources);
    let watches_account = resources().any(|it| it.kind == "AWS::Logs::AccountPolicy");
    for group in &facts.log_groups {
        check_retention(group, findings);
        let (Some(reader), Some(subscribers)) = (reader, &group.subscribers) else { continue };
        let is_subscribed = subscribers.iter().any(|arn| arn.starts_with(&*reader.arn));
        let is_of_reader = reader.log_group.as_deref() == Some(&*group.name);
        let is_of_function =
            facts.functions.iter().any(|it| it.function.log_group.as_deref() == Some(&*group.name));
        if is_of_reader && is_subscribed {
            findings.error(
                "log_loop",
                &group.name,
                "log-metrics receives its own log: each of its lines invokes it again, without end.",
                format!(
                    "aws logs describe-subscription-filters --log-group-name {0}, then aws logs \
                     delete-subscription-filter --log-group-name {0} --filter-name NAME",
                    group.name
                ),
            );
        } else if is_of_function && !is_of_reader && !is_subscribed && !watches_account {
            findings.warning(
                "log_subscription",
                &group.name,
                "log-metrics does not receive this log: timeouts, out-of-memory errors and failed \
                 starts are not counted.",
                RESTORE,
            );
        }
    }
    for rule in &facts.rules {
        check_rule(rule, facts, findings);
    }
}

fn check_retention(group: &LogGroup, findings: &mut Findings) {
    if group.retention_days.is_none() {
        findings.warning(
            "log_retention",
            &group.name,
            "The log never expires: its storage costs more every month.",
            format!(
                "aws logs put-retention-policy --log-group-name {} --retention-in-days 30",
                group.name
            ),
        );
    }
}

fn check_rule(rule: &Rule, facts: &StackFacts, findings: &mut Findings) {
    // The parameter decides whether dead letters are moved every hour.
    let is_of_redrive = rule.logical_id.starts_with("DlqRedrive");
    let parameters = facts.stacks.first().map(|stack| &stack.parameters);
    let schedule = parameters.and_then(|parameters| parameters.get("RedriveSchedule"));
    let may_rest = is_of_redrive && schedule.is_none_or(|schedule| schedule != "ENABLED");
    if !rule.is_enabled && !may_rest {
        findings.error(
            "rule_disabled",
            &rule.name,
            "The rule is disabled: its function is not invoked, or objects are not reported.",
            format!("aws events enable-rule --name {}", rule.name),
        );
    }
    if rule.targets == Some(0) {
        findings.error(
            "rule_target",
            &rule.name,
            "The rule has no target: its function is not invoked, or objects are not reported.",
            RESTORE,
        );
    }
}
