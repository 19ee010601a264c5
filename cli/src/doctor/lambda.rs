//! Reads functions and event source mappings from Lambda.

use std::collections::BTreeMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{
    EventSourceMappingConfiguration, FunctionResponseType, LastUpdateStatus, State,
};
use shared::aws::{Aws, Service};
use shared::sqs::Failure as SqsFailure;

use super::facts::{Function, Mapping};
use crate::aws::explained;
use crate::error::CliError;

/// Lambda, at `AWS_ENDPOINT_URL_LAMBDA`.
pub(crate) const LAMBDA: Service = "LAMBDA";

/// Parses the name or the ARN of a function, with or without a version or alias.
pub(super) fn function_name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '$');
    let is_other_arn = text.starts_with("arn:") && !text.contains(":function:");
    if text.is_empty() || is_other_arn || !text.chars().all(is_allowed) {
        return Err("expected the name or the ARN of a function".to_owned());
    }
    Ok(text.to_owned())
}

/// Reads functions and event source mappings.
#[derive(Debug)]
pub(super) struct Lambda(pub(super) Client);

impl Lambda {
    pub(super) fn new(aws: &Aws) -> Self {
        Self(Client::new(&aws.sdk_config(LAMBDA, RetryConfig::standard())))
    }

    /// Reads a function and its event source mappings of queues.
    ///
    /// # Errors
    /// The error of Lambda.
    pub(super) async fn read(&self, name: &str) -> Result<(Function, Vec<Mapping>), SqsFailure> {
        let reply = self.0.get_function().function_name(name).send().await?;
        let function = function(reply)?;
        let mappings = self.0.list_event_source_mappings().function_name(name).into_paginator();
        let mappings = mappings.items().send().collect::<Result<Vec<_>, _>>().await?;
        Ok((function, mappings.into_iter().filter_map(mapping).collect()))
    }

    /// Reads the event source mappings of a queue, of all functions.
    ///
    /// # Errors
    /// The error of Lambda.
    pub(super) async fn mappings_of(&self, queue_arn: &str) -> Result<Vec<Mapping>, SqsFailure> {
        let mappings = self.0.list_event_source_mappings().event_source_arn(queue_arn);
        let mappings = mappings.into_paginator().items().send();
        let mappings = mappings.collect::<Result<Vec<_>, _>>().await?;
        Ok(mappings.into_iter().filter_map(mapping).collect())
    }
}

fn function(reply: GetFunctionOutput) -> Result<Function, SqsFailure> {
    let configuration = reply.configuration.filter(|it| it.function_name.is_some());
    let not_lambda =
        || SqsFailure::new("NotLambda", "the server is not Lambda; check AWS_ENDPOINT_URL");
    let configuration = configuration.ok_or_else(not_lambda)?;
    let with_reason = |state: Option<&str>, reason: Option<&str>| {
        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        state.map(|state| format!("{state}{reason}"))
    };
    let reserved = reply.concurrency.and_then(|limits| limits.reserved_concurrent_executions);
    let vpc = configuration.vpc_config;
    let vpc = vpc.and_then(|vpc| Some((vpc.vpc_id?, vpc.subnet_ids.unwrap_or_default())));
    Ok(Function {
        name: configuration.function_name.unwrap_or_default(),
        arn: configuration.function_arn.unwrap_or_default(),
        runtime: configuration.runtime.map(|runtime| runtime.as_str().to_owned()),
        architecture: configuration
            .architectures
            .and_then(|all| all.first().map(|first| first.as_str().to_owned())),
        role_arn: configuration.role,
        log_group: configuration.logging_config.and_then(|logging| logging.log_group),
        vpc: vpc.filter(|(vpc, _)| !vpc.is_empty()),
        timeout_seconds: number(configuration.timeout).unwrap_or_default(),
        state: with_reason(
            configuration.state.as_ref().map(State::as_str),
            configuration.state_reason.as_deref(),
        ),
        last_update: with_reason(
            configuration.last_update_status.as_ref().map(LastUpdateStatus::as_str),
            configuration.last_update_status_reason.as_deref(),
        ),
        reserved_concurrency: number(reserved),
        environment: match configuration.environment {
            None => Some(BTreeMap::new()),
            Some(environment) => environment.variables.map(BTreeMap::from_iter),
        },
    })
}

/// Returns `None` for a mapping of another event source than SQS.
fn mapping(mapping: EventSourceMappingConfiguration) -> Option<Mapping> {
    let queue_arn = mapping.event_source_arn.filter(|arn| arn.contains(":sqs:"))?;
    let response_types = mapping.function_response_types.unwrap_or_default();
    let filters = mapping.filter_criteria.and_then(|criteria| criteria.filters);
    Some(Mapping {
        id: mapping.uuid.unwrap_or_default(),
        queue_arn,
        state: mapping.state.unwrap_or_default(),
        reports_failures: response_types.contains(&FunctionResponseType::ReportBatchItemFailures),
        window_seconds: number(mapping.maximum_batching_window_in_seconds).unwrap_or_default(),
        max_concurrency: number(mapping.scaling_config.and_then(|it| it.maximum_concurrency)),
        has_filter: filters.is_some_and(|filters| !filters.is_empty()),
        last_result: mapping.last_processing_result,
    })
}

pub(super) fn number(number: Option<i32>) -> Option<u64> {
    number.and_then(|number| u64::try_from(number).ok())
}

/// Returns the error of a function that cannot be read.
pub(super) fn failed(failure: &SqsFailure) -> CliError {
    let reason = explained(failure);
    CliError::failed(format_args!("failed to read the function from Lambda: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::function_name;

    #[test]
    fn a_function_has_a_name_or_an_arn() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:consumer";
        for text in ["sluice-dev_1", "consumer:$LATEST", arn, &format!("{arn}:live")] {
            assert_eq!(function_name(text).as_deref(), Ok(text));
        }
        for text in ["", "a b", "../x", "a/b", "arn:aws:sqs:eu-west-1:1:music", "a?b"] {
            assert!(function_name(text).is_err(), "{text}");
        }
    }
}
