//! A thin asynchronous client of the few `OpenSearch` calls that sluice needs on one machine.

mod answer;
mod authentication;
mod bulk;
mod connection;
mod error;
mod signer;
mod target;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::Value;
use std::time::{Duration, SystemTime};

use super::Environment;
pub use answer::{Answer, Info, SearchAnswer};
pub use authentication::Authentication;
pub use bulk::{BulkAnswer, BulkItem, gzip};
use connection::Connections;
pub use error::ClientError;
use signer::Signer;
use target::Target;

/// The most bytes of an answer that are read; one more is an error.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_mins(1);

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// An asynchronous client of one server; connections are kept and shared by its clones.
///
/// Every method fails with a [`ClientError`]: when no answer comes within 60 seconds, or when its
/// status is not a success.
#[derive(Clone, Debug)]
pub struct Client {
    target: Target,
    signer: Option<Signer>,
    connections: Connections,
}

impl Client {
    /// A client of the server at `url`: `http://` or `https://`, with `user:password@` (percent
    /// encoded where needed) for basic authentication, and with a path to put before all others
    /// where the server has one. Nothing is sent yet.
    ///
    /// Without `user:password@`, requests to a domain of Amazon `OpenSearch` Service or a
    /// collection of `OpenSearch` Serverless are signed with the AWS credentials of the process's
    /// environment: see [`Authentication::Signed`].
    ///
    /// # Errors
    ///
    /// When `url` is not such a URL, when requests are to be signed and the environment has no
    /// credentials or the URL is not `https`, or when `https` finds no root certificate on this
    /// machine.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::with_environment(url, &Environment::read())
    }

    /// Like [`new`](Self::new), with the credentials of this `environment`.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn with_environment(url: &str, environment: &Environment) -> Result<Self, ClientError> {
        let target = Target::parse(url)?;
        let signer = Signer::of(&target, environment)?;
        let connections = Connections::new(target.is_https())?;
        Ok(Self { target, signer, connections })
    }

    /// How the client tells the server who asks.
    #[must_use]
    pub fn authentication(&self) -> Authentication {
        match (&self.signer, self.target.authorization()) {
            (Some(_), _) => Authentication::Signed,
            (None, Some(_)) => Authentication::Basic,
            (None, None) => Authentication::None,
        }
    }

    /// The environment variables with which a function reaches this server as this client does.
    /// Secrets are among them.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut variables = vec![("OPENSEARCH_ENDPOINT", self.url().to_owned())];
        match (&self.signer, self.target.user_and_password()) {
            (Some(signer), _) => variables.extend(signer.variables()),
            (None, Some((user, password))) => variables.extend([
                ("OPENSEARCH_AUTH", "basic".to_owned()),
                ("OPENSEARCH_USERNAME", user),
                ("OPENSEARCH_PASSWORD", password),
            ]),
            (None, None) => variables.push(("OPENSEARCH_AUTH", "none".to_owned())),
        }
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The server's URL, without user and password and without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        self.target.url()
    }

    /// `GET /`: what the server says it is.
    ///
    /// # Errors
    ///
    /// No answer, or not one of an `OpenSearch`.
    pub async fn info(&self) -> Result<Info, ClientError> {
        Info::new(&self.call(Method::GET, "/", None).await?.json("/")?)
    }

    /// Waits on the server until the cluster's health is yellow or green, for at most
    /// `timeout_seconds`, and tells it: `"yellow"` means that all primary shards are up.
    ///
    /// # Errors
    ///
    /// No answer; a health that stays red is a [`ClientError::Status`] with status 408.
    pub async fn health(&self, timeout_seconds: u32) -> Result<String, ClientError> {
        let path = format!("/_cluster/health?wait_for_status=yellow&timeout={timeout_seconds}s");
        let health: Value = self.call(Method::GET, &path, None).await?.json(&path)?;
        answer::text(&health, "/status", &path)
    }

    /// Puts an index template, in the place of one of that name.
    ///
    /// # Errors
    ///
    /// No answer, or the template is refused.
    pub async fn put_index_template(&self, name: &str, body: &str) -> Result<(), ClientError> {
        let path = format!("/_index_template/{name}");
        self.call(Method::PUT, &path, Some((JSON, Bytes::copy_from_slice(body.as_bytes()))))
            .await?;
        Ok(())
    }

    /// The index template of that name as the server holds it, `None` if it holds none. The server
    /// writes settings in a form of its own, and adds defaults.
    ///
    /// # Errors
    ///
    /// No answer, or one that is no index template.
    pub async fn index_template(&self, name: &str) -> Result<Option<Value>, ClientError> {
        let path = format!("/_index_template/{name}");
        let answer = self.send(Method::GET, &path, None, None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let mut body: Value = answer.success(&path)?.json(&path)?;
        let template = body.pointer_mut("/index_templates/0/index_template").map(Value::take);
        template.map(Some).ok_or(ClientError::Unexpected { path })
    }

    /// `POST /_bulk`: `body` is newline-delimited JSON and names the index in every action line;
    /// `compress` sends it gzipped.
    ///
    /// # Errors
    ///
    /// No answer, or the request as a whole is refused: single operations that failed are items
    /// of the answer, and [`BulkAnswer::errors`] tells that there are some.
    pub async fn bulk(
        &self,
        body: impl Into<Bytes>,
        compress: bool,
    ) -> Result<BulkAnswer, ClientError> {
        let answer = self.send_bulk("/_bulk", body.into(), compress).await?.success("/_bulk")?;
        BulkAnswer::parse(&answer.body)
    }

    /// Like [`bulk`](Self::bulk), on any path (`/_bulk` or `/{index}/_bulk`), and whatever its
    /// status: for those who must tell a refusal's body too.
    ///
    /// # Errors
    ///
    /// No answer.
    pub async fn send_bulk(
        &self,
        path: &str,
        body: Bytes,
        compress: bool,
    ) -> Result<Answer, ClientError> {
        let (body, encoding) = if compress {
            (gzip(&body).map_err(ClientError::Compress)?, Some("gzip"))
        } else {
            (body, None)
        };
        self.send(Method::POST, path, Some((NDJSON, body)), encoding).await
    }

    /// Makes all that was written to `index` visible to [`count`](Self::count) and
    /// [`search`](Self::search).
    ///
    /// # Errors
    ///
    /// No answer, or no such index.
    pub async fn refresh(&self, index: &str) -> Result<(), ClientError> {
        self.call(Method::POST, &format!("/{index}/_refresh"), None).await?;
        Ok(())
    }

    /// How many documents `index` (a name, or a pattern such as `music-events*`) has.
    ///
    /// # Errors
    ///
    /// No answer, or no such index; a pattern that matches none counts 0.
    pub async fn count(&self, index: &str) -> Result<u64, ClientError> {
        let path = format!("/{index}/_count");
        let answer: Value = self.call(Method::GET, &path, None).await?.json(&path)?;
        answer::number(&answer, "/count", &path)
    }

    /// `POST /{index}/_search` with `query` as the body.
    ///
    /// # Errors
    ///
    /// No answer, no such index, or a query that is not one.
    pub async fn search(&self, index: &str, query: &Value) -> Result<SearchAnswer, ClientError> {
        let path = format!("/{index}/_search");
        let body = Bytes::from(query.to_string());
        let answer = self.call(Method::POST, &path, Some((JSON, body))).await?;
        Ok(SearchAnswer::new(answer.json(&path)?))
    }

    /// Deletes `index` with its documents; a missing one is no error.
    ///
    /// # Errors
    ///
    /// No answer.
    pub async fn delete_index(&self, index: &str) -> Result<(), ClientError> {
        let path = format!("/{index}?ignore_unavailable=true");
        self.call(Method::DELETE, &path, None).await?;
        Ok(())
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<Answer, ClientError> {
        self.send(method, path, body, None).await?.success(path)
    }

    /// Sends one request and reads its whole answer, whatever its status.
    ///
    /// # Errors
    ///
    /// No answer within 60 seconds, or one of more than 64 MiB.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
        content_encoding: Option<&'static str>,
    ) -> Result<Answer, ClientError> {
        let request = self.request(method, path, body, content_encoding, SystemTime::now())?;
        let exchange = async {
            let response = self.connections.request(request.map(Full::new)).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
                .collect()
                .await
                .map_err(ClientError::Body)?;
            Ok(Answer { status, body: body.to_bytes() })
        };
        tokio::time::timeout(TIMEOUT, exchange).await.map_err(|_| ClientError::Timeout(TIMEOUT))?
    }

    /// A request with all its headers; a signature is one of the time `now`.
    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
        content_encoding: Option<&'static str>,
        now: SystemTime,
    ) -> Result<Request<Bytes>, ClientError> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.uri_mut() = self.target.uri(path)?;
        let headers = request.headers_mut();
        if let Some(authorization) = self.target.authorization() {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        if let Some((content_type, bytes)) = body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            if let Some(encoding) = content_encoding {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            *request.body_mut() = bytes;
        }
        if let Some(signer) = &self.signer {
            signer.sign(&mut request, now)?;
        }
        Ok(request)
    }
}
