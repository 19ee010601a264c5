//! Signatures of AWS, for domains and collections that ask for them.

use super::{ClientError, target::Target};
use crate::opensearch::Environment;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::{Request, header::AUTHORIZATION};
use std::time::SystemTime;

/// The service whose requests must have the body's hash in a header, too.
const SERVERLESS: &str = "aoss";

/// What the hosts of a service end in, and the service's name in a signature.
const SERVICES: [(&str, &str); 2] =
    [(".es.amazonaws.com", "es"), (".aoss.amazonaws.com", SERVERLESS)];

/// Signs requests to one domain or collection.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    service: &'static str,
    region: String,
    credentials: Credentials,
}

impl Signer {
    /// The signer for a target that asks for signatures, `None` for any other.
    pub(super) fn of(
        target: &Target,
        environment: &Environment,
    ) -> Result<Option<Self>, ClientError> {
        if target.authorization().is_some() {
            return Ok(None);
        }
        let Some((service, region)) = service_and_region(target.host()) else { return Ok(None) };
        if !target.is_https() {
            return Err(ClientError::SignedInClear);
        }
        let credentials = environment.aws_credentials.clone().ok_or(ClientError::NoCredentials)?;
        Ok(Some(Self { service, region: region.to_owned(), credentials }))
    }

    /// The environment variables with which a function signs as this one does.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let credentials = &self.credentials;
        let mut variables = vec![
            ("OPENSEARCH_AUTH", "sigv4".to_owned()),
            ("OPENSEARCH_SERVICE", self.service.to_owned()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key().to_owned()),
        ];
        let token = credentials.session_token().unwrap_or_default();
        variables.push(("AWS_SESSION_TOKEN", token.to_owned()));
        variables
    }

    /// Adds a signature of the time `now` to a request that has all its headers.
    pub(super) fn sign(
        &self,
        request: &mut Request<Bytes>,
        now: SystemTime,
    ) -> Result<(), ClientError> {
        let mut settings = SigningSettings::default();
        if self.service == SERVERLESS {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(now)
            .settings(settings)
            .build()
            .map_err(|error| ClientError::Sign(error.into()))?
            .into();
        let headers = request.headers().iter();
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.uri().to_string(),
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))),
            SignableBody::Bytes(request.body()),
        );
        let signed = signable.and_then(|signable| sign(signable, &parameters));
        let signed = signed.map_err(|error| ClientError::Sign(error.into()))?;
        let (instructions, _signature) = signed.into_parts();
        instructions.apply_to_request_http1x(request);
        // Whoever has the signature can send the same request for some minutes.
        if let Some(authorization) = request.headers_mut().get_mut(AUTHORIZATION) {
            authorization.set_sensitive(true);
        }
        Ok(())
    }
}

/// The service's and the region's names in the host of a domain or collection:
/// `{domain}.{region}.es.amazonaws.com`.
fn service_and_region(host: &str) -> Option<(&'static str, &str)> {
    let (before, service) =
        SERVICES.iter().find_map(|(end, service)| Some((host.strip_suffix(end)?, *service)))?;
    let (name, region) = before.rsplit_once('.')?;
    (!name.is_empty() && !region.is_empty()).then_some((service, region))
}

#[cfg(test)]
mod tests {
    use super::super::connection::Connections;
    use super::super::{Authentication, Client, JSON, NDJSON};
    use super::*;
    use http::{Method, Uri};
    use std::time::Duration;

    const DOMAIN: &str = "https://search-music-abc123.eu-west-1.es.amazonaws.com";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TOKEN: &str = "IQoJb3JpZ2luEXAMPLE/+==";

    fn environment(token: Option<&str>) -> Environment {
        let token = token.map(str::to_owned);
        let credentials = Credentials::new("AKIDEXAMPLE", SECRET, token, None, "test");
        Environment { aws_credentials: Some(credentials), ..Environment::default() }
    }

    /// Unlike `Client::new`, needs no root certificates on the machine.
    fn client(url: &str, environment: &Environment) -> Result<Client, ClientError> {
        let target = Target::parse(url)?;
        let signer = Signer::of(&target, environment)?;
        Ok(Client { target, signer, connections: Connections::new(false)? })
    }

