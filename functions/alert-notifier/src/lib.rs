#![doc = include_str!("../README.md")]

mod alarm;
mod arn;
mod aws;
mod chat;
pub mod config;
mod context;
mod delivery;
mod error;
mod event;
mod fields;
mod history;
mod identity;
mod links;
mod logs;
mod message;
mod moment;
mod space;
mod storm;
mod summary;
mod text;
mod webhook;

use std::io::Write;

use shared::runtime::{Function, Invocation};
use tokio::time::Instant;

pub use aws::Sdk;
pub use chat::{Chat, ChatReply, GoogleChat, NoReply, Posting};
pub use context::Functions;
pub use delivery::PostFailure;
pub use error::HandlerError;
pub use history::{Histories, HistoryItem, HistoryQuery};
pub use logs::{ERROR_LINES, LogLine, LogPage, LogSearch, Logs};
pub use webhook::Webhook;

use config::Config;
use context::Lookup;
use delivery::{Delivery, Pace};
use event::Alert;
use message::Writer;
use space::Address;
use summary::Summary;

/// The function.
#[derive(Debug)]
pub struct App<P, C, W> {
    config: Config,
    address: Address,
    chat: P,
    pace: Pace,
    aws: C,
    metrics: W,
}

impl<P: Chat, C: Logs + Histories + Functions, W: Write> Function for App<P, C, W> {
    type Error = HandlerError;

    /// Posts the alerts of an event and emits the metrics.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), HandlerError> {
        let Invocation { body, request_id, now, deadline, .. } = invocation;
        let alerts = event::alerts(body, request_id);
        let posted = self.post_alerts(&alerts, now.milliseconds(), deadline).await;
        let summary = match &posted {
            Ok((postings, delivery)) => Summary::of(postings, delivery),
            Err(_) => Summary::failed(&alerts),
        };
        self.emit_metrics(summary, now.milliseconds());
        let (postings, delivery) = posted?;
        summary::check(&postings, &delivery, request_id)?;
        answer.extend_from_slice(format!("{{\"posted\":{}}}", summary.posted).as_bytes());
        Ok(())
    }
}

impl<P: Chat, C: Logs + Histories + Functions, W: Write> App<P, C, W> {
    /// Creates the function. It writes its metrics to `metrics`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, chat: P, aws: C, metrics: W) -> Self {
        let address = Address::new(config.space.clone(), config.aws.clone());
        Self { config, address, chat, pace: Pace::default(), aws, metrics }
    }

    async fn post_alerts(
        &mut self,
        alerts: &[Alert],
        now_ms: u64,
        deadline: Instant,
    ) -> Result<(Vec<Posting>, Delivery), HandlerError> {
        let until = deadline.checked_sub(self.config.deadline_margin).unwrap_or(deadline);
        let webhook = self.address.webhook(until).await?;
        let writer = Writer { zone: self.config.time_zone.clone(), secrets: webhook.secrets() };
        let (single, rest) = storm::split(alerts, until);
        let lookup = Lookup { aws: &self.aws, error_lines: self.config.error_lines, now_ms };
        let contexts = lookup.contexts(single, until).await;
        let single = single.iter().zip(&contexts);
        let mut postings: Vec<Posting> =
            single.map(|(alert, context)| writer.posting(alert, context)).collect();
        postings.extend(writer.summaries(rest));
        let Self { chat, pace, .. } = self;
        let delivery = delivery::post(chat, &webhook, &postings, until, pace, fastrand::f64).await;
        if delivery.has_final_refusal() {
            self.address.forget();
        }
        Ok((postings, delivery))
    }

    fn emit_metrics(&mut self, summary: Summary, now_ms: u64) {
        let Config { metrics_namespace, function_name, .. } = &self.config;
        let written = summary.emit(metrics_namespace, function_name, now_ms, &mut self.metrics);
        if let Err(error) = written {
            tracing::error!(%error, "failed to write metrics");
        }
    }
}
