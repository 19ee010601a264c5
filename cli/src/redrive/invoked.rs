//! A function as the destination: it is invoked with each message, as by an event source mapping.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::primitives::Blob;
use dlq_redrive::Queue;
use dlq_redrive::message::Outgoing;
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::sqs::Failure as SqsFailure;
use shared::sqs::attributes::MESSAGE_ID;

use crate::doctor::LAMBDA;

/// A function that receives messages.
#[derive(Debug)]
pub(super) struct Invoked {
    client: Client,
    function: String,
}

impl Invoked {
    pub(super) fn new(aws: &Aws, function: String) -> Self {
        let client = Client::new(&aws.sdk_config(LAMBDA, RetryConfig::standard()));
        Self { client, function }
    }

    /// The function as a destination for the engine.
    pub(super) fn destination(&self) -> Option<Queue> {
        Queue::parse_url(&format!("http://lambda/{}", self.function))
    }

    /// Invokes the function with each message, one after the other.
    pub(super) async fn take(&self, messages: &[Outgoing]) -> Vec<Result<String, SqsFailure>> {
        let mut results = Vec::new();
        for message in messages {
            results.push(self.invoke(message).await);
        }
        results
    }

    async fn invoke(&self, message: &Outgoing) -> Result<String, SqsFailure> {
        let id = message.attributes.get(MESSAGE_ID).and_then(|id| id.text()).unwrap_or("message");
        let record = json!({
            "messageId": id,
            "eventSource": "aws:sqs",
            "eventSourceARN": "",
            "body": message.body,
            "attributes": {},
            "messageAttributes": {},
        });
        let event = Blob::new(json!({"Records": [record]}).to_string());
        let call = self.client.invoke().function_name(&self.function).payload(event);
        let reply = call.send().await?;
        let answer = reply.payload.unwrap_or_else(|| Blob::new("")).into_inner();
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if let Some(error) = reply.function_error {
            let of = answer["errorType"].as_str().unwrap_or(&error);
            return Err(SqsFailure::new(of, answer["errorMessage"].as_str().unwrap_or_default()));
        }
        if answer["batchItemFailures"].as_array().is_some_and(|failed| !failed.is_empty()) {
            return Err(SqsFailure::new("BatchItemFailures", "the function did not take it"));
        }
        Ok(id.to_owned())
    }
}
