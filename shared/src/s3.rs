//! Reads whole S3 objects, without the SDK: object-loader, which has it, is 7.9 MB in size and
//! sqs-consumer 5.9 MB, and few of its queues have messages that need S3.
//!
//! Source: Amazon S3 API reference, `GetObject` and "Error responses".

use std::time::SystemTime;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::aws::{Aws, Connections, Service, Signer};

/// S3, in `AWS_ENDPOINT_URL_S3`.
pub const S3: Service = "S3";

/// Characters that are not encoded in the path of a signature.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Why an object was not read. No text quotes the object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GetError {
    /// There is no such object.
    #[error("there is no such object")]
    NotFound,
    /// It is larger than the limit.
    #[error("the object is too large")]
    TooLarge,
    /// S3 answered with this status.
    #[error("S3 answered {0}")]
    Status(u16),
    /// S3 did not answer.
    #[error("{0}")]
    NoAnswer(String),
}

/// Reads an object of at most `limit` bytes. It has no time limit.
///
/// # Errors
/// [`GetError`]
pub async fn get(
    connections: &Connections,
    aws: &Aws,
    (bucket, key): (&str, &str),
    limit: usize,
) -> Result<Bytes, GetError> {
    let no_answer = |error: &dyn std::fmt::Display| GetError::NoAnswer(error.to_string());
    let region = aws.region.as_deref().unwrap_or("us-east-1");
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let endpoint = aws.endpoint(S3).map_or_else(
        || format!("https://s3.{region}.amazonaws.com{suffix}"),
        |endpoint| endpoint.trim_end_matches('/').to_owned(),
    );
    // The bucket is in the path, because there is no certificate for host names with a dotted
    // bucket name.
    let path = format!("{bucket}/{key}");
    let url = format!("{endpoint}/{}", utf8_percent_encode(&path, PATH));
    let request = Request::get(url).body(Bytes::new());
    let mut request = request.map_err(|error| no_answer(&error))?;
    if let Some(credentials) = aws.credentials.clone() {
        let signer = Signer { service: "s3", region: region.to_owned(), credentials };
        signer.sign(&mut request, SystemTime::now()).map_err(|error| no_answer(&error))?;
    }
    let response = connections.send(request).await.map_err(|error| no_answer(&error))?;
    match response.status().as_u16() {
        200 => {}
        404 => return Err(GetError::NotFound),
        status => return Err(GetError::Status(status)),
    }
    let body = Limited::new(response.into_body(), limit).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() { GetError::TooLarge } else { no_answer(&error) }
    })?;
    Ok(body.to_bytes())
}
