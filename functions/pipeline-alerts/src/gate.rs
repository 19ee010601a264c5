//! Authenticates callers, which must know a secret.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use shared::aws::{Aws, CallFailure};
use shared::digest::hex;
use shared::secrets;
use subtle::ConstantTimeEq;
use tokio::time::{Instant, timeout_at};

use crate::error::HandlerError;
use crate::request::Request;

/// Minimum length of a line of the secret: shorter ones could be guessed.
const MIN_CHARACTERS: usize = 16;

/// Minimum time between two reads of the secret after a wrong one.
const READ_AGAIN_AFTER_MS: u64 = 60_000;

/// The secrets, one of which a caller must know.
#[derive(Debug)]
pub(crate) struct Gate {
    arn: String,
    aws: Aws,
    secrets: Secrets,
    /// The time of the last repeated read.
    read_again_at_ms: Option<u64>,
}

/// Each line of the secret.
#[derive(Default)]
struct Secrets(Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} secrets", self.0.len())
    }
}

/// The credentials in a call.
struct Offer<'a> {
    /// Secrets.
    plain: Vec<&'a str>,
    /// HMACs of the body under a secret, in hex.
    signatures: Vec<String>,
    /// Only if there is a signature.
    body: Vec<u8>,
}

impl Gate {
    /// Does not read the secret yet.
    pub(crate) fn new(arn: String, aws: Aws) -> Self {
        Self { arn, aws, secrets: Secrets::default(), read_again_at_ms: None }
    }

    /// Whether the caller knows a secret. After a wrong one the secret is read again, at most once
    /// a minute, because it may have been replaced.
    ///
    /// # Errors
    /// [`HandlerError`] if the secret cannot be read before `until`, or has no usable line.
    pub(crate) async fn admits(
        &mut self,
        request: &Request,
        now_ms: u64,
        until: Instant,
    ) -> Result<bool, HandlerError> {
        let offer = Offer::of(request);
        if offer.plain.is_empty() && offer.signatures.is_empty() {
            return Ok(false);
        }
        let is_first = self.secrets.0.is_empty();
        if is_first {
            self.read(until).await?;
        }
        let is_recent = |at| now_ms.abs_diff(at) < READ_AGAIN_AFTER_MS;
        if self.secrets.admit(&offer) {
            return Ok(true);
        }
        if is_first || self.read_again_at_ms.is_some_and(is_recent) {
            return Ok(false);
        }
        self.read_again_at_ms = Some(now_ms);
        self.read(until).await?;
        Ok(self.secrets.admit(&offer))
    }

    async fn read(&mut self, until: Instant) -> Result<(), HandlerError> {
        // Boxed: the SDK's state is large.
        let text = timeout_at(until, Box::pin(secrets::text(&self.aws, &self.arn))).await;
        let text = text.map_err(|_| CallFailure::late()).and_then(|text| text);
        let text = text.map_err(HandlerError::SecretUnread)?;
        let lines = text.lines().map(str::trim);
        let usable = lines.filter(|line| line.chars().count() >= MIN_CHARACTERS);
        self.secrets = Secrets(usable.map(str::to_owned).collect());
        if self.secrets.0.is_empty() { Err(HandlerError::SecretTooShort) } else { Ok(()) }
    }
}

impl<'a> Offer<'a> {
    fn of(request: &'a Request) -> Self {
        let mut plain: Vec<_> = request.header("x-sluice-secret").collect();
        let mut signatures = Vec::new();
        for value in request.header("authorization") {
            match value.split_once(' ') {
                Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => {
                    plain.push(secret.trim());
                }
                _ if value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                    signatures.push(value.to_ascii_lowercase());
                }
                _ => {}
            }
        }
        plain.retain(|secret| !secret.is_empty());
        let body = if signatures.is_empty() { Vec::new() } else { request.body() };
        Self { plain, signatures, body }
    }
}

impl Secrets {
    /// Compares with every secret, in constant time.
    fn admit(&self, offer: &Offer<'_>) -> bool {
        let mut admitted = subtle::Choice::from(0);
        for secret in &self.0 {
            for plain in &offer.plain {
                // Hashes have the same length.
                admitted |= Sha256::digest(plain)[..].ct_eq(&Sha256::digest(secret)[..]);
            }
            for signature in &offer.signatures {
                admitted |= hex_hmac(secret, &offer.body).as_bytes().ct_eq(signature.as_bytes());
            }
        }
        admitted.into()
    }
}

fn hex_hmac(secret: &str, body: &[u8]) -> String {
    // A key of any length is accepted.
    let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    hmac.update(body);
    hex(&hmac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Source: RFC 4231, test case 2; the same for `openssl dgst -sha256 -hmac Jefe`.
    const SIGNATURE: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    fn admits(secrets: &[&str], headers: &serde_json::Value) -> bool {
        let event = json!({
            "httpMethod": "POST", "requestContext": {}, "headers": headers,
            "body": "what do ya want for nothing?",
        });
        let request = Request::parse(event.to_string().as_bytes()).unwrap();
        let secrets = Secrets(secrets.iter().map(|&secret| secret.to_owned()).collect());
        secrets.admit(&Offer::of(&request))
    }

    #[test]
    fn a_caller_offers_the_secret_or_a_signature_under_it() {
        for headers in [
            json!({"X-Sluice-Secret": "Jefe"}),
            json!({"AUTHORIZATION": "Bearer Jefe"}),
            json!({"authorization": "bearer  Jefe "}),
            json!({"Authorization": SIGNATURE}),
            json!({"Authorization": SIGNATURE.to_uppercase()}),
            json!({"X-Sluice-Secret": "wrong", "authorization": SIGNATURE}),
        ] {
            assert!(
                admits(&["Jefe"], &headers) && admits(&["other", "Jefe"], &headers),
                "{headers}"
            );
            assert!(!admits(&["other"], &headers) && !admits(&[], &headers), "{headers}");
        }
    }

    #[test]
    fn nothing_else_is_let_in() {
        let almost = format!("{}4", &SIGNATURE[..63]);
        for headers in [
            json!(null),
            json!({}),
            json!({"X-Sluice-Secret": ""}),
            json!({"X-Sluice-Secret": null}),
            json!({"X-Sluice-Secret": "Jef"}),
            json!({"X-Sluice-Secret": "Jefe2"}),
            json!({"X-Sluice-Secret": "jefe"}),
            json!({"X-Sluice-Secret": "other\nJefe"}),
            json!({"X-Sluice-Secret": SIGNATURE}),
            json!({"Authorization": "Jefe"}),
            json!({"Authorization": "Basic Jefe"}),
            json!({"Authorization": "Bearer"}),
            json!({"Authorization": almost}),
            json!({"Authorization": format!("Bearer {SIGNATURE}")}),
        ] {
            assert!(!admits(&["other", "Jefe"], &headers), "{headers}");
        }
    }
}
