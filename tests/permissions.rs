//! The permissions in the templates.

#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a panic is a failed test"
)]

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stack::{Stack, list, referred, texts};

/// Every statement of a policy in the stack, with the resource that contains it.
pub fn statements(stack: &Stack) -> Vec<(&str, &Value)> {
    let mut found = Vec::new();
    for (name, resource) in stack.resources() {
        let properties = &resource["Properties"];
        let documents = [
            &properties["PolicyDocument"],
            &properties["KeyPolicy"],
            &properties["AccessPolicies"],
            &properties["AssumeRolePolicyDocument"],
        ];
        let inline = list(&properties["Policies"]);
        let inline = inline.iter().map(|policy| &policy["PolicyDocument"]);
        for document in documents.into_iter().chain(inline) {
            found.extend(list(&document["Statement"]).into_iter().map(|each| (name, each)));
        }
    }
    found
}

/// The permissions of a role: each action with each resource, and with the only service through
/// which a key may be used.
pub fn allowed(stack: &Stack, role: &str) -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for (name, statement) in statements(stack) {
        let attached = texts(&stack.properties(name)["Roles"]).contains(&&*format!("${{{role}}}"));
        if (name == role || attached) && statement["Principal"].is_null() {
            assert_eq!(statement["Effect"], "Allow");
            for action in texts(&statement["Action"]) {
                let on = texts(&statement["Resource"]).into_iter();
                let service = statement["Condition"]["StringEquals"]["kms:ViaService"].as_str();
                let via = service.map_or(String::new(), |service| format!("@{service}"));
                allowed.extend(on.map(|resource| format!("{action} on {resource}{via}")));
            }
        }
    }
    allowed
}

/// Each action of these lines with each resource: `ACTION … on RESOURCE …`.
pub fn expanded(lines: &[&str]) -> BTreeSet<String> {
    let mut expanded = BTreeSet::new();
    for line in lines {
        let (actions, resources) = line.split_once(" on ").unwrap_or((line, ""));
        for action in actions.split_whitespace() {
            let on = resources.split_whitespace();
            expanded.extend(on.map(|resource| format!("{action} on {resource}")));
        }
    }
    expanded
}

/// The permissions of a function, except writing its log.
pub fn beside_its_log(stack: &Stack, name: &str) -> BTreeSet<String> {
    let function = stack.function(name);
    let log = referred(&function["LoggingConfig"]["LogGroup"]);
    let write = format!("logs:CreateLogStream logs:PutLogEvents on ${{{log}.Arn}}");
    let mut allowed = allowed(stack, referred(&function["Role"]));
    for permission in expanded(&[&write]) {
        assert!(allowed.remove(&permission), "{name} lacks {permission}");
    }
    allowed
}
