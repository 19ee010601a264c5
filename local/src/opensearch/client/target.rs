//! The address and the authentication of the server, with the rules by which the functions read
//! them from their environment.

use http::Uri;
use percent_encoding::percent_decode_str;

use super::{Authentication, ClientError};
use crate::environment::Environment;

/// Suffixes of the hosts that require signed requests, and the name of the service in the
/// signature.
///
/// Source: Amazon `OpenSearch` Service developer guide, "Signing HTTP requests to Amazon
/// `OpenSearch` Service" and, for `aoss`, "Signing HTTP requests with other clients".
const SERVICES: [(&str, &str); 2] = [(".es.amazonaws.com", "es"), (".aoss.amazonaws.com", "aoss")];

/// The address of the server and, separately, the credentials.
#[derive(Clone)]
pub(super) struct Target {
    /// Scheme, authority and path prefix, without a trailing slash.
    pub(super) url: String,
    pub(super) authentication: Authentication,
    /// The variables of a function that connects to it; they include secrets.
    pub(super) variables: Vec<(&'static str, String)>,
}

impl Target {
    pub(super) fn new(text: &str, environment: &Environment) -> Result<Self, ClientError> {
        let (scheme, rest) = text.split_once("://").ok_or(ClientError::Url)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let url = format!("{scheme}://{host}{}", path.trim_end_matches('/'));
        let uri: Uri = url.parse().map_err(|_| ClientError::Url)?;
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let mut variables = vec![("OPENSEARCH_ENDPOINT", url.clone())];
        let authentication = match (user, service_and_region(&host)) {
            (Some(user), _) => {
                let (user, password) = user.split_once(':').unwrap_or((user, ""));
                let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
                variables.push(("OPENSEARCH_AUTH", "basic".to_owned()));
                variables.push(("OPENSEARCH_USERNAME", decoded(user)));
                variables.push(("OPENSEARCH_PASSWORD", decoded(password)));
                Authentication::Basic
            }
            (None, Some((service, region))) => {
                if scheme != "https" {
                    return Err(ClientError::SignedInClear);
                }
                let credentials =
                    environment.aws_credentials.as_ref().ok_or(ClientError::NoCredentials)?;
                let token = credentials.session_token().unwrap_or_default();
                variables.extend([
                    ("OPENSEARCH_AUTH", "sigv4".to_owned()),
                    ("OPENSEARCH_SERVICE", service.to_owned()),
                    ("AWS_REGION", region.to_owned()),
                    ("AWS_ACCESS_KEY_ID", credentials.access_key_id().to_owned()),
                    ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key().to_owned()),
                    ("AWS_SESSION_TOKEN", token.to_owned()),
                ]);
                Authentication::Signed
            }
            (None, None) => {
                variables.push(("OPENSEARCH_AUTH", "none".to_owned()));
                Authentication::None
            }
        };
        Ok(Self { url, authentication, variables })
    }
}

/// The service name and the region from the host of a domain or collection:
/// `{domain}.{region}.es.amazonaws.com`.
fn service_and_region(host: &str) -> Option<(&'static str, &str)> {
    let (before, service) =
        SERVICES.iter().find_map(|(end, service)| Some((host.strip_suffix(end)?, *service)))?;
    let (name, region) = before.rsplit_once('.')?;
    (!name.is_empty() && !region.is_empty()).then_some((service, region))
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;

    use super::super::Client;
    use super::*;

    const DOMAIN: &str = "https://search-music-abc123.eu-west-1.es.amazonaws.com";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TOKEN: &str = "IQoJb3JpZ2luEXAMPLE/+==";

    fn client(url: &str) -> Result<Client, ClientError> {
        let token = Some(TOKEN.to_owned());
        let credentials = Credentials::new("AKIDEXAMPLE", SECRET, token, None, "test");
        let aws_credentials = Some(credentials);
        Client::with_environment(url, &Environment { aws_credentials, ..Environment::default() })
    }

    #[test]
    fn a_function_signs_in_as_the_client_does() {
        let basic = "http://ada%40example:a%3Ab@host/prefix/";
        let elsewhere = "https://a.eu-west-1.es.amazonaws.com.example";
        let collection = "https://A.US-EAST-1.AOSS.AMAZONAWS.COM:443/";
        let keys = format!(
            "AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY={SECRET} AWS_SESSION_TOKEN={TOKEN}"
        );
        for (url, expected) in [
            ("http://127.0.0.1:9200", "OPENSEARCH_ENDPOINT=http://127.0.0.1:9200 OPENSEARCH_AUTH=none".to_owned()),
            (elsewhere, format!("OPENSEARCH_ENDPOINT={elsewhere} OPENSEARCH_AUTH=none")),
            (basic, "OPENSEARCH_ENDPOINT=http://host/prefix OPENSEARCH_AUTH=basic OPENSEARCH_USERNAME=ada@example OPENSEARCH_PASSWORD=a:b".to_owned()),
            (DOMAIN, format!("OPENSEARCH_ENDPOINT={DOMAIN} OPENSEARCH_AUTH=sigv4 OPENSEARCH_SERVICE=es AWS_REGION=eu-west-1 {keys}")),
            (collection, format!("OPENSEARCH_ENDPOINT=https://A.US-EAST-1.AOSS.AMAZONAWS.COM:443 OPENSEARCH_AUTH=sigv4 OPENSEARCH_SERVICE=aoss AWS_REGION=us-east-1 {keys}")),
        ] {
            let client = client(url).unwrap();
            let debug = format!("{client:?}");
            assert!([SECRET, TOKEN, "a:b"].iter().all(|secret| !debug.contains(secret)), "{debug}");
            let variables = client.variables().into_iter();
            let variables: Vec<_> = variables.map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!(variables.join(" "), expected);
        }
    }

    #[test]
    fn an_invalid_address_is_refused() {
        for url in ["", "127.0.0.1:9200", "ftp://host", "http://", "http://h/?q", "http://a@/"] {
            assert!(matches!(client(url), Err(ClientError::Url)), "{url}");
        }
        let in_clear = client(&DOMAIN.replace("https", "http"));
        assert!(matches!(in_clear, Err(ClientError::SignedInClear)), "{in_clear:?}");
        let unsigned = Client::with_environment(DOMAIN, &Environment::default());
        assert!(matches!(unsigned, Err(ClientError::NoCredentials)), "{unsigned:?}");
    }
}
