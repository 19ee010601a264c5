//! Look-ups before the first request: a domain's endpoint, and a password.

use aws_sdk_opensearch as domains;
use aws_smithy_types::retry::RetryConfig;
use http::HeaderValue;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::Error;
use crate::aws::{Aws, CallFailure};
use crate::secrets::{self, basic};
use crate::url::Url;

/// Returns the endpoint of a domain, public or in its VPC. It does not wait after `until`.
pub(super) async fn endpoint(aws: &Aws, domain: &str, until: Instant) -> Result<Url, Error> {
    let failed = |reason: String| Error::Domain { domain: domain.to_owned(), reason };
    let config = aws.sdk_config("OPENSEARCH", RetryConfig::standard());
    let answer = domains::Client::new(&config).describe_domain().domain_name(domain).send();
    let answer =
        timeout_at(until, answer).await.map_err(|_| failed(CallFailure::late().message))?;
    let answer = answer.map_err(|error| failed(CallFailure::from(&error).to_string()))?;
    let status = answer.domain_status();
    let host = status.and_then(|status| {
        let in_vpc = || status.endpoints().and_then(|all| all.get("vpc")).map(String::as_str);
        status.endpoint().or_else(in_vpc).or_else(|| status.endpoint_v2())
    });
    let url = host.and_then(|host| Url::parse(&format!("https://{host}")));
    url.ok_or_else(|| failed("it has no endpoint yet".to_owned()))
}

/// Returns the user and the password in a secret. It does not wait after `until`.
pub(super) async fn password(aws: &Aws, arn: &str, until: Instant) -> Result<HeaderValue, Error> {
    let failed = |reason: String| Error::Secret { arn: arn.to_owned(), reason };
    let secret = timeout_at(until, secrets::text(aws, arn)).await;
    let secret = secret.unwrap_or_else(|_| Err(CallFailure::late()));
    let secret = secret.map_err(|failure| failed(failure.to_string()))?;
    header(&secret)
        .ok_or_else(|| failed("it is not JSON with a `username` and a `password`".to_owned()))
}

#[derive(Deserialize)]
struct Secret {
    username: String,
    password: String,
}

fn header(secret: &str) -> Option<HeaderValue> {
    let Secret { username, password } = serde_json::from_str(secret).ok()?;
    basic(&username, &password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_a_user_and_a_password() {
        let secret = r#"{"username":"ada","password":"p@ss:w/rd","engine":"any"}"#;
        assert_eq!(header(secret).unwrap(), "Basic YWRhOnBAc3M6dy9yZA==");
        for secret in ["", "hush", r#"{"username":"ada"}"#, r#"{"username":"a:b","password":""}"#] {
            assert_eq!(header(secret), None, "{secret}");
        }
    }
}
