//! The usage of volumes, as the usage document prints it on their instances.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ssm::types::{CommandInvocationStatus, InstanceInformationStringFilter, PlatformType};
use shared::aws::CallFailure;
use shared::cost::CallTime;
use tokio::time::sleep;

use crate::clients::{Clients, Listed, Pages, failure, invalid, is_code, sent};
use crate::volume::{Usages, add_usage};

/// Maximum number of instances in a command (source: AWS Systems Manager API reference,
/// `SendCommand`).
const MAX_INSTANCES: usize = 50;
/// Maximum number of instances on which the document runs.
const MAX_LISTED: usize = 10_000;
/// Time between two polls for the output of commands.
const POLL: Duration = Duration::from_millis(500);
/// Seconds in which an instance must start a command; the minimum.
const START_SECONDS: i32 = 30;

/// Runs a document on all Linux instances that Systems Manager manages. Returns the usage of each
/// volume, and why some instances are missing.
pub(crate) async fn usage(
    clients: &Clients,
    document: &str,
    time: CallTime,
) -> (Usages, Vec<CallFailure>) {
    let (instances, unlisted) = linux_instances(clients, time).await;
    let (usages, mut failures) = usage_on(clients, document, &instances, time).await;
    failures.extend(unlisted);
    (usages, failures)
}

/// Runs a document on these instances, as `usage`.
pub(crate) async fn usage_on(
    clients: &Clients,
    document: &str,
    instances: &[String],
    time: CallTime,
) -> (Usages, Vec<CallFailure>) {
    let mut failures = Vec::new();
    let mut commands = Vec::new();
    let mut batches: Vec<_> = instances.chunks(MAX_INSTANCES).rev().collect();
    while let Some(batch) = batches.pop() {
        match send(clients, document, batch, time).await {
            Ok(command) => commands.extend(batch.iter().map(|id| (command.clone(), id))),
            // An instance ended meanwhile: the others are called without it.
            Err(failure) if is_code(&failure, "InvalidInstanceId") && batch.len() > 1 => {
                let (first, second) = batch.split_at(batch.len() / 2);
                batches.extend([second, first]);
            }
            Err(failure) => failures.push(failure),
        }
    }
    let mut usages = Usages::new();
    while !commands.is_empty() {
        if time.is_over() {
            failures.push(failure("Deadline", "a command has not ended"));
            break;
        }
        sleep(POLL.min(time.left())).await;
        let mut running = Vec::new();
        for (command, instance) in commands {
            match output(clients, &command, instance, time).await {
                Ok(Some(output)) => {
                    if add_usage(&output, &mut usages) {
                        let message = format!("the output of {instance} is cut off");
                        failures.push(failure("UsageUnknown", &message));
                    }
                }
                Ok(None) => running.push((command, instance)),
                Err(failure) => failures.push(failure),
            }
        }
        commands = running;
    }
    for id in usages.iter().filter(|(_, usage)| usage.is_none()).map(|(id, _)| id) {
        failures.push(failure("UsageUnknown", &format!("a line on {id} cannot be read")));
    }
    (usages, failures)
}

async fn linux_instances(clients: &Clients, time: CallTime) -> Listed<String> {
    let mut found = BTreeSet::new();
    let failure = add_instances(&mut found, clients, time).await.err();
    (found.into_iter().take(MAX_LISTED).collect(), failure)
}

async fn add_instances(
    found: &mut BTreeSet<String>,
    clients: &Clients,
    time: CallTime,
) -> Result<(), CallFailure> {
    let filter = |key: &str, value: &str| {
        InstanceInformationStringFilter::builder().key(key).values(value).build().ok()
    };
    let filters = [filter("PlatformTypes", "Linux"), filter("PingStatus", "Online")];
    let filters: Vec<_> = filters.into_iter().flatten().collect();
    let (mut pages, mut token) = (Pages::default(), None);
    loop {
        let call = clients
            .ssm()
            .describe_instance_information()
            .set_filters(Some(filters.clone()))
            .set_next_token(token);
        let page = sent(time, call.send()).await?;
        let instances = page.instance_information_list.unwrap_or_default().into_iter();
        let linux = instances
            .filter(|one| {
                one.platform_type.as_ref().is_none_or(|kind| *kind == PlatformType::Linux)
            })
            .filter_map(|one| one.instance_id)
            // Machines outside of EC2 have no volumes.
            .filter(|id| id.starts_with("i-"));
        found.extend(linux);
        if found.len() > MAX_LISTED {
            return Err(failure("TooMany", "more than 10,000 instances"));
        }
        token = pages.next(page.next_token)?;
        if token.is_none() {
            return Ok(());
        }
    }
}

async fn send(
    clients: &Clients,
    document: &str,
    instances: &[String],
    time: CallTime,
) -> Result<String, CallFailure> {
    let call = clients
        .ssm()
        .send_command()
        .document_name(document)
        .set_instance_ids(Some(instances.to_vec()))
        .timeout_seconds(START_SECONDS)
        .comment("What is used of volumes");
    let command = sent(time, call.send()).await?.command;
    let id = command.and_then(|command| command.command_id);
    id.ok_or_else(|| invalid("a command has no id"))
}

/// The output of a command on an instance; `None` while it runs.
async fn output(
    clients: &Clients,
    command: &str,
    instance: &str,
    time: CallTime,
) -> Result<Option<String>, CallFailure> {
    let call = clients.ssm().get_command_invocation().command_id(command).instance_id(instance);
    let answer = match sent(time, call.send()).await {
        Ok(answer) => answer,
        // This happens for a moment after it was sent.
        Err(failure) if is_code(&failure, "InvocationDoesNotExist") => return Ok(None),
        Err(failure) => return Err(failure),
    };
    match answer.status {
        Some(CommandInvocationStatus::Success) => {
            Ok(Some(answer.standard_output_content.unwrap_or_default()))
        }
        Some(
            CommandInvocationStatus::Pending
            | CommandInvocationStatus::InProgress
            | CommandInvocationStatus::Delayed,
        )
        | None => Ok(None),
        Some(other) => {
            let code = answer.status_details.filter(|details| !details.is_empty());
            let code = code.unwrap_or_else(|| other.as_str().to_owned());
            Err(failure(&code, &format!("the command ended on {instance}")))
        }
    }
}
