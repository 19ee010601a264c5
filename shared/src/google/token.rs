//! Access tokens for one scope, kept until shortly before they expire.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::GoogleError;
use super::credentials::{Credentials, ExternalAccount, ServiceAccount, TOKEN_SECONDS};
use super::exchange::exchange;
use crate::aws::{Aws, Connections};
use crate::secrets;

/// A token is renewed this long before it expires.
const MARGIN: Duration = Duration::from_mins(5);

/// Characters that are not encoded in a form or a query.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes a text for a form or a query.
pub(super) fn form_encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Encodes names and values as a form or a query.
pub(super) fn form(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", form_encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Exchanges the credentials in a secret for tokens.
pub(super) struct Tokens {
    aws: Aws,
    secret_arn: String,
    scope: &'static str,
    current: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    /// `Bearer …`, marked as sensitive.
    authorization: HeaderValue,
    expires: SystemTime,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tokens").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn new(aws: Aws, secret_arn: String, scope: &'static str) -> Self {
        Self { aws, secret_arn, scope, current: Mutex::new(None) }
    }

    /// Returns the header `Authorization` with a valid token. The secret is read for each new
    /// token, so that it can be replaced.
    pub(super) async fn authorization(
        &self,
        connections: &Connections,
        until: Instant,
    ) -> Result<HeaderValue, GoogleError> {
        let mut current = self.current.lock().await;
        // This uses the system clock, because the monotonic clock stops while Lambda freezes the
        // process.
        let now = SystemTime::now();
        if let Some(token) = current.as_ref().filter(|token| now + MARGIN < token.expires) {
            return Ok(token.authorization.clone());
        }
        // Boxed: the SDK's state is large.
        let text = timeout_at(until, Box::pin(secrets::text(&self.aws, &self.secret_arn))).await;
        let text = text.map_err(|_| GoogleError::late())?.map_err(GoogleError::Secret)?;
        let token = match Credentials::parse(&text).map_err(|error| unusable(&error))? {
            Credentials::ServiceAccount(account) => {
                self.of_service_account(&account, connections, until).await?
            }
            Credentials::ExternalAccount(account) => {
                self.of_external_account(&account, connections, until).await?
            }
        };
        Ok(current.insert(token).authorization.clone())
    }

    /// Drops the token in this header, which was rejected.
    pub(super) async fn forget(&self, authorization: &HeaderValue) {
        self.current.lock().await.take_if(|token| token.authorization == *authorization);
    }

    async fn of_service_account(
        &self,
        account: &ServiceAccount,
        connections: &Connections,
        until: Instant,
    ) -> Result<Token, GoogleError> {
        let assertion = account.assertion(self.scope, SystemTime::now());
        let assertion = assertion.map_err(|error| unusable(&error))?;
        let body = form(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", &assertion),
        ]);
        access_token(&exchange(connections, &form_request(&account.token_uri, body)?, until).await?)
    }

    async fn of_external_account(
        &self,
        account: &ExternalAccount,
        connections: &Connections,
        until: Instant,
    ) -> Result<Token, GoogleError> {
        let subject_token = account.subject_token(&self.aws, SystemTime::now());
        let subject_token = subject_token.map_err(|error| unusable(&error))?;
        // Impersonating a service account uses an API of the platform.
        let scope = match account.service_account_impersonation_url {
            Some(_) => "https://www.googleapis.com/auth/cloud-platform",
            None => self.scope,
        };
        let body = form(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", &account.audience),
            ("scope", scope),
            ("subject_token_type", &account.subject_token_type),
            ("subject_token", &subject_token),
        ]);
        let request = form_request(&account.token_url, body)?;
        let token = access_token(&exchange(connections, &request, until).await?)?;
        let Some(url) = &account.service_account_impersonation_url else { return Ok(token) };
        let body = json!({"scope": [self.scope], "lifetime": format!("{TOKEN_SECONDS}s")});
        let request = Request::post(url)
            .header(AUTHORIZATION, token.authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()));
        let request = request.map_err(|_| unusable(&"the impersonation URL is not a URL"))?;
        let answer = exchange(connections, &request, until).await?;
        let expires = answer["expireTime"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        Token::new(&answer["accessToken"], expires.map(SystemTime::from))
    }
}

impl Token {
    fn new(token: &Value, expires: Option<SystemTime>) -> Result<Self, GoogleError> {
        let authorization =
            token.as_str().and_then(|token| secrets::authorization("Bearer", token));
        let token = authorization.zip(expires);
        let missing = || GoogleError::NoAnswer("it has no token, or no time of its end".to_owned());
        token.map(|(authorization, expires)| Self { authorization, expires }).ok_or_else(missing)
    }
}

/// Reads the token from an answer of a token endpoint.
fn access_token(answer: &Value) -> Result<Token, GoogleError> {
    let seconds = answer["expires_in"].as_u64().unwrap_or(TOKEN_SECONDS).min(TOKEN_SECONDS);
    Token::new(&answer["access_token"], Some(SystemTime::now() + Duration::from_secs(seconds)))
}

fn form_request(url: &str, body: String) -> Result<Request<Bytes>, GoogleError> {
    let request = Request::post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(body));
    request.map_err(|_| unusable(&"the URL for tokens is not a URL"))
}

fn unusable(reason: &dyn ToString) -> GoogleError {
    GoogleError::Credentials(reason.to_string())
}
