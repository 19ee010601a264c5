//! The functions and their invokers.
//!
//! Source: AWS Lambda Developer Guide, "Implementing partial batch
//! responses" (Amazon SQS).

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Sink, sink};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Value, json};
use shared::config::Environment;
use shared::event::Timestamp;
use shared::runtime::{Function, Invocation};
use shared::sqs::{AttributeValue, MAX_ENTRIES};
use tokio::time::{Instant, timeout_at};

use crate::history::{Place, Plan, Redrive, Setup};
use crate::process::{Ports, Process};
use crate::queue::{Stored, handle};
use crate::world::{BEGINNING_MS, World};

/// The functions' timeouts.
const CONSUMER_TIMEOUT: Duration = Duration::from_secs(30);
const REDRIVE_TIMEOUT: Duration = Duration::from_mins(1);

/// Maximum number of tries to delete a batch.
const DELETE_TRIES: usize = 2;

type Consumer = sqs_consumer::App<Ports, Ports, Sink>;

/// The idle instances of `sqs-consumer`, which the next invocations use.
#[derive(Default)]
pub(crate) struct Idle(RefCell<Vec<(Consumer, Ports)>>);

fn environment(setup: &Setup) -> Environment {
    let index = if setup.daily { "music-events-%Y.%m.%d" } else { "music-events" };
    let documents = setup.bulk_documents.to_string();
    let url = |place: Place| place.url(setup.fifo);
    let (dlq, parking, quarantine) = (url(Place::Dlq), url(Place::Parking), url(Place::Quarantine));
    let mut variables = vec![
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_LAMBDA_FUNCTION_NAME", "simulated"),
        ("AWS_ENDPOINT_URL_SQS", "http://sqs"),
        ("OPENSEARCH_ENDPOINT", "http://search"),
        ("OPENSEARCH_AUTH", "none"),
        ("INDEX", index),
        ("BULK_MAX_DOCS", &documents),
        ("DLQ_URL", &dlq),
        ("PARKING_QUEUE_URL", &parking),
    ];
    if setup.quarantine {
        variables.push(("QUARANTINE_QUEUE_URL", &quarantine));
    }
    variables.into_iter().collect()
}

/// Invokes a function, and returns its answer, unless it fails.
async fn invoke<F: Function>(
    process: &Process,
    function: &mut F,
    body: &[u8],
    timeout: Duration,
) -> Option<Vec<u8>> {
    let nanos = u128::from(BEGINNING_MS + process.world.now()) * 1_000_000;
    let now = Timestamp::from_nanos(nanos).unwrap();
    let deadline = Instant::now() + timeout;
    let invocation = Invocation { body, request_id: "simulated", function_arn: "", now, deadline };
    let mut answer = Vec::new();
    let handled = AssertUnwindSafe(function.handle(invocation, &mut answer)).catch_unwind();
    match timeout_at(deadline, handled).await {
        Ok(Ok(Ok(()))) => Some(answer),
        Ok(Ok(Err(_)) | Err(_)) => {
            process.saw("invocation failed");
            None
        }
        Err(_) => {
            process.world.broke("no answer before the deadline");
            None
        }
    }
}

/// The event source mapping invokes `sqs-consumer` with a batch; returns the number of messages.
pub(crate) async fn consume(world: Rc<World>, idle: &Idle, most: usize, plan: &Plan) -> usize {
    let process = Process::new(&world, plan, "sqs-consumer");
    let setup = world.setup;
    let work = async {
        let received = process.receive(Place::Main, most, setup.visibility_seconds).await;
        let Ok(messages) = received.map_err(|_| ()) else { return 0 };
        if messages.is_empty() {
            return 0;
        }
        let event = event(&messages, setup.fifo);
        let instance = idle.0.borrow_mut().pop();
        let (mut function, ports) = instance.unwrap_or_else(|| {
            let config = sqs_consumer::Config::from_environment(&environment(&setup));
            let ports = Ports::of(Rc::clone(&process));
            let random = fastrand::Rng::with_seed(plan.shuffle.into());
            let app = Consumer::new(config.unwrap(), ports.clone(), ports.clone(), random, sink());
            (app, ports)
        });
        ports.hand_to(Rc::clone(&process));
        let answer = invoke(&process, &mut function, &event, CONSUMER_TIMEOUT).await;
        idle.0.borrow_mut().push((function, ports));
        let ids: BTreeSet<_> = messages.iter().map(|message| message.id.as_str()).collect();
        let failed = answer.map(|answer| local::sqs::batch_item_failures(&answer, &ids));
        let failed = match failed {
            Some(Ok(failed)) => failed,
            Some(Err(wrong)) => {
                world.broke(format!("invalid answer of sqs-consumer: {wrong}"));
                return messages.len();
            }
            None => return messages.len(),
        };
        process.trace(|| format!("fails {failed:?}"));
        let done = messages.iter().filter(|message| !failed.contains(&message.id));
        delete(&process, &done.map(handle).collect::<Vec<_>>()).await;
        messages.len()
    };
    process.run(work).await.unwrap_or_default()
}

