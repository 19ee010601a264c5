//! Reads stacks from CloudFormation, including nested ones.

use std::cell::RefCell;

use serde_json::Value;
use shared::sqs::Failure as SqsFailure;

use super::facts::{Resource, Stack, Unread};
use super::query::{CLOUDFORMATION, Caller, items, pairs, text};

/// Reads a stack, which is the first result, and those nested in it.
///
/// # Errors
/// The error of CloudFormation for the stack itself.
pub(super) async fn read(
    caller: &Caller<'_>,
    name: &str,
    unread: &RefCell<Vec<Unread>>,
) -> Result<Vec<Stack>, SqsFailure> {
    let mut pending = vec![(name.to_owned(), Vec::new())];
    let mut found = Vec::new();
    while let Some((name, path)) = pending.pop() {
        let is_root = found.is_empty();
        let stack = match read_one(caller, &name, path, unread).await {
            Ok(stack) => stack,
            Err(failure) if is_root => return Err(failure),
            Err(failure) => {
                let reason = failure.to_string();
                unread.borrow_mut().push(Unread { what: "nested stack", name, reason });
                continue;
            }
        };
        let nested = |resource: &&Resource| resource.kind == "AWS::CloudFormation::Stack";
        for resource in stack.resources.iter().filter(nested).rev() {
            if !resource.physical_id.is_empty() && !resource.is_deleted() {
                let mut path = stack.path.clone();
                path.push(resource.logical_id.clone());
                pending.push((resource.physical_id.clone(), path));
            }
        }
        found.push(stack);
    }
    Ok(found)
}

async fn read_one(
    caller: &Caller<'_>,
    name: &str,
    path: Vec<String>,
    unread: &RefCell<Vec<Unread>>,
) -> Result<Stack, SqsFailure> {
    let of = [("StackName", name)];
    let described = caller.call(CLOUDFORMATION, "DescribeStacks", &of).await?;
    let described = items(&described["Stacks"]).first().cloned().unwrap_or_default();
    let list = "StackResourceSummaries";
    let resources = caller.pages(CLOUDFORMATION, "ListStackResources", &of, list).await?;
    let stack = Stack {
        name: text(&described, "StackName"),
        path,
        status: text(&described, "StackStatus"),
        parameters: pairs(&described["Parameters"], "ParameterKey", "ParameterValue")
            .into_iter()
            .collect(),
        resources: resources.iter().map(resource).collect(),
        template: None,
    };
    let original = [of[0], ("TemplateStage", "Original")];
    let template = match caller.call(CLOUDFORMATION, "GetTemplate", &original).await {
        Ok(reply) => local::yaml::parse(&text(&reply, "TemplateBody")),
        Err(failure) => Err(failure.to_string()),
    };
    let template = template.map_err(|reason| {
        let name = stack.name.clone();
        unread.borrow_mut().push(Unread { what: "template", name, reason });
    });
    Ok(Stack { template: template.ok(), ..stack })
}

fn resource(summary: &Value) -> Resource {
    Resource {
        logical_id: text(summary, "LogicalResourceId"),
        kind: text(summary, "ResourceType"),
        physical_id: text(summary, "PhysicalResourceId"),
        status: text(summary, "ResourceStatus"),
    }
}
