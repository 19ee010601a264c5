//! AWS signatures for requests that are sent without an SDK.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::{Request, header::AUTHORIZATION};

/// The service name of OpenSearch Serverless collections.
const SERVERLESS: &str = "aoss";

/// S3.
const S3: &str = "s3";

/// Signs requests to one service in one region.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The service's name in a signature, such as `es`.
    pub service: &'static str,
    /// Such as `eu-west-1`.
    pub region: String,
    /// The credentials to sign with.
    pub credentials: Credentials,
}

/// A request that cannot be signed, such as one with a header that is not text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SigningError(String);

impl Signer {
    /// Adds a signature with the time `now` to a request. All headers must be set before.
    ///
    /// # Errors
    /// [`SigningError`]; the request is then unchanged.
    pub fn sign(&self, request: &mut Request<Bytes>, now: SystemTime) -> Result<(), SigningError> {
        let mut settings = SigningSettings::default();
        if self.service == SERVERLESS {
            // Required by this service (source: Amazon OpenSearch Service Developer Guide, "Signing
            // HTTP requests with other clients").
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        if self.service == S3 {
            // Also required here, with a path that is signed as it is sent (source: Amazon S3 API
            // reference, "Authenticating requests: using the Authorization header").
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(now)
            .settings(settings)
            .build()
            .map_err(|error| SigningError(error.to_string()))?
            .into();
        let headers = request.headers().iter();
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.uri().to_string(),
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))),
            SignableBody::Bytes(request.body()),
        );
        let signed = signable.and_then(|signable| sign(signable, &parameters));
        let signed = signed.map_err(|error| SigningError(error.to_string()))?;
        let (instructions, _signature) = signed.into_parts();
        instructions.apply_to_request_http1x(request);
        // Anyone with the signature can send the same request for some minutes.
        if let Some(authorization) = request.headers_mut().get_mut(AUTHORIZATION) {
            authorization.set_sensitive(true);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TOKEN: &str = "IQoJb3JpZ2luEXAMPLE/+==";

    fn signer(service: &'static str, region: &str, token: Option<&str>) -> Signer {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let token = token.map(str::to_owned);
        let credentials = Credentials::new("AKIDEXAMPLE", secret, token, None, "test");
        Signer { service, region: region.to_owned(), credentials }
    }

    fn signed(
        signer: &Signer,
        request: http::request::Builder,
        body: &'static str,
    ) -> Request<Bytes> {
        // 2024-03-01T12:34:56Z.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_296_496);
        let mut request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        signer.sign(&mut request, now).unwrap();
        request
    }

    // The expected signatures are those of botocore's `SigV4Auth` for the same requests.

    #[test]
    fn a_request_to_a_domain_is_signed_with_its_session_token() {
        let uri =
            "https://search-music-abc123.eu-west-1.es.amazonaws.com/_index_template/music-events";
        let request = Request::put(uri).header("content-type", "application/json");
        let signer = signer("es", "eu-west-1", Some(TOKEN));
        let request = signed(&signer, request, r#"{"priority":1}"#);
        assert_eq!(
            request.headers()[AUTHORIZATION],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240301/eu-west-1/es/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
             Signature=f0c403d095904b9eb2ec1d0605b9e99f920191cef09205af237784e9b50a6b64"
        );
        assert_eq!(request.headers()["x-amz-security-token"], TOKEN);
        assert!(!request.headers().contains_key("x-amz-content-sha256"));
        let debug = format!("{signer:?} {request:?}");
        for secret in ["wJalrXUt", TOKEN, "f0c403d0"] {
            assert!(!debug.contains(secret), "{debug}");
        }
    }

    #[test]
    fn a_request_to_s3_is_signed_with_its_path_as_it_is_sent() {
        let uri = "https://s3.eu-west-1.amazonaws.com/b.c/a%20b%2B/%C3%A9.json";
        let request = signed(&signer("s3", "eu-west-1", Some(TOKEN)), Request::get(uri), "");
        assert_eq!(
            request.headers()[AUTHORIZATION],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240301/eu-west-1/s3/aws4_request, \
             SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, \
             Signature=cf6cad7ef2a1a71a6b62627d6f673988417eddbd5db08e45c7e13d313fa56219"
        );
    }

    #[test]
    fn a_request_to_a_collection_tells_its_bodys_hash() {
        let request = Request::post("https://abc123.us-east-1.aoss.amazonaws.com/_bulk")
            .header("content-type", "application/x-ndjson")
            .header("content-encoding", "gzip");
        let signer = signer("aoss", "us-east-1", None);
        let request = signed(&signer, request, "{}\n");
        assert_eq!(
            request.headers()["x-amz-content-sha256"],
            "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"
        );
        assert_eq!(
            request.headers()[AUTHORIZATION],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240301/us-east-1/aoss/aws4_request, \
             SignedHeaders=content-encoding;content-type;host;x-amz-content-sha256;x-amz-date, \
             Signature=9eb6d232a3ecd9b7a1dc672d60c42f32f5e0b42f80096db92186b59ae9f1aa1c"
        );
    }
}
