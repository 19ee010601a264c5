//! Reads the webhook of Google Chat, and posts a greeting to it. Nothing shows the webhook.

use alert_notifier::{Chat as _, GoogleChat, Posting, Webhook};
use serde_json::json;
use shared::secrets;
use shared::sqs::Failure as SqsFailure;
use uuid::Uuid;

use super::Reader;
use super::facts::{Chat, ChatState, Deployed};

/// Reads the webhook of the function that posts alarms. `None` if it has none, or the secret cannot
/// be read.
pub(super) async fn read(reader: &Reader<'_>, functions: &[Deployed], posts: bool) -> Option<Chat> {
    let variable =
        |name| functions.iter().find_map(|it| Some((it.variable(name)?, &*it.function.name)));
    let (name, text) = if let Some((arn, _)) = variable("GOOGLE_CHAT_SECRET_ARN") {
        (arn, secret(reader, arn).await?)
    } else {
        let (url, function) = variable("GOOGLE_CHAT_WEBHOOK_URL")?;
        (function, Ok(url.to_owned()))
    };
    let state = match text.map(|text| Webhook::parse(&text)) {
        Err(reason) => ChatState::Missing(reason),
        Ok(None) => ChatState::NotAWebhook,
        Ok(Some(webhook)) if posts => greet(&webhook).await,
        Ok(Some(_)) => ChatState::Valid,
    };
    Some(Chat { name: name.to_owned(), state })
}

/// Returns the text of a secret, or why there is none. `None` if it cannot be read.
async fn secret(reader: &Reader<'_>, arn: &str) -> Option<Result<String, String>> {
    let failure = match secrets::text(reader.aws, arn).await {
        Ok(text) => return Some(Ok(text)),
        Err(failure) => failure,
    };
    match failure.code.as_deref() {
        // Without a code, the secret is binary. For a secret that is scheduled for deletion, the
        // code is InvalidRequestException.
        None if failure.message == "it holds no text" => Some(Ok(String::new())),
        Some("ResourceNotFoundException" | "InvalidRequestException") => Some(Err(failure.message)),
        code => {
            let failure = SqsFailure::new(code.unwrap_or("NoAnswer"), failure.message);
            reader.noted("secret", arn, Err::<(), _>(failure));
            None
        }
    }
}

async fn greet(webhook: &Webhook) -> ChatState {
    let text = "sluice doctor: alarms of this stack are posted here.";
    let posting = Posting {
        id: Uuid::new_v4().to_string(),
        body: json!({"text": text}).to_string().into_bytes(),
        ..Posting::default()
    };
    match GoogleChat::default().post(webhook, &posting).await {
        Ok(reply) if (200..300).contains(&reply.status) => ChatState::Posted,
        Ok(reply) => ChatState::Refused(reply.to_string()),
        Err(no_reply) => ChatState::Refused(no_reply.to_string()),
    }
}
