//! Posts one message to Google Chat.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use shared::aws::{Connections, ExchangeError, contradicts_success};

use crate::fields::text;
use crate::webhook::Webhook;

/// Maximum size of a reply's body, in bytes.
const MAX_BODY_BYTES: usize = 65_536;

/// The reply of Google Chat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatReply {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`
    pub retry_after: Option<Duration>,
    /// `error.status`, such as `PERMISSION_DENIED`.
    pub code: Option<String>,
    /// Whether the body is an error or a page that is not from Google Chat, regardless of the
    /// status.
    pub is_contradicted: bool,
}

/// Why there is no reply. The text never contains the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoReply(pub String);

impl ChatReply {
    pub(crate) const fn is_posted(&self) -> bool {
        self.status >= 200 && self.status < 300 && !self.is_contradicted
    }

    /// Whether the request can succeed later.
    pub(crate) const fn is_temporary(&self) -> bool {
        self.status == 429 || self.status >= 500
    }
}

impl fmt::Display for ChatReply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Google Chat answered {}", self.status)?;
        self.code.iter().try_for_each(|code| write!(out, " {code}"))?;
        let is_odd = self.is_contradicted && self.status < 300;
        if is_odd { out.write_str(", but with an error or a page of HTML") } else { Ok(()) }
    }
}

impl fmt::Display for NoReply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "no answer from Google Chat: {}", self.0)
    }
}

/// A message to post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Posting {
    /// Google Chat ignores another message with the same id.
    pub id: String,
    /// JSON.
    pub body: Vec<u8>,
    /// Whether the message names a thread.
    pub has_thread: bool,
    /// The ids of the alerts that it contains.
    pub alerts: Vec<String>,
}

/// A Google Chat space.
pub trait Chat {
    /// Posts one message, once.
    fn post(
        &self,
        webhook: &Webhook,
        posting: &Posting,
    ) -> impl Future<Output = Result<ChatReply, NoReply>>;
}

/// Google Chat over HTTP. It connects for the first request. It does not follow redirects, which
/// would send the key elsewhere.
#[derive(Debug, Default)]
pub struct GoogleChat {
    connections: Connections,
}

impl Chat for GoogleChat {
    async fn post(&self, webhook: &Webhook, posting: &Posting) -> Result<ChatReply, NoReply> {
        let Posting { id, body, has_thread, .. } = posting;
        let invalid = || NoReply("the URL is invalid".to_owned());
        let address = webhook.address(id, *has_thread).ok_or_else(invalid)?;
        let request = Request::post(address)
            .header(CONTENT_TYPE, "application/json; charset=UTF-8")
            .body(Bytes::copy_from_slice(body))
            .map_err(|_| invalid())?;
        let response = self.connections.send(request).await.map_err(|error| match error {
            ExchangeError::Unreachable(cause) => NoReply(cause),
            error => NoReply(error.to_string()),
        })?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), SystemTime::now());
        // The body only explains the status.
        let body = Limited::new(response.into_body(), MAX_BODY_BYTES).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let is_contradicted = contradicts_success(&body);
        Ok(ChatReply { status, retry_after, code: code(&body), is_contradicted })
    }
}

/// Parses `Retry-After`: seconds or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(SystemTime::from(date).duration_since(now).unwrap_or_default())
}

/// Returns `error.status` of an error of Google's APIs.
fn code(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let code = text(body.get("error")?, &["status"])?;
    let is_allowed = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    (code.len() <= 64 && code.bytes().all(is_allowed)).then_some(code)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // 2015-10-21T07:27:50Z
        let now = UNIX_EPOCH + Duration::from_secs(1_445_412_470);
        for (value, expected) in [
            ("3", Some(3)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(10)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), expected, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn only_the_code_of_an_error_is_used() {
        let answer = br#"{"error":{"code":403,"message":"key=AIza","status":"PERMISSION_DENIED"}}"#;
        let reply = ChatReply { status: 403, code: code(answer), ..ChatReply::default() };
        assert_eq!(reply.to_string(), "Google Chat answered 403 PERMISSION_DENIED");
        assert_eq!(code(br#"{"error":{"status":"key=AIza"}}"#), None);
        assert_eq!(code(b"<html>"), None);
    }
}
