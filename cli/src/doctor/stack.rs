//! Reads a stack: one file for each area, with the services that it calls. Nothing is changed.
//!
//! Failed reads are noted, and the rest is checked.

mod alarms;
mod buckets;
mod chat;
mod cloudformation;
mod delivery;
pub(super) mod facts;
mod logs;
mod network;
mod query;
mod roles;
mod rules;
mod search;
pub(super) mod template;

pub(super) use roles::is_version;

use std::cell::RefCell;

use shared::aws::Aws;
use shared::aws::Service;
use shared::s3::S3;
use shared::secrets::SECRETS_MANAGER;
use shared::sqs::{Failure as SqsFailure, SQS};

use super::facts::{Facts, Lookup};
use super::lambda::{LAMBDA, Lambda, number};
use super::queues::Queues;
use super::variable;
use crate::aws::explained;
use crate::console::printable;
use crate::error::CliError;
use facts::{Concurrency, Deployed, Missing, Resource, Stack, StackFacts, StackQueue, Unread};
use query::Caller;

/// The services that are called.
pub(super) const SERVICES: [Service; 13] = [
    LAMBDA,
    SQS,
    S3,
    SECRETS_MANAGER,
    alarms::CLOUDWATCH,
    delivery::FIREHOSE,
    delivery::KINESIS,
    logs::LOGS,
    query::CLOUDFORMATION.service,
    query::SNS.service,
    query::IAM.service,
    query::EC2.service,
    query::EVENTS.service,
];

/// The state that the readers of all areas share.
struct Reader<'a> {
    aws: &'a Aws,
    caller: Caller<'a>,
    stacks: &'a [Stack],
    missing: RefCell<Vec<Missing>>,
    unread: RefCell<Vec<Unread>>,
}

impl Reader<'_> {
    /// Returns the resources of a type.
    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Resource> {
        let resources = self.stacks.iter().flat_map(|stack| &stack.resources);
        resources.filter(move |resource| {
            resource.kind == kind && !resource.physical_id.is_empty() && !resource.is_deleted()
        })
    }

    /// Returns what was read. If it does not exist or cannot be read, this is noted.
    fn noted<T>(
        &self,
        what: &'static str,
        name: &str,
        result: Result<T, impl Into<SqsFailure>>,
    ) -> Option<T> {
        let failure = match result {
            Ok(value) => return Some(value),
            Err(failure) => failure.into(),
        };
        if is_missing(&failure) {
            self.is_missing(what, name);
        } else {
            self.is_unread(what, name, &failure.to_string());
        }
        None
    }

    fn is_missing(&self, what: &'static str, name: &str) {
        self.missing.borrow_mut().push(Missing { what, name: name.to_owned() });
    }

    fn is_unread(&self, what: &'static str, name: &str, reason: &str) {
        let (name, reason) = (name.to_owned(), printable(reason, 300));
        self.unread.borrow_mut().push(Unread { what, name, reason });
    }
}

impl Resource {
    fn is_deleted(&self) -> bool {
        matches!(&*self.status, "DELETE_COMPLETE" | "DELETE_SKIPPED")
    }
}

fn is_missing(failure: &SqsFailure) -> bool {
    let SqsFailure { code, message } = failure;
    ["NotFound", "NonExistentQueue", "QueueDoesNotExist", "NoSuch"]
        .iter()
        .any(|name| code.contains(name))
        || code == "ValidationError" && message.contains("does not exist")
}

/// The options of `--stack`.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) name: &'a str,
    /// The OpenSearch of `--opensearch`, instead of that of the functions.
    pub(super) opensearch: Option<&'a local::opensearch::Client>,
    /// Whether a greeting is posted to Google Chat.
    pub(super) posts: bool,
}

