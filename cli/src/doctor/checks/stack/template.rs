//! The stack itself: its status, the version of its templates, what is missing in it, and what could
//! not be read.

use super::{RESTORE, lookups};
use crate::doctor::facts::Lookup;
use crate::doctor::finding::Findings;
use crate::doctor::stack::facts::{Stack, StackFacts};
use crate::doctor::stack::template::{Difference, difference};

/// Maximum number of names in a finding.
const SHOWN: usize = 8;

pub(super) fn check(facts: &StackFacts, findings: &mut Findings) {
    for stack in &facts.stacks {
        check_status(stack, findings);
        let deployed = stack.template.as_ref();
        if let Some(found) = deployed.and_then(|template| difference(&stack.path, template)) {
            check_version(stack, &found, findings);
        }
    }
    let of_consumers: Vec<_> = facts.consumers.iter().flat_map(lookups).collect();
    let is_found = |name: &str| {
        of_consumers.iter().any(|lookup| matches!(lookup, Lookup::Missing(own) if own == name))
    };
    for missing in facts.missing.iter().filter(|missing| !is_found(&missing.name)) {
        findings.error(
            "resource_missing",
            &missing.name,
            format!("The stack has this {}, but it does not exist: it was deleted.", missing.what),
            RESTORE,
        );
    }
    for unread in &facts.unread {
        findings.warning(
            "not_read",
            &unread.name,
            format!("Failed to read the {}, so it is not checked: {}", unread.what, unread.reason),
            "Run doctor with the permissions of `cargo sluice doctor --help`, and where the \
             service can be reached.",
        );
    }
}

fn check_status(stack: &Stack, findings: &mut Findings) {
    let status = &*stack.status;
    let describe = format!(
        "aws cloudformation describe-stack-events --stack-name {} --query \
         \"StackEvents[?contains(ResourceStatus,'FAILED')]\"",
        stack.name
    );
    if status.contains("FAILED") || status == "ROLLBACK_COMPLETE" {
        let problem = format!("The stack's status is {status}.");
        findings.error("stack_status", &stack.name, problem, describe);
    } else if status.contains("ROLLBACK") {
        let problem = format!(
            "The stack's status is {status}: the latest deployment failed, and what it changed was \
             undone."
        );
        findings.warning("stack_status", &stack.name, problem, describe);
    } else if status.ends_with("IN_PROGRESS") {
        let problem = format!("The stack's status is {status}: it changes while it is checked.");
        let remedy = "Run doctor again when the deployment is complete.";
        findings.warning("stack_status", &stack.name, problem, remedy);
    }
}

fn check_version(stack: &Stack, difference: &Difference, findings: &mut Findings) {
    let Difference { added, removed, changed } = difference;
    let parts = [("without", added), ("with", removed), ("with another", changed)];
    let parts = parts.iter().filter(|(_, names)| !names.is_empty());
    let parts: Vec<_> = parts.map(|(what, names)| format!("{what} {}", list(names))).collect();
    if !parts.is_empty() {
        findings.warning(
            "template_version",
            &stack.name,
            format!(
                "The stack was deployed from another version of the template: {}.",
                parts.join("; ")
            ),
            "sam build && sam deploy",
        );
    }
}

fn list(names: &[String]) -> String {
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
