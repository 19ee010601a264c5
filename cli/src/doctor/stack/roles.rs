//! Checks whether IAM allows the roles of functions and deliveries the calls that they make.
//!
//! IAM simulates the policies of a role (`SimulatePrincipalPolicy`), without those of the resources
//! and of the organization.

use serde_json::Value;
use shared::sqs::Failure as SqsFailure;

use super::facts::{Delivery, Denied, Deployed};
use super::query::{IAM, items, text};
use super::{Reader, Stack};

const CONSUME: &[&str] = &[
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
];
const MOVE: &[&str] =
    &["sqs:CancelMessageMoveTask", "sqs:ListMessageMoveTasks", "sqs:StartMessageMoveTask"];
const SEND: &[&str] = &["sqs:SendMessage"];
const WATCH: &[&str] = &[
    "cloudwatch:GetMetricData",
    "cloudwatch:ListMetrics",
    "lambda:GetAccountSettings",
    "lambda:ListFunctions",
];
const READ_STREAM: &[&str] =
    &["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator"];

/// The calls that a role must be allowed to make.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Need {
    subject: String,
    role_arn: String,
    actions: &'static [&'static str],
    resource: String,
}

/// Returns the calls that the roles are not allowed to make.
pub(super) async fn read(
    reader: &Reader<'_>,
    functions: &[Deployed],
    deliveries: &[Delivery],
) -> Vec<Denied> {
    let mut denied = Vec::new();
    let mut unread: Option<String> = None;
    for need in needs(reader.stacks, functions, deliveries) {
        // One failure per role is enough.
        if unread.as_deref() == Some(&need.role_arn) {
            continue;
        }
        match simulate(reader, &need).await {
            Ok(actions) => denied.extend(actions.into_iter().map(|action| Denied {
                subject: need.subject.clone(),
                role: role_name(&need.role_arn).to_owned(),
                action,
                resource: need.resource.clone(),
            })),
            Err(failure) => {
                let name = role_name(&need.role_arn);
                reader.noted("permissions of the role", name, Err::<(), _>(failure));
                unread = Some(need.role_arn);
            }
        }
    }
    denied
}

/// Returns the actions that are not allowed.
async fn simulate(reader: &Reader<'_>, need: &Need) -> Result<Vec<String>, SqsFailure> {
    let names: Vec<_> =
        (1..=need.actions.len()).map(|n| format!("ActionNames.member.{n}")).collect();
    let mut parameters =
        vec![("PolicySourceArn", &*need.role_arn), ("ResourceArns.member.1", &*need.resource)];
    parameters.extend(names.iter().map(String::as_str).zip(need.actions.iter().copied()));
    let reply = reader.caller.call(IAM, "SimulatePrincipalPolicy", &parameters).await?;
    let results = items(&reply["EvaluationResults"]).iter();
    let is_denied = |result: &&Value| result["EvalDecision"] != "allowed";
    Ok(results.filter(is_denied).map(|result| text(result, "EvalActionName")).collect())
}

fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Returns the calls of functions and deliveries, from their variables, mappings and settings.
fn needs(stacks: &[Stack], functions: &[Deployed], deliveries: &[Delivery]) -> Vec<Need> {
    let mut needs = Vec::new();
    let search = search(stacks, deliveries);
    for deployed in functions {
        let function = &deployed.function;
        let Some(role) = &function.role_arn else { continue };
        let mut need = |actions, resource: String| {
            let (subject, role_arn) = (function.name.clone(), role.clone());
            needs.push(Need { subject, role_arn, actions, resource });
        };
        let arn = |service: &str, rest: &str| arn(&function.arn, service, rest);
        let variable = |name| deployed.variable(name);
        let queue = |name| {
            let url = variable(name)?;
            let mut parts = url.rsplit('/');
            let (queue, account) = (parts.next()?, parts.next()?);
            Some(arn_of(&function.arn, "sqs", account, queue))
        };
        if let Some(group) = &function.log_group {
            let group = arn("logs", &format!("log-group:{group}:log-stream:a"));
            need(&["logs:CreateLogStream", "logs:PutLogEvents"], group);
        }
        for mapping in &deployed.mappings {
            need(CONSUME, mapping.queue_arn.clone());
        }
        for name in ["QUARANTINE_QUEUE_URL", "CONTINUE_QUEUE_URL", "PARKING_QUEUE_URL"] {
            if let Some(queue) = queue(name) {
                need(SEND, queue);
            }
        }
        if let Some(dead) = queue("DLQ_URL") {
            need(CONSUME, dead.clone());
            need(MOVE, dead);
        }
        if let Some(destination) = deployed.failure_destination.clone()
            && destination.contains(":sqs:")
        {
            need(SEND, destination);
        }
        for name in ["GOOGLE_CHAT_SECRET_ARN", "OPENSEARCH_SECRET_ARN"] {
            if let Some(secret) = variable(name) {
                need(&["secretsmanager:GetSecretValue"], secret.to_owned());
            }
        }
        if let Some(bucket) = variable("FAILURES_BUCKET") {
            let partition = function.arn.split(':').nth(1).unwrap_or("aws");
            let failures = format!("arn:{partition}:s3:::{bucket}/object-loader-failed/a");
            need(&["s3:PutObject"], failures);
        }
        if variable("FUNCTION_NAMES").is_some() || variable("WATCH_TAG").is_some() {
            need(WATCH, "*".to_owned());
        }
        if variable("ERROR_LINES").is_some_and(|lines| lines != "0")
            && let Some(group) = &function.log_group
        {
            need(&["logs:FilterLogEvents"], arn("logs", &format!("log-group:{group}:*")));
        }
        let writes = ["QUARANTINE_QUEUE_URL", "CONTINUE_QUEUE_URL"];
        let writes = writes.iter().any(|name| variable(name).is_some());
        let is_signed = variable("OPENSEARCH_AUTH").unwrap_or("sigv4") == "sigv4";
        if let (true, true, Some(search)) = (writes, is_signed, &search) {
            match search {
                Search::Domain(domain) => need(&["es:ESHttpPost"], format!("{domain}/_bulk")),
                Search::Collection(arn) => need(&["aoss:APIAccessAll"], arn.clone()),
            }
        }
        let processed = |delivery: &&Delivery| is_processor(delivery, &function.arn);
        for delivery in deliveries.iter().filter(processed) {
            if variable("REINGEST").unwrap_or("on") == "on" {
                match &delivery.source {
                    Some(stream) => need(&["kinesis:PutRecords"], stream.clone()),
                    None => need(&["firehose:PutRecordBatch"], delivery.arn.clone()),
                }
            }
        }
    }
    for delivery in deliveries {
        let Some(destination) = &delivery.destination else { continue };
        let mut need = |actions, resource: String| {
            let (subject, role_arn) = (delivery.name.clone(), destination.role_arn.clone());
            needs.push(Need { subject, role_arn, actions, resource });
        };
        if let Some(source) = &delivery.source {
            need(READ_STREAM, source.clone());
        }
        if let Some(function) = &destination.processor_arn {
            need(&["lambda:InvokeFunction"], function.clone());
        }
        if let Some(backup) = &destination.backup_arn {
            need(&["s3:PutObject"], format!("{backup}/a"));
        }
        if let Some(domain) = &destination.domain_arn {
            need(&["es:ESHttpPost", "es:ESHttpPut"], format!("{domain}/_bulk"));
        }
    }
    needs
}

/// Whether a function is the processor of a delivery.
fn is_processor(delivery: &Delivery, function_arn: &str) -> bool {
    let processor = delivery.destination.as_ref().and_then(|it| it.processor_arn.as_deref());
    processor.is_some_and(|arn| arn.strip_prefix(function_arn).is_some_and(is_version))
}

