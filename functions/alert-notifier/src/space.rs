//! The webhook of the settings, or of the secret, which is read once.

use shared::aws::Aws;
use shared::secrets;
use tokio::time::{Instant, timeout_at};

use crate::config::Space;
use crate::error::HandlerError;
use crate::webhook::Webhook;

/// The webhook of the space.
#[derive(Debug)]
pub(crate) struct Address {
    space: Space,
    aws: Aws,
    from_secret: Option<Webhook>,
}

impl Address {
    /// Does not read the secret yet.
    pub(crate) const fn new(space: Space, aws: Aws) -> Self {
        Self { space, aws, from_secret: None }
    }

    /// Returns the webhook.
    ///
    /// # Errors
    /// [`HandlerError`] if the secret cannot be read before `until`, or is not a webhook's URL.
    pub(crate) async fn webhook(&mut self, until: Instant) -> Result<Webhook, HandlerError> {
        let arn = match (&self.space, &self.from_secret) {
            (Space::Webhook(webhook), _) | (_, Some(webhook)) => return Ok(webhook.clone()),
            (Space::Secret(arn), None) => arn,
        };
        // Boxed: the SDK's state is large.
        let text = timeout_at(until, Box::pin(secrets::text(&self.aws, arn))).await;
        let text = text.map_err(|_| HandlerError::SecretLate)?.map_err(HandlerError::Secret)?;
        let webhook = Webhook::parse(&text).ok_or(HandlerError::SecretForm)?;
        self.from_secret = Some(webhook.clone());
        Ok(webhook)
    }

    /// Makes the next invocation read the secret again, because the webhook may have been replaced.
    pub(crate) fn forget(&mut self) {
        self.from_secret = None;
    }
}
