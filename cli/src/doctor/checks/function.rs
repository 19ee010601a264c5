//! The function and its event source mappings.

use std::collections::BTreeMap;

use shared::config::Environment;
use sqs_consumer::Config;

use crate::doctor::facts::{Facts, Function, Mapping};
use crate::doctor::finding::Finding;

/// What Lambda sets, and does not show.
const SET_BY_LAMBDA: [&str; 2] = ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME"];

pub(super) fn check(facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(function) = &facts.function else { return };
    check_state(function, findings);
    if facts.mappings.is_empty() {
        // Nor is it known to be sqs-consumer, whose settings these would be.
        return findings.push(Finding::error(
            "no_mapping",
            &function.name,
            "No queue invokes the function: it has no event source mapping of SQS.",
            "Create one, with --function-response-types ReportBatchItemFailures; or name another \
             function.",
        ));
    }
    for mapping in &facts.mappings {
        check_mapping(function, mapping, findings);
        check_concurrency(function, mapping, findings);
    }
    check_settings(function, findings);
}

fn check_state(function: &Function, findings: &mut Vec<Finding>) {
    let states = [("state", &function.state), ("last update", &function.last_update)];
    for (what, state) in states {
        if let Some(state) = state.as_deref().filter(|state| state.starts_with("Failed")) {
            findings.push(Finding::error(
                "function_state",
                &function.name,
                format!("The function's {what} is {state}."),
                "Deploy it again.",
            ));
        }
    }
}

fn check_mapping(function: &Function, mapping: &Mapping, findings: &mut Vec<Finding>) {
    let update = format!("aws lambda update-event-source-mapping --uuid {}", mapping.id);
    let name = &function.name;
    if !mapping.reports_failures {
        findings.push(Finding::error(
            "report_batch_item_failures",
            name,
            "The event source mapping does not take partial answers (ReportBatchItemFailures): \
             Lambda deletes the messages that the function wants to see again. They are lost.",
            format!("{update} --function-response-types ReportBatchItemFailures"),
        ));
    }
    if mapping.state.starts_with("Disabl") {
        findings.push(Finding::error(
            "mapping_disabled",
            name,
            "The event source mapping is disabled: nothing is consumed.",
            format!("{update} --enabled"),
        ));
    }
    if mapping.has_filter {
        findings.push(Finding::warning(
            "mapping_filter",
            name,
            "The event source mapping has filters: Lambda deletes the messages that they do not \
             match, unseen.",
            format!("{update} --filter-criteria '{{}}' takes them away"),
        ));
    }
    let problem = mapping.last_result.as_deref().filter(|result| result.starts_with("PROBLEM"));
    if let Some(result) = problem {
        findings.push(Finding::warning(
            "last_batch",
            name,
            format!("Lambda says of the latest batch: {result}."),
            "The function's log tells more.",
        ));
    }
}

fn check_concurrency(function: &Function, mapping: &Mapping, findings: &mut Vec<Finding>) {
    let Some(reserved) = function.reserved_concurrency else { return };
    let name = &function.name;
    if reserved == 0 {
        findings.push(Finding::error(
            "concurrency",
            name,
            "The function's reserved concurrency is 0: it is never called.",
            format!("aws lambda delete-function-concurrency --function-name {name}"),
        ));
    } else if mapping.max_concurrency.is_none_or(|max| max > reserved) {
        let max =
            mapping.max_concurrency.map_or("no".to_owned(), |max| format!("a higher ({max})"));
        findings.push(Finding::warning(
            "concurrency",
            name,
            format!(
                "The function's reserved concurrency is {reserved}, and the mapping has {max} \
                 maximum: calls are throttled, and each of those counts as a receive."
            ),
            format!(
                "aws lambda update-event-source-mapping --uuid {} --scaling-config \
                 MaximumConcurrency={}",
                mapping.id,
                reserved.max(2)
            ),
        ));
    }
}

/// Reads the function's variables as the function does.
fn check_settings(function: &Function, findings: &mut Vec<Finding>) {
    let Some(variables) = &function.environment else {
        findings.push(Finding::warning(
            "settings",
            &function.name,
            "Lambda does not show the function's variables: its settings are not checked.",
            "Run the doctor with credentials that may decrypt them.",
        ));
        return;
    };
    match settings(variables) {
        Err(problem) => findings.push(Finding::error(
            "settings",
            &function.name,
            format!("The function cannot start: {problem}."),
            "Change the variable; functions/sqs-consumer/README.md lists them all.",
        )),
        Ok(config) if config.deadline_margin.as_secs() >= function.timeout_seconds => {
            findings.push(Finding::error(
                "deadline_margin",
                &function.name,
                format!(
                    "DEADLINE_MARGIN_MS is {}, and the function's timeout {} s: it never starts \
                     any work, and every message comes again.",
                    config.deadline_margin.as_millis(),
                    function.timeout_seconds
                ),
                "Give the function more time; the template's has 60 s.",
            ));
        }
        Ok(_) => {}
    }
}

/// The settings of `sqs-consumer` with these variables.
///
/// # Errors
/// What the function says of them.
pub(super) fn settings(variables: &BTreeMap<String, String>) -> Result<Config, String> {
    let lambda = SET_BY_LAMBDA.map(|name| (name, "set"));
    let own = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // A file of the function's package is not here.
    let own = own.filter(|(name, value)| !(*name == "MAPPING" && value.starts_with('@')));
    let environment: Environment = lambda.into_iter().chain(own).collect();
    Config::from_environment(&environment).map_err(|error| error.to_string())
}
