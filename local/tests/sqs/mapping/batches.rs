//! How messages are combined into invocations.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use local::runtime_api::{Invoke, InvokeError, REQUEST_LIMIT_BYTES};
use local::sqs::EventSourceMappingOptions;
use serde_json::json;
use tokio::sync::Barrier;

use super::script::{answering, bodies, failing_on};
use super::{options, started};
use crate::servers::{self, Server, both};

async fn send(server: &Server, queue: &str, bodies: impl Iterator<Item = String>) {
    for body in bodies {
        server.send(queue, &body).await;
    }
}

fn numbers(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| number.to_string())
}

#[tokio::test]
async fn a_batch_is_no_larger_than_the_batch_size() {
    for server in both().await {
        let queue = server.queue("small-batches", &[]).await;
        send(&server, &queue, numbers(7)).await;
        let script = answering("{}");
        let options = EventSourceMappingOptions { batch_size: 3, ..options(&queue) };
        let mapping = started(options, &server.client, script.clone()).await;
        let report = mapping.until(|report| report.deleted == 7).await;
        let sizes: Vec<_> = bodies(&script).iter().map(Vec::len).collect();
        assert_eq!(sizes, [3, 3, 1]);
        assert_eq!(report.invocation_durations.len(), 3);
    }
}

#[tokio::test]
async fn a_window_gathers_more_than_one_receive_brings() {
    for server in both().await {
        let queue = server.queue("windows", &[]).await;
        send(&server, &queue, numbers(25)).await;
        let script = answering("{}");
        let options = EventSourceMappingOptions {
            batch_size: 25,
            batching_window: Duration::from_mins(5),
            ..options(&queue)
        };
        let mapping = started(options, &server.client, script.clone()).await;
        mapping.until(|report| report.deleted == 25).await;
        let mut bodies = bodies(&script);
        assert_eq!(bodies.len(), 1, "it goes when it is full, before the window ends");
        bodies[0].sort();
        let mut all: Vec<_> = numbers(25).collect();
        all.sort();
        assert_eq!(bodies[0], all);
    }
}

#[tokio::test]
async fn a_batch_that_is_not_full_goes_when_its_window_ends() {
    let server = servers::own().await;
    let queue = server.queue("q", &[]).await;
    send(&server, &queue, numbers(12)).await;
    let script = answering("{}");
    let options = EventSourceMappingOptions {
        batch_size: 100,
        batching_window: Duration::from_secs(1),
        ..options(&queue)
    };
    let mapping = started(options, &server.client, script.clone()).await;
    mapping.until(|report| report.deleted == 12).await;
    assert_eq!(bodies(&script).into_iter().flatten().count(), 12);
}

#[tokio::test]
async fn an_invocation_is_no_larger_than_lambda_takes() {
    let server = servers::own().await;
    let queue = server.queue("q", &[]).await;
    // Each takes twice its size as JSON.
    let body = "\"".repeat(1 << 19);
    send(&server, &queue, std::iter::repeat_n(body, 9)).await;
    let script = answering("{}");
    let options = EventSourceMappingOptions {
        batch_size: 100,
        batching_window: Duration::from_mins(5),
        ..options(&queue)
    };
    let mapping = started(options, &server.client, script.clone()).await;
    // The first is full; the second would wait for more.
    mapping.until(|report| report.deleted == 5 && report.received == 9).await;
    mapping.stop().await;
    let sizes: Vec<_> = bodies(&script).iter().map(Vec::len).collect();
    assert_eq!(sizes, [5, 4]);
    for event in script.events() {
        assert!(event.to_string().len() <= REQUEST_LIMIT_BYTES);
    }
    let with_one_more = script.events()[0].to_string().len() + (1 << 20);
    assert!(with_one_more > REQUEST_LIMIT_BYTES, "it was full");
}

/// A function that answers when this number of its invocations run concurrently.
struct Meeting {
    barrier: Arc<Barrier>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Invoke for Meeting {
    async fn invoke(&self, _: Bytes) -> Result<Bytes, InvokeError> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        self.barrier.wait().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        Ok(Bytes::from_static(b"{}"))
    }
}

