//! The JSON of credentials, and signatures with them.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64_simd::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::HOST;
use http::{Request, Uri};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::json;

use super::token::form_encoded;
use crate::aws::{Aws, Signer};

/// The audience of an assertion, regardless of the URL that it is sent to.
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// Requested lifetime of a token, in seconds: Google's maximum without further configuration.
pub(super) const TOKEN_SECONDS: u64 = 3_600;

/// Credentials as Google's console and `gcloud iam workload-identity-pools create-cred-config` write
/// them.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Credentials {
    ServiceAccount(ServiceAccount),
    ExternalAccount(ExternalAccount),
}

/// A key of a service account.
#[derive(Deserialize)]
pub(super) struct ServiceAccount {
    client_email: String,
    /// PKCS #8 in PEM.
    private_key: String,
    private_key_id: Option<String>,
    #[serde(default = "token_url")]
    pub(super) token_uri: String,
}

/// An AWS role that a workload identity pool trusts: no key.
#[derive(Deserialize)]
pub(super) struct ExternalAccount {
    /// The provider of the pool.
    pub(super) audience: String,
    pub(super) subject_token_type: String,
    pub(super) token_url: String,
    /// Without it, the role itself has the permissions.
    pub(super) service_account_impersonation_url: Option<String>,
    credential_source: CredentialSource,
}

#[derive(Deserialize)]
struct CredentialSource {
    environment_id: String,
    regional_cred_verification_url: String,
}

fn token_url() -> String {
    TOKEN_URL.to_owned()
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads the JSON; an error never quotes it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let allowed =
            "they must be the JSON of a service_account, or of an external_account of AWS";
        let credentials: Self = serde_json::from_str(text).map_err(|_| allowed)?;
        match &credentials {
            Self::ExternalAccount(account)
                if account.credential_source.environment_id != "aws1" =>
            {
                Err(allowed)
            }
            _ => Ok(credentials),
        }
    }
}

impl ServiceAccount {
    /// A JWT for one scope, signed with RS256.
    pub(super) fn assertion(&self, scope: &str, now: SystemTime) -> Result<String, &'static str> {
        let allowed = "private_key must be an RSA key in PEM (PKCS #8)";
        let key = PrivatePkcs8KeyDer::from_pem_slice(self.private_key.as_bytes());
        let key = key.map_err(|_| allowed)?;
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|_| allowed)?;
        let issued = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.private_key_id});
        let claims = json!({
            "iss": self.client_email, "scope": scope, "aud": TOKEN_URL,
            "iat": issued, "exp": issued + TOKEN_SECONDS,
        });
        let encoded = |text: String| URL_SAFE_NO_PAD.encode_to_string(text);
        let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "signing with private_key failed")?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(signature)))
    }
}

impl ExternalAccount {
    /// A signed AWS request, which Google sends to verify the identity of the role.
    pub(super) fn subject_token(&self, aws: &Aws, now: SystemTime) -> Result<String, String> {
        let region = aws.region.clone().ok_or("AWS_REGION is not set")?;
        let credentials = aws.credentials.clone();
        let credentials = credentials.ok_or("AWS_ACCESS_KEY_ID or its secret is not set")?;
        let url =
            self.credential_source.regional_cred_verification_url.replace("{region}", &region);
        let uri: Uri = url.parse().map_err(|_| "regional_cred_verification_url is not a URL")?;
        let host = uri.host().ok_or("regional_cred_verification_url is not a URL")?.to_owned();
        let request = Request::post(uri)
            .header(HOST, host)
            // This is also signed, so that nobody can use the request for another pool.
            .header("x-goog-cloud-target-resource", &self.audience)
            .body(Bytes::new());
        let mut request = request.map_err(|_| "audience is not a text for a header")?;
        let signer = Signer { service: "sts", region, credentials };
        signer.sign(&mut request, now).map_err(|error| error.to_string())?;
        let headers: Vec<_> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                Some(json!({"key": name.as_str(), "value": value.to_str().ok()?}))
            })
            .collect();
        let token = json!({"url": url, "method": "POST", "headers": headers}).to_string();
        Ok(form_encoded(&token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_credentials_are_refused_without_quoting_them() {
        let external = |environment: &str| {
            json!({
                "type": "external_account", "audience": "a", "subject_token_type": "t",
                "token_url": "u", "credential_source": {
                    "environment_id": environment, "regional_cred_verification_url": "v",
                },
            })
            .to_string()
        };
        assert!(Credentials::parse(&external("aws1")).is_ok());
        for text in [
            "",
            "hush",
            "{}",
            r#"{"type":"authorized_user","refresh_token":"hush"}"#,
            r#"{"type":"service_account","private_key":"hush"}"#,
            &external("azure"),
        ] {
            let error = Credentials::parse(text).unwrap_err();
            assert!(error.starts_with("they must be the JSON of a service_account"), "{error}");
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused_without_quoting_it() {
        let text = json!({"type": "service_account", "client_email": "a", "private_key": "hush"});
        let Ok(Credentials::ServiceAccount(account)) = Credentials::parse(&text.to_string()) else {
            panic!("a service account");
        };
        let error = account.assertion("scope", UNIX_EPOCH).unwrap_err();
        assert_eq!(error, "private_key must be an RSA key in PEM (PKCS #8)");
        assert_eq!(account.token_uri, TOKEN_URL);
    }
}
