//! The webhook's URL: given, or read from its secret once in a process's life.

use shared::aws::Aws;
use shared::secrets;
use tokio::time::{Instant, timeout_at};

use crate::config::Space;
use crate::error::Error;
use crate::webhook::Webhook;

/// Where messages go, when it is known.
#[derive(Debug)]
pub struct Address {
    space: Space,
    aws: Aws,
    read: Option<Webhook>,
}

impl Address {
    /// Asks nobody yet.
    #[must_use]
    pub const fn new(space: Space, aws: Aws) -> Self {
        Self { space, aws, read: None }
    }

    /// The webhook.
    ///
    /// # Errors
    /// Where the secret cannot be read `until` then, or holds something else.
    pub async fn webhook(&mut self, until: Instant) -> Result<Webhook, Error> {
        let arn = match (&self.space, &self.read) {
            (Space::Webhook(webhook), _) | (_, Some(webhook)) => return Ok(webhook.clone()),
            (Space::Secret(arn), None) => arn,
        };
        // Boxed: the SDK's state is large.
        let text = timeout_at(until, Box::pin(secrets::text(&self.aws, arn))).await;
        let text = text.map_err(|_| Error::SecretLate)?.map_err(Error::Secret)?;
        let webhook = Webhook::parse(&text).ok_or(Error::SecretForm)?;
        self.read = Some(webhook.clone());
        Ok(webhook)
    }

    /// Reads the secret again for the next invocation: the webhook may have been replaced.
    pub fn forget(&mut self) {
        self.read = None;
    }
}
