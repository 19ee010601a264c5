//! Sends requests to Google and reads their JSON answers, with retries.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::GoogleError;
use crate::aws::{Answer, Connections};
use crate::mask::mask;
use crate::text::line;

/// Maximum time that one request waits for its answer.
const MAX_ATTEMPT: Duration = Duration::from_secs(20);
/// The wait before a request is repeated; doubles.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Maximum length of a message of Google, in characters.
const MAX_MESSAGE: usize = 500;

/// Sends a request until it succeeds or fails permanently, but not after `until`.
pub(super) async fn exchange(
    connections: &Connections,
    request: &Request<Bytes>,
    until: Instant,
) -> Result<Value, GoogleError> {
    let mut wait = FIRST_WAIT;
    loop {
        let attempt_until = until.min(Instant::now() + MAX_ATTEMPT);
        let answer = timeout_at(attempt_until, connections.exchange(request.clone())).await;
        let result = match answer {
            Ok(Ok(answer)) => read(&answer),
            Ok(Err(error)) => Err(GoogleError::NoAnswer(error.to_string())),
            Err(_) => Err(GoogleError::late()),
        };
        match result {
            Err(error) if is_passing(&error) && Instant::now() + wait < until => {
                sleep(wait).await;
                wait = (2 * wait).min(MAX_WAIT);
            }
            result => return result,
        }
    }
}

/// Whether the same request may succeed later.
fn is_passing(error: &GoogleError) -> bool {
    match error {
        GoogleError::NoAnswer(_) => true,
        // Short-term quotas are enforced with 403 (source: "BigQuery API errors").
        GoogleError::Refused { status, reason, .. } => {
            matches!(status, 429 | 500..)
                || ["rateLimitExceeded", "jobRateLimitExceeded"].contains(&&**reason)
        }
        _ => false,
    }
}

fn read(answer: &Answer) -> Result<Value, GoogleError> {
    let json = serde_json::from_slice::<Value>(&answer.body);
    if (200..300).contains(&answer.status) {
        let is_object = json.ok().filter(Value::is_object);
        return is_object.ok_or_else(|| GoogleError::NoAnswer("it is not JSON".to_owned()));
    }
    Err(refused(answer.status, &json.unwrap_or_default()))
}

/// Reads the error of an API (`{"error":{"code","message","status","errors":[{"reason"}]}}`), or of
/// a token endpoint (`{"error","error_description"}`).
fn refused(status: u16, body: &Value) -> GoogleError {
    let error = &body["error"];
    let reasons = [&error["errors"][0]["reason"], &error["status"], error];
    let messages = [&error["message"], &body["error_description"]];
    let first = |values: &[&Value]| values.iter().find_map(|value| value.as_str()).map(shown);
    GoogleError::Refused {
        status,
        reason: first(&reasons).unwrap_or_else(|| "unknown reason".to_owned()),
        message: first(&messages).unwrap_or_default(),
    }
}

fn shown(text: &str) -> String {
    line(&mask(text, &[])).chars().take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_have_the_reason_of_either_form() {
        let denied = json!({"error": {
            "code": 403, "message": "Access Denied:\nno", "status": "PERMISSION_DENIED",
            "errors": [{"reason": "accessDenied", "message": "Access Denied"}],
        }});
        let without_reason = json!({"error": {"message": "no", "status": "UNAVAILABLE"}});
        let grant = json!({"error": "invalid_grant", "error_description": "Invalid JWT"});
        let long = json!({"error": {"message": "x".repeat(9_000)}});
        for (body, expected) in [
            (denied, "accessDenied (403): Access Denied: no"),
            (without_reason, "UNAVAILABLE (403): no"),
            (grant, "invalid_grant (403): Invalid JWT"),
            (json!(null), "unknown reason (403): "),
            (long, &format!("unknown reason (403): {}", "x".repeat(500))),
        ] {
            assert_eq!(refused(403, &body).to_string(), expected);
        }
    }

    #[test]
    fn only_what_may_pass_is_repeated() {
        let refused = |status, reason: &str| {
            let (reason, message) = (reason.to_owned(), String::new());
            is_passing(&GoogleError::Refused { status, reason, message })
        };
        for (status, reason) in
            [(429, ""), (500, "backendError"), (503, ""), (403, "rateLimitExceeded")]
        {
            assert!(refused(status, reason), "{status} {reason}");
        }
        for (status, reason) in [(400, "invalidQuery"), (401, ""), (403, "accessDenied"), (404, "")]
        {
            assert!(!refused(status, reason), "{status} {reason}");
        }
        assert!(is_passing(&GoogleError::late()));
        assert!(!is_passing(&GoogleError::Credentials(String::new())));
    }
}