/// Reads the stack and those nested in it.
///
/// # Errors
/// [`CliError::Failed`] if the stack itself cannot be read.
pub(super) async fn read(aws: &Aws, request: Request<'_>) -> Result<StackFacts, CliError> {
    let notes = RefCell::default();
    let stacks = cloudformation::read(&Caller::new(aws), request.name, &notes).await;
    let stacks = stacks.map_err(|failure| {
        let reason = explained(&failure);
        CliError::failed(format_args!("failed to read the stack {}: {reason}", request.name))
    })?;
    let reader = Reader {
        aws,
        caller: Caller::new(aws),
        stacks: &stacks,
        missing: RefCell::default(),
        unread: notes,
    };
    let (functions, queues) = tokio::join!(functions(&reader), queues(&reader));
    let deliveries = delivery::read(&reader).await;
    let mut consumers = consumers(&reader, &functions).await;
    let (alarms, topics, log_groups, rules, buckets, streams) = tokio::join!(
        alarms::read(&reader),
        alarms::read_topics(&reader),
        logs::read(&reader),
        rules::read(&reader),
        buckets::read(&reader),
        delivery::read_streams(&reader),
    );
    let (concurrency, denied, chat, network) = tokio::join!(
        concurrency(&reader),
        roles::read(&reader, &functions, &deliveries),
        chat::read(&reader, &functions, request.posts),
        network::read(&reader, &functions),
    );
    let search = search::read(&reader, request.opensearch, &mut consumers).await;
    let (missing, unread) = (reader.missing.into_inner(), reader.unread.into_inner());
    Ok(StackFacts {
        stacks,
        functions,
        consumers,
        queues,
        deliveries,
        streams,
        buckets,
        topics,
        alarms,
        log_groups,
        rules,
        denied,
        concurrency,
        chat,
        network,
        search,
        missing,
        unread,
    })
}

async fn functions(reader: &Reader<'_>) -> Vec<Deployed> {
    let lambda = Lambda::new(reader.aws);
    let mut found = Vec::new();
    for resource in reader.of_kind("AWS::Lambda::Function") {
        let name = &*resource.physical_id;
        let read = lambda.read(name).await;
        let Some((function, mappings)) = reader.noted("function", name, read) else { continue };
        let config = lambda.0.get_function_event_invoke_config().function_name(name).send().await;
        let failure_destination = match config.map_err(SqsFailure::from) {
            Ok(config) => {
                let destination = config.destination_config.and_then(|config| config.on_failure);
                let arn = destination.and_then(|destination| destination.destination);
                Some(arn.unwrap_or_default())
            }
            // Without a configuration there is no destination.
            Err(failure) if is_missing(&failure) => Some(String::new()),
            Err(failure) => {
                reader.noted("destination of failed events", name, Err::<(), _>(failure));
                None
            }
        };
        found.push(Deployed { function, mappings, failure_destination });
    }
    found
}

async fn queues(reader: &Reader<'_>) -> Vec<StackQueue> {
    let (queues, lambda) = (Queues::new(reader.aws), Lambda::new(reader.aws));
    let mut found = Vec::new();
    for resource in reader.of_kind("AWS::SQS::Queue") {
        let queue = match queues.read(&resource.physical_id).await {
            Lookup::Found(queue) => queue,
            Lookup::Missing(name) => {
                reader.is_missing("queue", &name);
                continue;
            }
            Lookup::Unknown { name, reason } => {
                reader.is_unread("queue", &name, &reason);
                continue;
            }
        };
        let mappings = lambda.mappings_of(&queue.arn).await;
        let mappings = reader.noted("event source mappings", &queue.name, mappings);
        found.push(StackQueue { queue, mappings: mappings.unwrap_or_default() });
    }
    found
}

/// Reads the queues of the functions that consume some, as `doctor --function` does.
async fn consumers(reader: &Reader<'_>, functions: &[Deployed]) -> Vec<Facts> {
    let queues = Queues::new(reader.aws);
    let mut found = Vec::new();
    for Deployed { function, mappings, .. } in functions {
        // Without a mapping, it is recognized by its variables.
        let names = ["QUARANTINE_QUEUE_URL", "CONTINUE_QUEUE_URL"];
        let is_consumer = names.iter().any(|name| variable(Some(function), name).is_some());
        if mappings.is_empty() && !is_consumer {
            continue;
        }
        let mut consumed = Vec::new();
        for mapping in mappings {
            if let Some(url) = queues.url(&mapping.queue_arn) {
                consumed.push(queues.read_consumed(&url).await);
            }
        }
        let quarantine = match variable(Some(function), "QUARANTINE_QUEUE_URL") {
            Some(url) => Some(queues.read(url).await),
            None => None,
        };
        let (function, mappings) = (Some(function.clone()), mappings.clone());
        found.push(Facts { function, mappings, queues: consumed, quarantine, opensearch: None });
    }
    found
}

async fn concurrency(reader: &Reader<'_>) -> Option<Concurrency> {
    let settings = Lambda::new(reader.aws).0.get_account_settings().send().await;
    let limit = reader.noted("concurrency of the account", "Lambda", settings)?.account_limit?;
    Some(Concurrency {
        limit: number(Some(limit.concurrent_executions))?,
        unreserved: number(limit.unreserved_concurrent_executions)?,
    })
}