/// Deletes the messages that succeeded.
async fn delete(process: &Process, handles: &[String]) {
    for handles in handles.chunks(MAX_ENTRIES) {
        let mut open = handles.to_vec();
        for _ in 0..DELETE_TRIES {
            if open.is_empty() {
                break;
            }
            let results = process.delete(Place::Main, &open).await;
            let failed = open.into_iter().zip(results).filter(|(_, result)| result.is_err());
            open = failed.map(|(handle, _)| handle).collect();
        }
    }
}

/// The event with these messages.
fn event(messages: &[Stored], fifo: bool) -> Vec<u8> {
    let record = |message: &Stored| {
        let attributes = message.content.attributes.iter().map(|(name, attribute)| {
            let AttributeValue::Text(text) = &attribute.value else { panic!("all are texts") };
            (name.clone(), json!({"dataType": attribute.data_type, "stringValue": text}))
        });
        let mut record = json!({
            "messageId": message.id,
            "receiptHandle": handle(message),
            "body": message.content.body,
            "attributes": {
                "ApproximateReceiveCount": message.receive_count.to_string(),
                "SentTimestamp": (BEGINNING_MS + message.sent_ms).to_string(),
            },
            "messageAttributes": attributes.collect::<serde_json::Map<_, _>>(),
            "eventSource": "aws:sqs",
            "eventSourceARN": Place::Main.arn(fifo),
        });
        if let Some(first) = message.first_receive_ms {
            let first = (BEGINNING_MS + first).to_string();
            record["attributes"]["ApproximateFirstReceiveTimestamp"] = first.into();
        }
        if let Some(group) = &message.content.group {
            record["attributes"]["MessageGroupId"] = group.as_str().into();
        }
        record
    };
    let records: Vec<_> = messages.iter().map(record).collect();
    json!({"Records": records}).to_string().into_bytes()
}

/// Invokes `dlq-redrive`, and returns its answer.
pub(crate) async fn redrive(world: Rc<World>, order: &Redrive, plan: &Plan) -> Option<Value> {
    let process = Process::new(&world, plan, "dlq-redrive");
    let ports = Ports::of(Rc::clone(&process));
    let config = dlq_redrive::config::Config::from_environment(&environment(&world.setup));
    let mut app = dlq_redrive::App::new(config.unwrap(), ports.clone(), ports, sink());
    let body = payload(order, world.setup.fifo).to_string().into_bytes();
    let work = invoke(&process, &mut app, &body, REDRIVE_TIMEOUT);
    let answer = process.run(work).await.flatten()?;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    process.trace(|| answer.to_string());
    for (member, what) in [("moved", "redriven"), ("parked", "parked"), ("failed", "not redriven")]
    {
        if answer[member].as_u64() > Some(0) {
            world.saw(what);
        }
    }
    Some(answer)
}

fn payload(order: &Redrive, fifo: bool) -> Value {
    // A member that is null is not set.
    let mut payload = json!({
        "action": "redrive",
        "source": order.from.url(fifo),
        // Only SQS knows where a message came from.
        "destination": (order.from != Place::Dlq).then(|| Place::Main.url(fifo)),
        "mode": if order.native { "native" } else { "selective" },
        "ratePerSecond": order.rate_per_second,
    });
    if !order.native {
        let filter = order.only.map(|digit| json!({"text": format!("\"n\":{digit}")}));
        let canary = |(messages, seconds)| json!({"messages": messages, "waitSeconds": seconds});
        payload["filter"] = filter.into();
        payload["maxMessages"] = order.max_messages.into();
        payload["maxRedrives"] = order.max_redrives.into();
        payload["canary"] = order.canary.map(canary).into();
        payload["dryRun"] = order.dry_run.into();
    }
    payload
}
