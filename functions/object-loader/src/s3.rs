//! S3, with the AWS SDK.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};

use aws_sdk_s3 as sdk;
use bytes::Bytes;
use sdk::config::interceptors::BeforeDeserializationInterceptorContextRef;
use sdk::config::retry::RetryConfig;
use sdk::config::{ConfigBag, Intercept, RuntimeComponents};
use sdk::error::{BoxError, ProvideErrorMetadata, SdkError};
use sdk::primitives::ByteStream;
use shared::aws::{Aws, CallFailure};
use shared::event::Timestamp;
use shared::s3::S3;

use crate::objects::{Chunks, ObjectError, Objects, Opened, Place, Range};

/// Calls S3. The client is built for the first call.
#[derive(Debug)]
pub struct S3Objects {
    aws: Aws,
    client: OnceLock<sdk::Client>,
}

impl S3Objects {
    /// Makes no calls.
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self { aws, client: OnceLock::new() }
    }

    /// The client, which retries as the SDK does.
    pub fn client(&self) -> &sdk::Client {
        self.client.get_or_init(|| {
            let config = self.aws.sdk_config(S3, RetryConfig::standard());
            // At other endpoints than S3 itself, buckets have no host names.
            let path_style = self.aws.endpoint(S3).is_some();
            let config = sdk::config::Builder::from(&config).force_path_style(path_style);
            sdk::Client::from_conf(config.build())
        })
    }
}

impl Objects for S3Objects {
    type Chunks = ByteStream;

    async fn get(
        &self,
        place: &Place,
        range: Range,
        if_match: Option<&str>,
    ) -> Result<Opened<ByteStream>, ObjectError> {
        let Range { start, end } = range;
        let last = end.map(|end| end.saturating_sub(1).to_string()).unwrap_or_default();
        let range = (range != Range::ALL).then(|| format!("bytes={start}-{last}"));
        let status = Status::default();
        let answer = self
            .client()
            .get_object()
            .bucket(&place.bucket)
            .key(&place.key)
            .set_version_id(place.version_id.clone())
            .set_range(range)
            .set_if_match(if_match.map(str::to_owned))
            .customize()
            .interceptor(status.clone())
            .send()
            .await
            .map_err(|error| object_error(&error))?;
        if start > 0 && status.0.load(Ordering::Relaxed) == 200 {
            // Its bytes would be mistaken for those of the range.
            let whole = "the answer is the whole object in the place of a part of it";
            return Err(ObjectError::Unavailable(whole.to_owned()));
        }
        let nanos = answer.last_modified.and_then(|time| time.as_nanos().try_into().ok());
        Ok(Opened {
            etag: answer.e_tag,
            version_id: answer.version_id,
            last_modified: nanos.and_then(Timestamp::from_nanos),
            chunks: answer.body,
        })
    }

    async fn put(&self, bucket: &str, key: &str, body: Bytes) -> Result<(), ObjectError> {
        let put = self.client().put_object().bucket(bucket).key(key).body(body.into());
        let put = put.content_type("application/x-ndjson").send().await;
        put.map(drop).map_err(|error| object_error(&error))
    }
}

/// Notes the status of an answer, which the SDK does not expose.
#[derive(Clone, Debug, Default)]
struct Status(Arc<AtomicU16>);

impl Intercept for Status {
    fn name(&self) -> &'static str {
        "Status"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(context.response().status().as_u16(), Ordering::Relaxed);
        Ok(())
    }
}

impl Chunks for ByteStream {
    async fn next(&mut self) -> Option<Result<Bytes, ObjectError>> {
        let chunk = ByteStream::next(self).await?;
        Some(chunk.map_err(|error| ObjectError::Unavailable(error.to_string())))
    }
}

/// The meaning of an error of S3 (source: "Error responses", Amazon S3 API reference).
fn object_error<E>(error: &SdkError<E>) -> ObjectError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = CallFailure::from(error);
    let code = failure.code.as_deref().unwrap_or_default();
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let of: fn(String) -> ObjectError = match (status, code) {
        (_, "InvalidObjectState") => ObjectError::Archived,
        (_, code) if code.starts_with("KMS.") => ObjectError::Denied,
        (401 | 403, _) => ObjectError::Denied,
        (404 | 405, _) => ObjectError::NotFound,
        (412, _) => ObjectError::Changed,
        (416, _) => ObjectError::BeyondEnd,
        _ => ObjectError::Unavailable,
    };
    of(failure.to_string())
}
