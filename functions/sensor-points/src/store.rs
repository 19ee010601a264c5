//! The time series store, over HTTP.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Request, Uri};
use serde::Deserialize;
use shared::aws::{Answer, Aws, Connections, ExchangeError};
use shared::gzip::gzip;
use shared::secrets::{self, authorization, basic};

/// A time series store, or its replacement in a test, without retries or time limits: the caller
/// drops the call when the time is up.
pub trait Store: 'static {
    /// Writes lines and returns the answer of any status.
    ///
    /// # Errors
    /// [`StoreError`] if no complete answer arrives.
    fn write(&self, lines: &[u8]) -> impl Future<Output = Result<Answer, StoreError>>;
}

/// Why there is no answer. No text quotes a request, an answer, a token or a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The connection failed, broke, or the answer was incomplete.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The time was up.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The secret could not be used.
    #[error("the secret {} could not be used: {reason}", secrets::shown(.arn))]
    Secret {
        /// `TSDB_SECRET_ARN`
        arn: String,
        /// The failure.
        reason: String,
    },
    /// The lines could not be compressed.
    #[error("the lines could not be compressed: {0}")]
    Compression(String),
}

/// The URL of the store, and how to sign in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `TSDB_WRITE_URL`, with the precision.
    pub url: Uri,
    /// The authentication.
    pub auth: Auth,
    /// `TSDB_GZIP`, default `on`: whether requests are compressed.
    pub gzip: bool,
}

/// The authentication.
#[derive(Clone, Debug)]
pub enum Auth {
    /// With this header, which is marked as sensitive: its `Debug` hides it.
    Header(HeaderValue),
    /// With the contents of the secret with this ARN.
    Secret(String, Scheme),
    /// Requests are sent without credentials.
    None,
}

/// The scheme in the header `Authorization`: `TSDB_AUTH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `Token …`
    Token,
    /// `Bearer …`
    Bearer,
    /// User and password.
    Basic,
}

impl Scheme {
    /// The header with a token; `None` for `basic`, and if the token is not valid in a header.
    #[must_use]
    pub fn header(self, token: &str) -> Option<HeaderValue> {
        match self {
            Self::Token => authorization("Token", token),
            Self::Bearer => authorization("Bearer", token),
            Self::Basic => None,
        }
    }

    /// The header with the contents of a secret: a token, or JSON with `token`, or with `username`
    /// and `password`.
    fn header_of_secret(self, secret: &str) -> Option<HeaderValue> {
        #[derive(Default, Deserialize)]
        struct Secret {
            token: Option<String>,
            username: Option<String>,
            password: Option<String>,
        }
        let secret = secret.trim();
        let json = serde_json::from_str::<Secret>(secret);
        if self == Self::Basic {
            let Secret { username, password, .. } = json.ok()?;
            return basic(&username?, &password?);
        }
        let token = match json {
            Ok(Secret { token, .. }) => token?,
            Err(_) => secret.to_owned(),
        };
        if token.is_empty() { None } else { self.header(&token) }
    }
}

/// A store that accepts line protocol in HTTP requests. It connects and reads the secret for the
/// first one.
#[derive(Debug)]
pub struct HttpStore {
    settings: Settings,
    aws: Aws,
    connections: Connections,
    /// The header with the contents of the secret.
    from_secret: Mutex<Option<HeaderValue>>,
}

impl HttpStore {
    /// Creates a store with these settings. It connects for the first request.
    #[must_use]
    pub fn new(settings: Settings, aws: Aws) -> Self {
        let connections = Connections::default();
        Self { settings, aws, connections, from_secret: Mutex::default() }
    }

    /// Sends lines once.
    async fn send(&self, body: Bytes) -> Result<Answer, StoreError> {
        let Settings { url, auth, gzip } = &self.settings;
        let mut request = Request::post(url.clone());
        let header = match auth {
            Auth::Header(header) => Some(header.clone()),
            Auth::Secret(arn, scheme) => Some(self.header_of_secret(arn, *scheme).await?),
            Auth::None => None,
        };
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        if *gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let request = request.header(CONTENT_TYPE, "text/plain; charset=utf-8").body(body);
        let request = request.map_err(|_| ExchangeError::Request)?;
        Ok(self.connections.exchange(request).await?)
    }

    async fn header_of_secret(&self, arn: &str, scheme: Scheme) -> Result<HeaderValue, StoreError> {
        let known = self.from_secret.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(header) = known {
            return Ok(header);
        }
        let failed = |reason: String| StoreError::Secret { arn: arn.to_owned(), reason };
        // Boxed: rare, and the SDK's state is large.
        let secret = Box::pin(secrets::text(&self.aws, arn)).await;
        let secret = secret.map_err(|failure| failed(failure.to_string()))?;
        let header = scheme.header_of_secret(&secret).ok_or_else(|| {
            let allowed = match scheme {
                Scheme::Basic => "JSON with a `username` and a `password`",
                Scheme::Token | Scheme::Bearer => "a token, or JSON with a `token`",
            };
            failed(format!("it is not {allowed}"))
        })?;
        *self.from_secret.lock().unwrap_or_else(PoisonError::into_inner) = Some(header.clone());
        Ok(header)
    }
}

impl Store for HttpStore {
    async fn write(&self, lines: &[u8]) -> Result<Answer, StoreError> {
        let body = if self.settings.gzip {
            gzip(lines).map_err(|error| StoreError::Compression(error.to_string()))?
        } else {
            lines.to_vec()
        };
        let body = Bytes::from(body);
        let answer = self.send(body.clone()).await?;
        if answer.status != 401 || !matches!(self.settings.auth, Auth::Secret(..)) {
            return Ok(answer);
        }
        // The token may have changed.
        *self.from_secret.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.send(body).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_token_or_has_a_token_or_a_user_and_a_password() {
        for (scheme, secret, expected) in [
            (Scheme::Token, "hush\n", Some("Token hush")),
            (Scheme::Bearer, "hush", Some("Bearer hush")),
            (Scheme::Token, r#"{"token":"hush","org":"o"}"#, Some("Token hush")),
            (Scheme::Basic, r#"{"username":"ada","password":"p@ss"}"#, Some("Basic YWRhOnBAc3M=")),
            (Scheme::Token, "", None),
            (Scheme::Token, "two\nlines", None),
            (Scheme::Token, r#"{"username":"ada","password":"p@ss"}"#, None),
            (Scheme::Basic, "hush", None),
            (Scheme::Basic, r#"{"token":"hush"}"#, None),
            (Scheme::Basic, r#"{"username":"a:b","password":""}"#, None),
        ] {
            let header = scheme.header_of_secret(secret);
            assert_eq!(
                header.as_ref().map(|header| header.to_str().unwrap()),
                expected,
                "{secret}"
            );
            assert!(header.is_none_or(|header| header.is_sensitive()));
        }
    }
}
