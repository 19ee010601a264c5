//! Connections that are reused between requests, for the SDK's clients and for calls without an
//! SDK.

mod stream;

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::cause;
use stream::Connector;

/// Maximum size of an answer, in bytes.
pub const MAX_ANSWER_BYTES: usize = 32 * 1_048_576;

/// An answer of any status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

/// Whether the body of an answer contradicts its status 2xx: it is an HTML page, which a proxy
/// sends, or a JSON object with an `error`.
#[must_use]
pub fn contradicts_success(body: &[u8]) -> bool {
    let has_error = |body| {
        let value = serde_json::from_slice::<serde_json::Value>(body);
        value.is_ok_and(|value| value.get("error").is_some_and(|error| !error.is_null()))
    };
    body.trim_ascii_start().starts_with(b"<") || has_error(body)
}

/// Why there is no answer. No text quotes a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The connection failed or broke.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The answer is incomplete, or is longer than [`MAX_ANSWER_BYTES`].
    #[error("the answer broke off or is too long: {0}")]
    BrokenAnswer(String),
    /// The request cannot be sent.
    #[error("the request cannot be sent")]
    Request,
}

/// Connections over HTTP/1.1, with or without TLS. The first request opens the first one.
///
/// A server closes idle connections, and connections after an answer such as 413. The client may
/// notice only when it sends the next request: right after the answer, or when Lambda thaws the
/// process. Such a request is sent again, on a new connection. No other request is sent twice.
///
/// Clones share the connections.
#[derive(Clone)]
pub struct Connections {
    client: Arc<OnceLock<Client<HttpsConnector<Connector>, Full<Bytes>>>>,
    max_idle: usize,
}

impl Default for Connections {
    fn default() -> Self {
        // At most one idle connection: if it is stale, the retry opens a new one.
        Self { client: Arc::default(), max_idle: 1 }
    }
}

/// Whether a connection has answered a request: only then can the server have closed it before the
/// next request.
#[derive(Clone, Debug, Default)]
struct HasAnswered(Arc<AtomicBool>);

impl fmt::Debug for Connections {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl Connections {
    /// Connections for the clients of one SDK configuration, which make concurrent calls and retry
    /// themselves.
    #[must_use]
    pub fn for_sdk() -> SharedHttpClient {
        Self::sdk_client(usize::MAX)
    }

    /// A new connection for each request, so that none is sent twice.
    #[must_use]
    pub fn for_sdk_without_reuse() -> SharedHttpClient {
        Self::sdk_client(0)
    }

    fn sdk_client(max_idle: usize) -> SharedHttpClient {
        let connections = Self { client: Arc::default(), max_idle };
        http_client_fn(move |_, _| SharedHttpConnector::new(connections.clone()))
    }

    /// Sends a request, whose URI is a complete URL, and reads the complete answer. It has no time
    /// limit.
    ///
    /// # Errors
    /// If no complete answer arrives.
    pub async fn exchange(&self, request: Request<Bytes>) -> Result<Answer, ExchangeError> {
        let response = self.send(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| ExchangeError::BrokenAnswer(cause(&*error)))?.to_bytes();
        Ok(Answer { status, body })
    }

    /// Sends a request, whose URI is a complete URL, and reads the head of the answer. It has no
    /// time limit and does not follow redirects.
    ///
    /// # Errors
    /// If no answer arrives.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Incoming>, ExchangeError> {
        match self.try_send(request.clone()).await {
            Err((_, HasAnswered(before))) if before.load(Ordering::Relaxed) => {
                self.try_send(request).await
            }
            other => other,
        }
        .map_err(|(error, _)| error)
    }

    /// Sends a request once. An error includes whether its connection had answered before.
    async fn try_send(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Incoming>, (ExchangeError, HasAnswered)> {
        let failed = |error| (error, HasAnswered::default());
        if request.uri().host().is_none() {
            return Err(failed(ExchangeError::Request));
        }
        let client = self.client().map_err(failed)?;
        let mut request = request.map(Full::new);
        let connection = capture_connection(&mut request);
        let response = client.request(request).await;
        let mut extras = Extensions::new();
        if let Some(connection) = &*connection.connection_metadata() {
            connection.get_extras(&mut extras);
        }
        let has_answered = extras.remove::<HasAnswered>().unwrap_or_default();
        match response {
            Ok(response) => {
                has_answered.0.store(true, Ordering::Relaxed);
                Ok(response)
            }
            Err(error) => Err((ExchangeError::Unreachable(cause(&error)), has_answered)),
        }
    }

    fn client(&self) -> Result<&Client<HttpsConnector<Connector>, Full<Bytes>>, ExchangeError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let tls = tls().map_err(|error| ExchangeError::Unreachable(error.to_string()))?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        let connector = connector.enable_http1().wrap_connector(Connector::default());
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(self.max_idle)
            .build(connector);
        Ok(self.client.get_or_init(|| client))
    }
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connections = self.clone();
        HttpConnectorFuture::new(async move {
            let request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (head, body) = request.into_parts();
            // Whole, so that it can be sent again.
            let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
            let request = Request::from_parts(head, body);
            let response = connections.send(request).await.map_err(|error| match error {
                ExchangeError::Request => ConnectorError::user(error.into()),
                error => ConnectorError::io(error.into()),
            })?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// TLS with the system's certificates; without them, only servers without TLS can be reached. They
/// are read once per process, because reading takes milliseconds.
fn tls() -> Result<ClientConfig, rustls::Error> {
    static TLS: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = TLS.get() {
        return Ok(config.clone());
    }
    let builder = || {
        let provider = Arc::new(ring::default_provider());
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
    };
    let config = match builder()?.with_native_roots() {
        Ok(config) => config,
        Err(_) => builder()?.with_root_certificates(RootCertStore::empty()),
    };
    Ok(TLS.get_or_init(|| config.with_no_client_auth()).clone())
}
