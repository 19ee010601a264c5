//! A thin asynchronous client for the few `OpenSearch` calls that sluice needs on one machine. It
//! connects and authenticates as the functions do.

#![expect(clippy::missing_errors_doc, reason = "every call fails alike: see `Client`")]

mod answer;
mod target;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use shared::aws::Aws;
use shared::opensearch::{Error, SERVICES, Settings};

use super::Environment;
pub use answer::{Answer, Info, SearchAnswer};
use target::Target;

const TIMEOUT: Duration = Duration::from_mins(1);

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// How a [`Client`] authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Without credentials.
    None,
    /// With the user and the password of the URL (RFC 7617).
    Basic,
    /// With a signature (AWS Signature Version 4) on every request. Used for URLs without
    /// credentials whose host is under `.{region}.es.amazonaws.com` or
    /// `.{region}.aoss.amazonaws.com`.
    Signed,
}

/// Why a call failed. The texts contain no document, query or password.
#[expect(missing_docs, reason = "their texts say it")]
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("not a URL of the form http[s]://[user:password@]host[:port][/path]")]
    Url,
    #[error("the path is not one that a URL can have")]
    Path,
    #[error(
        "AWS wants signed requests, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN where the credentials are temporary) are not set or malformed; set them, for example with `eval \"$(aws configure export-credentials --format env)\"`, or write user:password@ before the host"
    )]
    NoCredentials,
    #[error("AWS wants signed requests, and these go over https only")]
    SignedInClear,
    #[error("no answer: {0}")]
    Exchange(String),
    #[error("the answer broke off or is longer than 32 MiB: {0}")]
    Body(String),
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("{path} answered {status}{}", kind.as_deref().map(|kind| format!(" ({kind})")).unwrap_or_default())]
    Status { path: String, status: StatusCode, kind: Option<String>, reason: Option<String> },
    #[error("{path} answered something that is not an OpenSearch's answer")]
    Unexpected { path: String },
}

impl ClientError {
    /// The status of the answer, if an answer rejected the request.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The reason of the error as the server wrote it; it may contain documents.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Status { reason, .. } => reason.as_deref(),
            _ => None,
        }
    }

    /// The type of the error, such as `index_not_found_exception`.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        match self {
            Self::Status { kind, .. } => kind.as_deref(),
            _ => None,
        }
    }
}

impl From<Error> for ClientError {
    fn from(error: Error) -> Self {
        match error {
            Error::Timeout(limit) => Self::Timeout(limit),
            Error::Unreachable { reason, .. } => Self::Exchange(reason),
            Error::BrokenAnswer(reason) => Self::Body(reason),
            Error::Path => Self::Path,
            error => Self::Exchange(error.to_string()),
        }
    }
}