#[tokio::test]
async fn as_many_run_at_once_as_the_maximum_concurrency() {
    let server = servers::own().await;
    let queue = server.queue("q", &[]).await;
    send(&server, &queue, numbers(9)).await;
    let most = Arc::new(AtomicUsize::new(0));
    let meeting = Meeting {
        barrier: Arc::new(Barrier::new(3)),
        running: Arc::default(),
        most: Arc::clone(&most),
    };
    let options = EventSourceMappingOptions {
        batch_size: 1,
        maximum_concurrency: 3,
        ..EventSourceMappingOptions::new(&queue)
    };
    let mapping = started(options, &server.client, meeting).await;
    mapping.until(|report| report.deleted == 9).await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn groups_of_a_fifo_queue_keep_their_order() {
    for server in both().await {
        let attributes = [("FifoQueue", "true"), ("VisibilityTimeout", "600")];
        let queue = server.queue("ordered.fifo", &attributes).await;
        for number in 0..12 {
            let group = format!("g{}", number % 3);
            server.send_to_group(&queue, &group, &format!("{group}-{number:02}")).await;
        }
        let script = answering("{}");
        let options =
            EventSourceMappingOptions { batch_size: 2, ..EventSourceMappingOptions::new(&queue) };
        let mapping = started(options, &server.client, script.clone()).await;
        mapping.until(|report| report.deleted == 12).await;
        let bodies: Vec<_> = bodies(&script).into_iter().flatten().collect();
        for group in ["g0", "g1", "g2"] {
            let of_group: Vec<_> = bodies.iter().filter(|body| body.starts_with(group)).collect();
            assert_eq!(of_group.len(), 4);
            assert!(of_group.is_sorted(), "{of_group:?}");
        }
    }
}

#[tokio::test]
async fn a_group_waits_for_its_message_that_failed() {
    for server in both().await {
        let attributes = [("FifoQueue", "true"), ("VisibilityTimeout", "600")];
        let queue = server.queue("waiting.fifo", &attributes).await;
        for (group, body) in [("a", "bad"), ("a", "later"), ("b", "other")] {
            server.send_to_group(&queue, group, body).await;
        }
        let script = failing_on("bad");
        let options = EventSourceMappingOptions { batch_size: 1, ..options(&queue) };
        let mapping = started(options, &server.client, script.clone()).await;
        mapping.until(|report| report.failed == 1 && report.deleted == 1).await;
        let report = mapping.stop().await;
        assert_eq!(report.received, 2);
        assert_eq!(bodies(&script), [["bad"], ["other"]]);
        assert_eq!(server.counts(&queue).await.iter().sum::<u64>(), 2);
    }
}

#[tokio::test]
async fn a_stopped_mapping_finishes_what_it_has() {
    let server = servers::own().await;
    let queue = server.queue("q", &[]).await;
    send(&server, &queue, numbers(3)).await;
    let (entered, mut enter) = tokio::sync::mpsc::unbounded_channel();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let function = Gate { entered, gate: Arc::clone(&gate) };
    let mapping = started(options(&queue), &server.client, function).await;
    enter.recv().await.unwrap();
    let stop = tokio::spawn(mapping.stop());
    gate.add_permits(1);
    let report = stop.await.unwrap();
    assert_eq!((report.received, report.deleted, report.in_hand), (3, 3, 0));
    server.done("SendMessage", json!({"QueueUrl": queue, "MessageBody": "late"})).await;
    assert_eq!(server.counts(&queue).await, [1, 0]);
}

/// A function that reports when it runs, and waits for a signal.
struct Gate {
    entered: tokio::sync::mpsc::UnboundedSender<()>,
    gate: Arc<tokio::sync::Semaphore>,
}

impl Invoke for Gate {
    async fn invoke(&self, _: Bytes) -> Result<Bytes, InvokeError> {
        self.entered.send(()).unwrap();
        self.gate.acquire().await.unwrap().forget();
        Ok(Bytes::from_static(b"{}"))
    }
}
