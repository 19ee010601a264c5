//! Message move tasks: what SQS itself is at.

use std::time::Duration;

use dlq_redrive::queues::Queue;
use serde_json::json;
use shared::aws::Aws;

use super::engine::Engine;
use super::{name, output};
use crate::failure::Failure;

/// More than calls take that only ask.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// What is asked of SQS instead of moving messages.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
#[command(next_help_heading = "SQS's own move tasks (mode native), instead of moving messages")]
pub(super) struct Task {
    /// Show the latest ones
    #[arg(long, conflicts_with = "yes")]
    status: bool,
    /// End the running one; what it has moved stays moved
    #[arg(long, conflicts_with = "yes")]
    cancel: bool,
}

impl Task {
    /// The request's action, if there is one.
    pub(super) const fn action(&self) -> Option<&'static str> {
        match (self.status, self.cancel) {
            (true, _) => Some("status"),
            (_, true) => Some("cancel"),
            _ => None,
        }
    }
}

/// Lists the latest tasks, or ends the running one.
///
/// # Errors
/// [`Failure::Failed`] with what SQS says.
pub(super) async fn run(aws: Aws, source: &Queue, action: &str, json: bool) -> Result<(), Failure> {
    let engine = Engine { aws, parking: None, opensearch: None, time_limit: TIME_LIMIT };
    let outcome = engine.run(&json!({"action": action, "source": name(source)})).await?;
    output(source, &outcome.answer, json)
}
