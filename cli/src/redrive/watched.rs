//! The queues of a run, watched for the person who waits for it.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use dlq_redrive::message::{Message, Outgoing};
use dlq_redrive::queues::{MoveTask, QueueAttributes, Queues};
use dlq_redrive::sqs::AwsQueues;
use shared::sqs::Failure;

use crate::progress::Progress;

/// SQS; shows how far a run is, and keeps why it could not receive.
#[derive(Debug)]
pub(super) struct Watched<'a> {
    queues: AwsQueues,
    progress: &'a RefCell<Progress>,
    /// Messages in the queue when the run began.
    total: Cell<u64>,
    looked: RefCell<HashSet<String>>,
    /// Whether a move task of this run is under way.
    has_task: Cell<bool>,
    receive_failure: &'a RefCell<Option<Failure>>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(
        queues: AwsQueues,
        progress: &'a RefCell<Progress>,
        receive_failure: &'a RefCell<Option<Failure>>,
    ) -> Self {
        let (total, looked, has_task) = (Cell::new(0), RefCell::default(), Cell::new(false));
        Self { queues, progress, total, looked, has_task, receive_failure }
    }
}

impl Queues for Watched<'_> {
    async fn receive(
        &self,
        queue_url: &str,
        hide_seconds: u32,
        wait_seconds: u32,
    ) -> Result<Vec<Message>, Failure> {
        let received = self.queues.receive(queue_url, hide_seconds, wait_seconds).await;
        match &received {
            Ok(messages) => {
                let mut looked = self.looked.borrow_mut();
                looked.extend(messages.iter().map(|message| message.id.clone()));
                let done = looked.len() as u64;
                // SQS's count of the queue is approximate.
                self.progress.borrow_mut().advance(done, self.total.get().max(done));
            }
            Err(failure) => *self.receive_failure.borrow_mut() = Some(failure.clone()),
        }
        received
    }

    async fn send(&self, queue_url: &str, messages: &[Outgoing]) -> Vec<Result<String, Failure>> {
        self.queues.send(queue_url, messages).await
    }

    async fn delete(&self, queue_url: &str, handles: &[String]) -> Vec<Result<(), Failure>> {
        self.queues.delete(queue_url, handles).await
    }

    async fn show(&self, queue_url: &str, handles: &[String]) -> Vec<Result<(), Failure>> {
        self.queues.show(queue_url, handles).await
    }

    async fn attributes(&self, queue_url: &str) -> Result<QueueAttributes, Failure> {
        let attributes = self.queues.attributes(queue_url).await?;
        self.total.set(self.total.get().max(attributes.visible.unwrap_or_default()));
        Ok(attributes)
    }

    async fn start_move(
        &self,
        source_arn: &str,
        destination_arn: Option<&str>,
        rate_per_second: Option<u32>,
    ) -> Result<String, Failure> {
        let started = self.queues.start_move(source_arn, destination_arn, rate_per_second).await;
        self.has_task.set(started.is_ok());
        started
    }

    async fn move_tasks(&self, source_arn: &str) -> Result<Vec<MoveTask>, Failure> {
        let tasks = self.queues.move_tasks(source_arn).await?;
        if let Some(task) = tasks.first().filter(|_| self.has_task.get()) {
            let moved = task.approximate_number_of_messages_moved;
            let all = task.approximate_number_of_messages_to_move.unwrap_or_default();
            self.progress.borrow_mut().advance(moved, all.max(moved));
        }
        Ok(tasks)
    }

    async fn cancel_move(&self, task_handle: &str) -> Result<u64, Failure> {
        self.queues.cancel_move(task_handle).await
    }
}
