//! SQS with a progress bar.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use dlq_redrive::message::{Message, Outgoing};
use dlq_redrive::queues::{MoveTask, QueueAttributes, Queues};
use dlq_redrive::sqs::AwsQueues;
use shared::sqs::Failure as SqsFailure;

use super::edited::Export;
use super::invoked::Invoked;
use crate::aws::answered;
use crate::progress::Progress;

/// Calls SQS and shows the progress of the run.
#[derive(Debug)]
pub(super) struct Watched<'a> {
    queues: AwsQueues,
    progress: &'a RefCell<Progress>,
    /// Number of messages in the queue at the start.
    total: Cell<u64>,
    /// The ids of received messages.
    received: &'a RefCell<HashSet<String>>,
    /// Whether this run started a move task.
    has_task: Cell<bool>,
    export: Option<&'a Export>,
    /// Receives the messages instead of a queue.
    invoked: Option<&'a Invoked>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(
        queues: AwsQueues,
        progress: &'a RefCell<Progress>,
        received: &'a RefCell<HashSet<String>>,
        export: Option<&'a Export>,
        invoked: Option<&'a Invoked>,
    ) -> Self {
        let (total, has_task) = (Cell::new(0), Cell::new(false));
        Self { queues, progress, total, received, has_task, export, invoked }
    }
}

impl Queues for Watched<'_> {
    async fn receive(
        &self,
        queue_url: &str,
        hide_seconds: u32,
        wait_seconds: u32,
    ) -> Result<Vec<Message>, SqsFailure> {
        let call = self.queues.receive(queue_url, hide_seconds, wait_seconds);
        let messages = answered(call).await?;
        let mut received = self.received.borrow_mut();
        for message in &messages {
            if received.insert(message.id.clone())
                && let Some(export) = self.export
            {
                export.take(message);
            }
        }
        let done = received.len() as u64;
        // The count of SQS is approximate.
        self.progress.borrow_mut().advance(done, self.total.get().max(done));
        Ok(messages)
    }

    async fn send(
        &self,
        queue_url: &str,
        messages: &[Outgoing],
    ) -> Vec<Result<String, SqsFailure>> {
        match self.invoked {
            Some(function) => function.take(messages).await,
            None => {
                for_each_entry(messages.len(), Box::pin(self.queues.send(queue_url, messages)))
                    .await
            }
        }
    }

    async fn delete(&self, queue_url: &str, handles: &[String]) -> Vec<Result<(), SqsFailure>> {
        for_each_entry(handles.len(), Box::pin(self.queues.delete(queue_url, handles))).await
    }

    async fn show(&self, queue_url: &str, handles: &[String]) -> Vec<Result<(), SqsFailure>> {
        for_each_entry(handles.len(), Box::pin(self.queues.show(queue_url, handles))).await
    }

    async fn attributes(&self, queue_url: &str) -> Result<QueueAttributes, SqsFailure> {
        let attributes = answered(self.queues.attributes(queue_url)).await?;
        self.total.set(self.total.get().max(attributes.visible.unwrap_or_default()));
        Ok(attributes)
    }

    async fn start_move(
        &self,
        source_arn: &str,
        destination_arn: Option<&str>,
        rate_per_second: Option<u32>,
    ) -> Result<String, SqsFailure> {
        let call = self.queues.start_move(source_arn, destination_arn, rate_per_second);
        let started = answered(call).await;
        self.has_task.set(started.is_ok());
        started
    }

    async fn move_tasks(&self, source_arn: &str) -> Result<Vec<MoveTask>, SqsFailure> {
        let tasks = answered(self.queues.move_tasks(source_arn)).await?;
        if let Some(task) = tasks.first().filter(|_| self.has_task.get()) {
            let moved = task.approximate_number_of_messages_moved;
            let all = task.approximate_number_of_messages_to_move.unwrap_or_default();
            self.progress.borrow_mut().advance(moved, all.max(moved));
        }
        Ok(tasks)
    }

    async fn cancel_move(&self, task_handle: &str) -> Result<u64, SqsFailure> {
        answered(self.queues.cancel_move(task_handle)).await
    }
}

/// Returns the results of a call's entries. Without an answer, each of them failed.
async fn for_each_entry<T: Clone>(
    entries: usize,
    call: impl Future<Output = Vec<Result<T, SqsFailure>>>,
) -> Vec<Result<T, SqsFailure>> {
    let results = answered(async { Ok::<_, SqsFailure>(call.await) }).await;
    results.unwrap_or_else(|failure| vec![Err(failure); entries])
}
