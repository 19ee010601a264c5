//! A thin asynchronous client of SQS: JSON in, JSON out.
//!
//! The names of operations and members are those of the Amazon SQS API reference. Requests are not
//! signed, because the servers are on this machine.

#![expect(clippy::missing_errors_doc, reason = "every call fails alike: see `Client`")]

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// Maximum size of an answer, in bytes: ten messages of 1 MiB, escaped.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Time limit of a request: twice the longest poll.
const TIMEOUT: Duration = Duration::from_secs(40);

/// Why a call failed.
#[expect(missing_docs, reason = "their texts say it")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    #[error("expected a URL that starts with http://, without user and password")]
    Url,
    #[error("{code} (status {status}): {message}")]
    Service { status: u16, code: String, message: String },
    #[error("no answer: {0}")]
    Exchange(#[source] hyper_util::client::legacy::Error),
    #[error("the answer broke off: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer to {operation} is not one of SQS")]
    Unexpected { operation: String },
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
}

impl ClientError {
    /// The code of the error, if the service returned one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// A client of one SQS endpoint. Its clones share its connections.
///
/// # Errors
/// Every call fails with a [`ClientError`] if no answer arrives within 40 s or the service returns
/// an error.
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    uri: Uri,
    connections: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client of the SQS at `url`, such as `http://127.0.0.1:9324`. Makes no calls.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let url = url.trim_end_matches('/').to_owned();
        let uri: Uri = format!("{url}/").parse().map_err(|_| ClientError::Url)?;
        let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        if uri.scheme_str() != Some("http") || !has_host || has_user {
            return Err(ClientError::Url);
        }
        let builder = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
        Ok(Self { url, uri, connections: builder.build_http() })
    }

    /// The URL of the server, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Calls an operation, such as `SendMessage`, with the members of its request. Failed entries
    /// of a batch are in the `Failed` member of the answer.
    pub async fn call(&self, operation: &str, members: &Value) -> Result<Value, ClientError> {
        let exchange = self.exchange(operation, members);
        tokio::time::timeout(TIMEOUT, exchange).await.map_err(|_| ClientError::Timeout(TIMEOUT))?
    }

    async fn exchange(&self, operation: &str, members: &Value) -> Result<Value, ClientError> {
        let unexpected = || ClientError::Unexpected { operation: operation.to_owned() };
        let request = Request::post(&self.uri)
            .header("x-amz-target", format!("AmazonSQS.{operation}"))
            .header(CONTENT_TYPE, "application/x-amz-json-1.0")
            .body(Full::new(Bytes::from(members.to_string())))
            .map_err(|_| unexpected())?;
        let response = self.connections.request(request).await.map_err(ClientError::Exchange)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(ClientError::Body)?.to_bytes();
        if head.status != StatusCode::OK {
            return Err(service_error(&head, &body));
        }
        // Some operations have empty answers.
        if body.is_empty() {
            return Ok(json!({}));
        }
        serde_json::from_slice(&body).map_err(|_| unexpected())
    }

    /// Creates a queue with these attributes, unless it exists with them; returns its URL.
    pub async fn create_queue(
        &self,
        name: &str,
        attributes: &[(&str, &str)],
    ) -> Result<String, ClientError> {
        let attributes: serde_json::Map<_, _> =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let members = json!({"QueueName": name, "Attributes": attributes});
        let answer = self.call("CreateQueue", &members).await?;
        text(&answer, "QueueUrl", "CreateQueue")
    }

    /// One attribute of a queue, as text.
    pub async fn queue_attribute(
        &self,
        queue_url: &str,
        name: &str,
    ) -> Result<String, ClientError> {
        let members = json!({"QueueUrl": queue_url, "AttributeNames": [name]});
        let answer = self.call("GetQueueAttributes", &members).await?;
        text(&answer["Attributes"], name, "GetQueueAttributes")
    }

    /// Number of messages in the queue: the sum of visible, in-flight and delayed ones.
    pub async fn message_count(&self, queue_url: &str) -> Result<u64, ClientError> {
        // In one call: a message may change its state between two calls.
        let names = ["", "NotVisible", "Delayed"]
            .map(|state| format!("ApproximateNumberOfMessages{state}"));
        let members = json!({"QueueUrl": queue_url, "AttributeNames": names});
        let answer = self.call("GetQueueAttributes", &members).await?;
        let count = |name: &String| answer["Attributes"][name].as_str()?.parse::<u64>().ok();
        let unexpected = || ClientError::Unexpected { operation: "GetQueueAttributes".to_owned() };
        names.iter().map(count).sum::<Option<u64>>().ok_or_else(unexpected)
    }

    /// Receives every visible message of the queue, with all attributes, and hides it for twelve
    /// hours.
    pub async fn receive_all(
        &self,
        queue_url: &str,
        mut each: impl FnMut(&Value),
    ) -> Result<(), ClientError> {
        let members = json!({
            "QueueUrl": queue_url,
            "MaxNumberOfMessages": 10,
            "VisibilityTimeout": 43_200,
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        loop {
            let answer = self.call("ReceiveMessage", &members).await?;
            let messages = answer["Messages"].as_array().map_or(&[][..], Vec::as_slice);
            if messages.is_empty() {
                return Ok(());
            }
            messages.iter().for_each(&mut each);
        }
    }
}

fn text(answer: &Value, member: &str, operation: &str) -> Result<String, ClientError> {
    let text = answer[member].as_str().map(str::to_owned);
    text.ok_or_else(|| ClientError::Unexpected { operation: operation.to_owned() })
}

/// The error of an answer: the old header contains its code, otherwise the body contains the name
/// of its shape.
fn service_error(head: &http::response::Parts, body: &[u8]) -> ClientError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let old = head.headers.get("x-amzn-query-error").and_then(|value| value.to_str().ok());
    let old = old.and_then(|value| value.split(';').next()).filter(|code| !code.is_empty());
    let shape = body["__type"].as_str().and_then(|shape| shape.rsplit('#').next());
    let message = body["message"].as_str().or(body["Message"].as_str());
    ClientError::Service {
        status: head.status.as_u16(),
        code: old.or(shape).unwrap_or("unknown").to_owned(),
        message: message.unwrap_or_default().to_owned(),
    }
}
