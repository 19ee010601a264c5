//! The function and its event source mappings.

use crate::doctor::facts::{Facts, Function, Mapping};
use crate::doctor::finding::Findings;
use crate::doctor::settings::{self, Settings};

pub(super) fn check(
    facts: &Facts,
    settings: Option<&Result<Settings, String>>,
    findings: &mut Findings,
) {
    let Some(function) = &facts.function else { return };
    check_state(function, findings);
    if facts.mappings.is_empty() {
        // The function may not consume queues, so its settings are not checked.
        return findings.error(
            "no_mapping",
            &function.name,
            "No queue invokes the function: it has no event source mapping of SQS.",
            "Create one with --function-response-types ReportBatchItemFailures, or name another \
             function.",
        );
    }
    for mapping in &facts.mappings {
        check_mapping(function, mapping, findings);
        check_concurrency(function, mapping, findings);
    }
    check_settings(function, settings, findings);
}

pub(super) fn check_state(function: &Function, findings: &mut Findings) {
    for (what, state) in [("state", &function.state), ("last update", &function.last_update)] {
        if let Some(state) = state.as_deref().filter(|state| state.starts_with("Failed")) {
            let problem = format!("The function's {what} is {state}.");
            findings.error("function_state", &function.name, problem, "Deploy it again.");
        }
    }
}

fn check_mapping(function: &Function, mapping: &Mapping, findings: &mut Findings) {
    let update = format!("aws lambda update-event-source-mapping --uuid {}", mapping.id);
    let name = &function.name;
    if !mapping.reports_failures {
        findings.error(
            "report_batch_item_failures",
            name,
            "The event source mapping does not have ReportBatchItemFailures: Lambda deletes \
             messages that the function reports as failed. They are lost.",
            format!("{update} --function-response-types ReportBatchItemFailures"),
        );
    }
    if mapping.state.starts_with("Disabl") {
        findings.error(
            "mapping_disabled",
            name,
            "The event source mapping is disabled: messages are not consumed.",
            format!("{update} --enabled"),
        );
    }
    if mapping.has_filter {
        findings.warning(
            "mapping_filter",
            name,
            "The event source mapping has filters: Lambda deletes messages that do not match.",
            format!("To remove them: {update} --filter-criteria '{{}}'"),
        );
    }
    let result = mapping.last_result.as_deref().filter(|result| result.starts_with("PROBLEM"));
    if let Some(result) = result {
        let problem = format!("The result of the latest batch is {result}.");
        findings.warning("last_batch", name, problem, "See the function's log.");
    }
}

fn check_concurrency(function: &Function, mapping: &Mapping, findings: &mut Findings) {
    let Some(reserved) = function.reserved_concurrency else { return };
    let name = &function.name;
    if reserved == 0 {
        findings.error(
            "concurrency",
            name,
            "The function's reserved concurrency is 0: Lambda never invokes it.",
            format!("aws lambda delete-function-concurrency --function-name {name}"),
        );
    } else if mapping.max_concurrency.is_none_or(|max| max > reserved) {
        let max = mapping.max_concurrency.map_or("unlimited".to_owned(), |max| max.to_string());
        findings.warning(
            "concurrency",
            name,
            format!(
                "The function's reserved concurrency is {reserved}, the maximum concurrency of the \
                 mapping is {max}: throttled invocations count as receives."
            ),
            format!(
                "aws lambda update-event-source-mapping --uuid {} --scaling-config \
                 MaximumConcurrency={}",
                mapping.id,
                reserved.max(2)
            ),
        );
    }
}

fn check_settings(
    function: &Function,
    settings: Option<&Result<Settings, String>>,
    findings: &mut Findings,
) {
    match settings {
        None => findings.warning(
            "settings",
            &function.name,
            "Lambda does not return the function's variables: its settings are not checked.",
            "Run doctor with credentials that can decrypt them.",
        ),
        Some(Err(problem)) => findings.error(
            "settings",
            &function.name,
            format!("The function cannot start: {problem}."),
            format!(
                "Change the variable; functions/{}/README.md lists all of them.",
                function.environment.as_ref().map_or("sqs-consumer", settings::function)
            ),
        ),
        Some(Ok(own)) if own.deadline_margin.as_secs() >= function.timeout_seconds => {
            findings.error(
                "deadline_margin",
                &function.name,
                format!(
                    "DEADLINE_MARGIN_MS is {}, the function's timeout is {} s: the function never \
                     starts any work, and every message is redelivered.",
                    own.deadline_margin.as_millis(),
                    function.timeout_seconds
                ),
                "Increase the function's timeout, or lower DEADLINE_MARGIN_MS.",
            );
        }
        Some(Ok(_)) => {}
    }
}
