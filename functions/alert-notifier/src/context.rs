//! What is asked for before an alarm is told: error lines and the time when it began. An alarm
//! is told without them where that fails or takes too long.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::alarm::Alarm;
use crate::event::{Alert, Content};
use crate::history::{Histories, Question, began_ms};
use crate::logs::{Logs, Search, last_errors};
use crate::message::Context;

/// How long one alarm's questions may take.
const MAX_TIME: Duration = Duration::from_secs(3);

/// What part of the time that is left all questions together may take.
const PART_OF_TIME: u32 = 3;

/// Asks, for one alert.
#[derive(Debug)]
pub struct Asking<'a, C> {
    /// Who is asked.
    pub cloudwatch: &'a C,
    /// So many error lines at most.
    pub error_lines: usize,
    /// For what nobody tells the time of: now, in milliseconds since 1970.
    pub now_ms: u64,
}

impl<C: Logs + Histories> Asking<'_, C> {
    /// The contexts of all alerts, in their order, well before `deadline`.
    pub async fn all(&self, alerts: &[Alert], deadline: Instant) -> Vec<Context> {
        let left = deadline.saturating_duration_since(Instant::now()) / PART_OF_TIME;
        let part = left / u32::try_from(alerts.len()).unwrap_or(u32::MAX).max(1);
        let mut contexts = Vec::with_capacity(alerts.len());
        for alert in alerts {
            contexts.push(match &alert.content {
                Content::Alarm(alarm) => self.one(alarm, Instant::now() + part.min(MAX_TIME)).await,
                Content::Note { .. } => Context::default(),
            });
        }
        contexts
    }

    async fn one(&self, alarm: &Alarm, until: Instant) -> Context {
        let mut context = Context::default();
        if alarm.recovered() {
            context.began_ms = match alarm.previous_ms {
                Some(previous_ms) => Some(previous_ms),
                None => self.history(alarm, until).await,
            };
        } else if alarm.fires() && self.error_lines > 0 {
            let Some(function) = alarm.function() else { return context };
            let changed_ms = alarm.changed_ms.unwrap_or(self.now_ms);
            let region = alarm.place.region.clone();
            let search = Search::new(function, region, changed_ms, alarm.evaluated_ms());
            let lines = last_errors(self.cloudwatch, &search, self.error_lines, until).await;
            context.lines = lines.unwrap_or_else(|error| {
                tracing::warn!(alarm = alarm.name, %error, "told without error lines");
                Vec::new()
            });
        }
        context
    }

    async fn history(&self, alarm: &Alarm, until: Instant) -> Option<u64> {
        let question = Question {
            alarm: alarm.name.clone(),
            region: alarm.place.region.clone(),
            contributor: alarm.contributor.as_ref().and_then(|one| one.id.clone()),
            recovered_ms: alarm.changed_ms?,
        };
        match timeout_at(until, self.cloudwatch.changes(&question)).await {
            Ok(Ok(items)) => began_ms(&items, question.recovered_ms),
            Ok(Err(error)) => {
                tracing::warn!(alarm = alarm.name, %error, "told without a duration");
                None
            }
            Err(_) => {
                tracing::warn!(
                    alarm = alarm.name,
                    error = "no answer in time",
                    "told without a duration"
                );
                None
            }
        }
    }
}