/// Whether a text that follows the ARN of a function is nothing, or a version or alias.
pub(in crate::doctor) fn is_version(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(':')
}

enum Search {
    Domain(String),
    Collection(String),
}

/// Returns the domain or collection of the parameters, or the domain of the delivery.
fn search(stacks: &[Stack], deliveries: &[Delivery]) -> Option<Search> {
    let parameters = &stacks.first()?.parameters;
    let parameter = |name| parameters.get(name).filter(|value| !value.is_empty()).cloned();
    let of_delivery =
        || deliveries.iter().find_map(|it| it.destination.as_ref()?.domain_arn.clone());
    let domain = || parameter("ExistingDomainArn").or_else(of_delivery).map(Search::Domain);
    parameter("CollectionArn").map(Search::Collection).or_else(domain)
}

/// Returns an ARN of another service in the region and account of `like`.
fn arn(like: &str, service: &str, rest: &str) -> String {
    arn_of(like, service, like.split(':').nth(4).unwrap_or_default(), rest)
}

fn arn_of(like: &str, service: &str, account: &str, rest: &str) -> String {
    let mut parts = like.split(':');
    let partition = parts.nth(1).unwrap_or("aws");
    let region = parts.nth(1).unwrap_or_default();
    format!("arn:{partition}:{service}:{region}:{account}:{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::facts::{Function, Mapping};
    use crate::doctor::stack::facts::Destination;

    const DOMAIN: &str = "arn:aws:es:eu-west-1:1:domain/music";

    /// A consumer with these variables, and a delivery to the domain.
    fn needed(variables: &[(&str, &str)], parameters: &[(&str, &str)]) -> Vec<String> {
        let owned = |all: &[(&str, &str)]| {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let queue_arn = "arn:aws:sqs:eu-west-1:1:music".to_owned();
        let consumer = Deployed {
            function: Function {
                arn: "arn:aws:lambda:eu-west-1:1:function:consumer".to_owned(),
                role_arn: Some("arn:aws:iam::1:role/consumer".to_owned()),
                environment: Some(owned(variables)),
                ..Function::default()
            },
            mappings: vec![Mapping { queue_arn, ..Mapping::default() }],
            failure_destination: None,
        };
        let domain_arn = Some(DOMAIN.to_owned());
        let destination = Some(Destination { domain_arn, ..Destination::default() });
        let delivery = Delivery { destination, ..Delivery::default() };
        let stack = Stack { parameters: owned(parameters), ..Stack::default() };
        let needs = needs(&[stack], &[consumer], &[delivery]).into_iter();
        let of_consumer = needs.filter(|need| need.role_arn.ends_with("/consumer"));
        of_consumer.map(|need| format!("{} {}", need.actions.join(","), need.resource)).collect()
    }

    #[test]
    fn a_consumer_reads_its_queue_and_writes_to_quarantine_and_opensearch() {
        let url = "https://sqs.eu-west-1.amazonaws.com/1/quarantine";
        let quarantine = ("QUARANTINE_QUEUE_URL", url);
        let consume = format!("{} arn:aws:sqs:eu-west-1:1:music", CONSUME.join(","));
        let send = "sqs:SendMessage arn:aws:sqs:eu-west-1:1:quarantine";
        let post = format!("es:ESHttpPost {DOMAIN}/_bulk");
        assert_eq!(needed(&[quarantine], &[]), [&*consume, send, &post]);
        let collection = [("CollectionArn", "arn:collection")];
        let access = "aoss:APIAccessAll arn:collection";
        assert_eq!(needed(&[quarantine], &collection), [&*consume, send, access]);
        let unsigned = [quarantine, ("OPENSEARCH_AUTH", "none")];
        assert_eq!(needed(&unsigned, &[]), [&*consume, send]);
        assert_eq!(needed(&[], &[]), [&*consume]);
    }
}