/// An asynchronous client of one server. Its clones share its connections.
///
/// # Errors
/// Every call fails with a [`ClientError`] if no answer arrives within 60 seconds, if its status is
/// not a success, or if it is not an answer of `OpenSearch`.
#[derive(Clone)]
pub struct Client {
    target: Target,
    inner: Arc<shared::opensearch::Client>,
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client").field("url", &self.target.url).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the server at `url`, which starts with `http://` or `https://`. It may contain
    /// `user:password@` (percent-encoded if needed) for basic authentication, and a path that
    /// precedes all others. Makes no calls.
    ///
    /// Without `user:password@`, requests to a domain of Amazon `OpenSearch` Service or a
    /// collection of `OpenSearch` Serverless are signed with the AWS credentials in the environment
    /// of the process: see [`Authentication::Signed`]. Fails if `url` is invalid, or if requests
    /// must be signed and the environment has no credentials or the URL is not `https`.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::with_environment(url, &Environment::read())
    }

    /// Like [`new`](Self::new), with the credentials of this `environment`.
    pub fn with_environment(url: &str, environment: &Environment) -> Result<Self, ClientError> {
        let target = Target::new(url, environment)?;
        let variables = target.variables.iter().map(|(name, value)| (*name, value.as_str()));
        let variables = variables.collect();
        let settings = Settings::from_environment(&variables).map_err(|_| ClientError::Url)?;
        let aws = Aws::from_environment(&variables, SERVICES);
        Ok(Self { target, inner: Arc::new(shared::opensearch::Client::new(settings, aws)) })
    }

    /// How the client authenticates.
    #[must_use]
    pub fn authentication(&self) -> Authentication {
        self.target.authentication
    }

    /// The environment variables with which a function connects to this server in the same way.
    /// They include secrets.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let variables = self.target.variables.iter();
        variables.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    /// The URL of the server, without user and password and without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.target.url
    }

    /// `GET /`: the identity of the server.
    pub async fn info(&self) -> Result<Info, ClientError> {
        #[derive(Deserialize)]
        struct Whole {
            version: Info,
        }

        let Whole { version } = self.call(Method::GET, "/", None).await?.json("/")?;
        Ok(version)
    }

    /// Waits on the server until the cluster's health is yellow or green, for at most
    /// `timeout_seconds`, and returns it: `"yellow"` means that all primary shards are available.
    /// If the health stays red, this is a [`ClientError::Status`] with status 408.
    pub async fn health(&self, timeout_seconds: u32) -> Result<String, ClientError> {
        let path = format!("/_cluster/health?wait_for_status=yellow&timeout={timeout_seconds}s");
        let health: Value = self.call(Method::GET, &path, None).await?.json(&path)?;
        let status = health["status"].as_str().map(str::to_owned);
        status.ok_or(ClientError::Unexpected { path })
    }

    /// Creates or replaces an index template.
    pub async fn put_index_template(&self, name: &str, body: &str) -> Result<(), ClientError> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let path = format!("/_index_template/{name}");
        self.call(Method::PUT, &path, Some((JSON, body))).await.map(drop)
    }

    /// The index template of this name; `None` if it does not exist. The server normalizes settings
    /// and adds defaults.
    pub async fn index_template(&self, name: &str) -> Result<Option<Value>, ClientError> {
        let path = format!("/_index_template/{name}");
        let answer = self.send(Method::GET, &path, None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let mut body: Value = answer.success(&path)?.json(&path)?;
        let template = body.pointer_mut("/index_templates/0/index_template").map(Value::take);
        template.map(Some).ok_or(ClientError::Unexpected { path })
    }

    /// `POST /_bulk`: `body` is newline-delimited JSON, and every action line names the index.
    /// Returns answers of any status.
    pub async fn bulk(&self, body: impl Into<Bytes>) -> Result<Answer, ClientError> {
        self.send(Method::POST, "/_bulk", Some((NDJSON, body.into()))).await
    }

    /// Makes everything written to `index` visible to [`count`](Self::count) and
    /// [`search`](Self::search).
    pub async fn refresh(&self, index: &str) -> Result<(), ClientError> {
        self.call(Method::POST, &format!("/{index}/_refresh"), None).await.map(drop)
    }

    /// Number of documents in `index`, which is a name or a pattern such as `music-events-*`; the
    /// pattern may match no index.
    pub async fn count(&self, index: &str) -> Result<u64, ClientError> {
        let path = format!("/{index}/_count");
        let answer: Value = self.call(Method::GET, &path, None).await?.json(&path)?;
        answer["count"].as_u64().ok_or(ClientError::Unexpected { path })
    }

    /// `POST /{index}/_search` with `query` as the body.
    pub async fn search(&self, index: &str, query: &Value) -> Result<SearchAnswer, ClientError> {
        let path = format!("/{index}/_search");
        let body = Bytes::from(query.to_string());
        let answer = self.call(Method::POST, &path, Some((JSON, body))).await?;
        Ok(SearchAnswer::new(answer.json(&path)?))
    }

    /// Deletes `index` with its documents; a missing index is not an error.
    pub async fn delete_index(&self, index: &str) -> Result<(), ClientError> {
        let path = format!("/{index}?ignore_unavailable=true");
        self.call(Method::DELETE, &path, None).await.map(drop)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<Answer, ClientError> {
        self.send(method, path, body).await?.success(path)
    }

    /// Sends one request and reads its whole answer, of any status.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<Answer, ClientError> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some((content_type, _)) = body {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let body = body.map(|(_, bytes)| bytes).unwrap_or_default();
        let request = request.body(body).map_err(|_| ClientError::Path)?;
        let answer = self.inner.send(request, TIMEOUT).await?;
        let status = StatusCode::from_u16(answer.status);
        let status = status.map_err(|_| ClientError::Unexpected { path: path.to_owned() })?;
        Ok(Answer { status, body: answer.body })
    }
}
