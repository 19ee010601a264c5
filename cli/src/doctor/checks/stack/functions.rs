//! Functions: state, runtime, architecture, concurrency, and the destinations of failed events.

use crate::doctor::checks::function::check_state;
use crate::doctor::finding::Findings;
use crate::doctor::stack::facts::StackFacts;

/// The runtime of the template.
const RUNTIME: &str = "provided.al2023";

pub(super) fn check(facts: &StackFacts, findings: &mut Findings) {
    let is_consumer = |name: &str| {
        let consumers = facts.consumers.iter().filter_map(|it| it.function.as_ref());
        consumers.into_iter().any(|function| function.name == name)
    };
    for deployed in &facts.functions {
        let function = &deployed.function;
        let name = &*function.name;
        if !is_consumer(name) {
            check_state(function, findings);
        }
        if let Some(runtime) = function.runtime.as_deref().filter(|runtime| *runtime != RUNTIME) {
            findings.warning(
                "runtime",
                name,
                format!(
                    "The function's runtime is {runtime}, not {RUNTIME}: AWS ends the support of \
                     older runtimes."
                ),
                format!(
                    "aws lambda update-function-configuration --function-name {name} --runtime \
                         {RUNTIME}"
                ),
            );
        }
        if function.architecture.as_deref().is_some_and(|architecture| architecture != "arm64") {
            findings.warning(
                "architecture",
                name,
                "The function runs on x86_64, which costs 25 % more than arm64.",
                "Build and deploy it for arm64: sam build && sam deploy",
            );
        }
        if function.reserved_concurrency == Some(0) && !is_consumer(name) {
            findings.error(
                "concurrency",
                name,
                "The function's reserved concurrency is 0: Lambda never invokes it.",
                format!("aws lambda delete-function-concurrency --function-name {name}"),
            );
        }
        let is_subscriber = facts.topics.iter().any(|topic| {
            let subscriptions = topic.subscriptions.iter().flatten();
            subscriptions.into_iter().any(|it| it.endpoint == function.arn)
        });
        if is_subscriber && deployed.failure_destination.as_deref() == Some("") {
            findings.warning(
                "failure_destination",
                name,
                "The function has no destination for failed events: an alert that it fails to post \
                 three times is lost.",
                format!(
                    "aws lambda put-function-event-invoke-config --function-name {name} \
                     --destination-config '{{\"OnFailure\":{{\"Destination\":\"QUEUE-ARN\"}}}}'"
                ),
            );
        }
    }
    check_concurrency(facts, findings);
}

/// Checks that the unreserved concurrency suffices for all mappings, and for one invocation of each
/// other function: throttled invocations count as receives of their messages.
fn check_concurrency(facts: &StackFacts, findings: &mut Findings) {
    let Some(concurrency) = facts.concurrency else { return };
    let unreserved = |function: &&&crate::doctor::stack::facts::Deployed| {
        function.function.reserved_concurrency.is_none()
    };
    let functions: Vec<_> = facts.functions.iter().collect();
    let mappings = functions.iter().filter(unreserved).flat_map(|it| &it.mappings);
    let needed: u64 = mappings.filter_map(|mapping| mapping.max_concurrency).sum();
    let others = functions.iter().filter(unreserved).filter(|it| it.mappings.is_empty()).count();
    let needed = needed + others as u64;
    if concurrency.unreserved < needed {
        findings.warning(
            "concurrency_headroom",
            "Lambda",
            format!(
                "The functions of the stack can use {needed} concurrent executions, but the account \
                 has {} that are not reserved (of {}): throttled invocations bring messages closer \
                 to the dead-letter queue.",
                concurrency.unreserved, concurrency.limit
            ),
            format!(
                "aws service-quotas request-service-quota-increase --service-code lambda \
                 --quota-code L-B99A9384 --desired-value {}; or deploy a lower \
                 ConsumerMaxConcurrency",
                (concurrency.limit + needed).max(1_000)
            ),
        );
    }
}
