#![doc = include_str!("../README.md")]

pub mod alarm;
pub mod arn;
pub mod aws;
pub mod chat;
pub mod config;
pub mod context;
pub mod delivery;
pub mod error;
pub mod event;
mod fields;
pub mod history;
mod identity;
pub mod links;
pub mod logs;
pub mod mask;
pub mod message;
pub mod moment;
pub mod notice;
pub mod space;
mod storm;
pub mod summary;
pub mod text;
pub mod webhook;

use std::io::Write;

use shared::runtime::{Function, Invocation};
use tokio::time::Instant;

use crate::chat::{Chat, Posting};
use crate::config::Config;
use crate::context::{Functions, Lookup};
use crate::delivery::{Delivery, Failure, Pace};
use crate::error::Error;
use crate::event::Alert;
use crate::history::Histories;
use crate::logs::Logs;
use crate::message::Writer;
use crate::space::Address;
use crate::summary::Summary;
use crate::webhook::Webhook;

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
    type Error = Error;

    /// Posts the alerts of an event and emits the metrics.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let Invocation { body, request_id, now, deadline } = invocation;
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
    ) -> Result<(Vec<Posting>, Delivery), Error> {
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
        let delivery = self.deliver(&webhook, &postings, until).await;
        Ok((postings, delivery))
    }

    async fn deliver(
        &mut self,
        webhook: &Webhook,
        postings: &[Posting],
        until: Instant,
    ) -> Delivery {
        let Self { chat, pace, .. } = self;
        let delivery = delivery::post(chat, webhook, postings, until, pace, fastrand::f64).await;
        let refused = |outcome: &delivery::Outcome| match outcome {
            Err(Failure::Refused(reply)) => !reply.is_temporary(),
            _ => false,
        };
        if delivery.outcomes.iter().any(refused) {
            self.address.forget();
        }
        delivery
    }

    fn emit_metrics(&mut self, summary: Summary, now_ms: u64) {
        let Config { metrics_namespace, function_name, .. } = &self.config;
        let written = summary.emit(metrics_namespace, function_name, now_ms, &mut self.metrics);
        if let Err(error) = written {
            tracing::error!(%error, "failed to write metrics");
        }
    }
}
