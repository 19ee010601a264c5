//! BigQuery's REST API.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use serde_json::Value;
use tokio::time::Instant;

use super::GoogleError;
use super::exchange::exchange;
use super::token::{Tokens, form};
use crate::aws::{Aws, Connections};
use crate::config::{ConfigError, Environment};
use crate::url::Url;

/// Allows reading jobs and running queries (source: BigQuery API reference, `jobs.list` and
/// `jobs.query`).
const SCOPE: &str = "https://www.googleapis.com/auth/bigquery";

/// A client of BigQuery. It connects and reads the secret for the first request.
#[derive(Debug)]
pub struct BigQuery {
    endpoint: Url,
    tokens: Tokens,
    connections: Connections,
}

impl BigQuery {
    /// `BIGQUERY_ENDPOINT_URL`, default `https://bigquery.googleapis.com`.
    ///
    /// # Errors
    /// [`ConfigError`] if it is not a valid URL.
    pub fn endpoint(environment: &Environment) -> Result<Url, ConfigError> {
        const NAME: &str = "BIGQUERY_ENDPOINT_URL";
        let allowed = "an http or https URL without user";
        let endpoint = environment.get(NAME).unwrap_or("https://bigquery.googleapis.com");
        Url::parse(endpoint).ok_or_else(|| {
            // A URL with a user usually has a password.
            let shown = if endpoint.contains('@') { "…" } else { endpoint };
            ConfigError::new(NAME, shown, allowed)
        })
    }

    /// Creates a client with the credentials in the secret with this ARN. `aws` must know the
    /// endpoint of [`SECRETS_MANAGER`](crate::secrets::SECRETS_MANAGER).
    #[must_use]
    pub fn new(endpoint: Url, secret_arn: String, aws: Aws) -> Self {
        let tokens = Tokens::new(aws, secret_arn, SCOPE);
        Self { endpoint, tokens, connections: Connections::default() }
    }

    /// Sends GET for a path, such as `/bigquery/v2/projects/PROJECT/jobs`, with these parameters,
    /// and returns the answer. After 429, 5xx, an exceeded rate or no answer, it is retried until
    /// `until`.
    ///
    /// # Errors
    /// [`GoogleError`]
    pub async fn get(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        until: Instant,
    ) -> Result<Value, GoogleError> {
        let path = format!("{path}?{}", form(parameters));
        self.call(Method::GET, &path, Bytes::new(), until).await
    }

    /// Sends POST with a JSON body and returns the answer. It is retried like [`get`](Self::get),
    /// so a query needs a `requestId` to prevent it from running twice.
    ///
    /// # Errors
    /// [`GoogleError`]
    pub async fn post(
        &self,
        path: &str,
        body: &Value,
        until: Instant,
    ) -> Result<Value, GoogleError> {
        self.call(Method::POST, path, body.to_string().into(), until).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        until: Instant,
    ) -> Result<Value, GoogleError> {
        let mut is_first = true;
        loop {
            let authorization = self.tokens.authorization(&self.connections, until).await?;
            let request = Request::builder()
                .method(&method)
                .uri(format!("{}{path}", self.endpoint.as_str()))
                .header(AUTHORIZATION, &authorization)
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
            let request = request.map_err(|_| GoogleError::NoAnswer("no such path".to_owned()))?;
            match exchange(&self.connections, &request, until).await {
                // The token was revoked: a new one is tried once.
                Err(GoogleError::Refused { status: 401, .. }) if is_first => {
                    is_first = false;
                    self.tokens.forget(&authorization).await;
                }
                result => return result,
            }
        }
    }
}