    /// 2024-03-01T12:34:56Z.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_296_496)
    }

    fn authorization(request: &Request<Bytes>) -> &str {
        request.headers()[AUTHORIZATION].to_str().unwrap()
    }

    // The expected signatures are those of botocore's `SigV4Auth` for the same requests.

    #[test]
    fn a_function_is_told_how_to_sign() {
        let told: std::collections::BTreeMap<_, _> =
            client(DOMAIN, &environment(Some(TOKEN))).unwrap().variables().into_iter().collect();
        let expected = [
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_SESSION_TOKEN", TOKEN),
            ("OPENSEARCH_AUTH", "sigv4"),
            ("OPENSEARCH_ENDPOINT", DOMAIN),
            ("OPENSEARCH_SERVICE", "es"),
        ];
        let told: Vec<_> =
            told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_request_to_a_domain_is_signed_with_its_session_token() {
        let client = client(DOMAIN, &environment(Some(TOKEN))).unwrap();
        assert_eq!(client.authentication(), Authentication::Signed);
        let body = Some((JSON, Bytes::from_static(br#"{"priority":1}"#)));
        let path = "/_index_template/music-events";
        let request = client.request(Method::PUT, path, body, None, now()).unwrap();
        assert_eq!(
            authorization(&request),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240301/eu-west-1/es/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
             Signature=f0c403d095904b9eb2ec1d0605b9e99f920191cef09205af237784e9b50a6b64"
        );
        assert_eq!(request.headers()["x-amz-date"], "20240301T123456Z");
        assert_eq!(request.headers()["x-amz-security-token"], TOKEN);
        assert!(!request.headers().contains_key("x-amz-content-sha256"));
        assert_eq!(*request.uri(), format!("{DOMAIN}{path}").parse::<Uri>().unwrap());
        assert_eq!(request.body().as_ref(), br#"{"priority":1}"#);
    }

    #[test]
    fn paths_and_queries_are_signed_as_aws_reads_them() {
        let client = client(DOMAIN, &environment(None)).unwrap();
        for (path, signature) in [
            (
                "/_cluster/health?wait_for_status=yellow&timeout=5s",
                "724fa82af7820cd28bbe9a423d64a49a31b59d59827b25e83030cca01481ff7c",
            ),
            (
                "/music-events*/_count",
                "55f37527cb56363253bddf4fc68449b63339a597b3d04b43a958e036ab67dbca",
            ),
        ] {
            let request = client.request(Method::GET, path, None, None, now()).unwrap();
            let expected = format!("SignedHeaders=host;x-amz-date, Signature={signature}");
            assert!(authorization(&request).ends_with(&expected), "{path}");
        }
    }

    #[test]
    fn a_request_to_a_collection_tells_its_bodys_hash() {
        let url = "https://abc123.us-east-1.aoss.amazonaws.com";
        let client = client(url, &environment(None)).unwrap();
        let body = Some((NDJSON, Bytes::from_static(b"{}\n")));
        let request = client.request(Method::POST, "/_bulk", body, Some("gzip"), now()).unwrap();
        assert_eq!(
            authorization(&request),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240301/us-east-1/aoss/aws4_request, \
             SignedHeaders=content-encoding;content-type;host;x-amz-content-sha256;x-amz-date, \
             Signature=9eb6d232a3ecd9b7a1dc672d60c42f32f5e0b42f80096db92186b59ae9f1aa1c"
        );
        assert_eq!(
            request.headers()["x-amz-content-sha256"],
            "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"
        );
    }

    #[test]
    fn only_hosts_of_aws_without_credentials_are_signed_for() {
        let own = client("https://ada:secret@a.eu-west-1.es.amazonaws.com", &environment(None));
        assert_eq!(own.unwrap().authentication(), Authentication::Basic);
        for url in [
            "http://127.0.0.1:9200",
            "https://search.example",
            "https://es.amazonaws.com",
            "https://eu-west-1.es.amazonaws.com",
            "https://a.eu-west-1.es.amazonaws.com.example",
            "https://a.eu-west-1.notes.amazonaws.com",
        ] {
            let client = client(url, &environment(None)).unwrap();
            assert_eq!(client.authentication(), Authentication::None, "{url}");
            let request = client.request(Method::GET, "/", None, None, now()).unwrap();
            assert!(request.headers().is_empty(), "{url}");
        }
        let capital = client("https://A.EU-WEST-1.ES.AMAZONAWS.COM:443/", &environment(None));
        let signer = capital.unwrap().signer.unwrap();
        assert_eq!((signer.service, signer.region.as_str()), ("es", "eu-west-1"));
    }

    #[test]
    fn missing_credentials_are_named_with_a_remedy() {
        let error = client(DOMAIN, &Environment::default()).unwrap_err();
        assert!(matches!(error, ClientError::NoCredentials));
        let message = error.to_string();
        for part in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "`eval \"$(aws configure export-credentials --format env)\"`",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_session_token_never_goes_in_the_clear() {
        let url = DOMAIN.replace("https", "http");
        let error = client(&url, &environment(Some(TOKEN))).unwrap_err();
        assert!(matches!(error, ClientError::SignedInClear), "{error}");
    }

    #[test]
    fn secrets_are_in_no_debug_output() {
        let environment = environment(Some(TOKEN));
        let client = client(DOMAIN, &environment).unwrap();
        let request = client.request(Method::GET, "/", None, None, now()).unwrap();
        let signature = authorization(&request).rsplit_once('=').unwrap().1;
        let debug = format!("{environment:?} {client:?} {request:?}");
        for secret in [SECRET, TOKEN, signature] {
            assert!(!debug.contains(secret), "{debug}");
        }
    }
}
