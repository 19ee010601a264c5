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
pub mod links;
pub mod logs;
pub mod mask;
pub mod message;
pub mod moment;
pub mod space;
pub mod summary;
pub mod text;
pub mod thread;
pub mod webhook;

use std::io::Write;

use shared::runtime::{Function, Invocation};
use tokio::time::Instant;

use crate::chat::Chat;
use crate::config::Config;
use crate::context::Asking;
use crate::delivery::{Delivery, Failure, Posting};
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
    cloudwatch: C,
    metrics: W,
}

impl<P: Chat, C: Logs + Histories, W: Write> Function for App<P, C, W> {
    type Error = Error;

    /// Posts the alerts of one event and emits the metrics.
    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let Invocation { body, request_id, now, deadline } = invocation;
        let alerts = event::alerts(body, request_id);
        let mut summary = Summary::none_of(&alerts);
        let posted = self.tell(&alerts, now.milliseconds(), deadline, &mut summary).await;
        self.emit(summary, now.milliseconds());
        summary::judge(&alerts, &posted?, request_id)?;
        answer.extend_from_slice(format!("{{\"posted\":{}}}", summary.posted).as_bytes());
        Ok(())
    }
}

impl<P: Chat, C: Logs + Histories, W: Write> App<P, C, W> {
    /// The function with these settings and ways to the outside, writing its metrics to
    /// `metrics`: in Lambda, standard output.
    #[must_use]
    pub fn new(config: Config, chat: P, cloudwatch: C, metrics: W) -> Self {
        let address = Address::new(config.space.clone(), config.aws.clone());
        Self { config, address, chat, cloudwatch, metrics }
    }

    async fn tell(
        &mut self,
        alerts: &[Alert],
        now_ms: u64,
        deadline: Instant,
        summary: &mut Summary,
    ) -> Result<Delivery, Error> {
        let until = deadline.checked_sub(self.config.deadline_margin).unwrap_or(deadline);
        let webhook = self.address.webhook(until).await?;
        let error_lines = self.config.error_lines;
        let asking = Asking { cloudwatch: &self.cloudwatch, error_lines, now_ms };
        let contexts = asking.all(alerts, until).await;
        let zone = self.config.time_zone.clone();
        let writer = Writer { zone, secrets: webhook.secrets() };
        let posting = |(alert, context): (&Alert, _)| Posting {
            id: alert.id.clone(),
            body: writer.body(alert, context),
        };
        let postings: Vec<Posting> = alerts.iter().zip(&contexts).map(posting).collect();
        let delivery = self.deliver(&webhook, &postings, until).await;
        *summary = Summary::of(&delivery);
        Ok(delivery)
    }

    async fn deliver(
        &mut self,
        webhook: &Webhook,
        postings: &[Posting],
        until: Instant,
    ) -> Delivery {
        let delivery = delivery::post(&self.chat, webhook, postings, until, fastrand::f64).await;
        let refused = |outcome: &delivery::Outcome| match outcome {
            Err(Failure::Refused(reply)) => !reply.is_temporary(),
            _ => false,
        };
        if delivery.outcomes.iter().any(refused) {
            self.address.forget();
        }
        delivery
    }

    fn emit(&mut self, summary: Summary, now_ms: u64) {
        let Config { metrics_namespace, function_name, .. } = &self.config;
        let written = summary.emit(metrics_namespace, function_name, now_ms, &mut self.metrics);
        if let Err(error) = written {
            tracing::error!(%error, "metrics could not be written");
        }
    }
}
