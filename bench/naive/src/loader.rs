//! `object-loader` as a competent user writes it, with common crates and without tricks:
//! `aws-sdk-s3`, `flate2`, `serde_json::Value` and `opensearch`, line by line, with one `_bulk`
//! request per 1,000 documents.
//!
//! A message is redelivered, and its object loaded from the start, if the object cannot be read or
//! OpenSearch did not accept every document. It omits what a user would not write on the first day:
//! continuing at a deadline, keeping refused records, backoff, zstd, lists, envelopes, failure
//! objects, metrics and logs.

use std::io::Write;

use aws_lambda_events::s3::{S3Entity, S3Event};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::Builder;
use chrono::{DateTime, Utc};
use flate2::write::MultiGzDecoder;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use naive::{Delivery, Document};
use opensearch::http::transport::Transport;
use opensearch::{BulkOperation, BulkParts, OpenSearch};
use percent_encoding::percent_decode_str;
use serde_json::Value;

const DOCUMENTS_PER_REQUEST: usize = 1_000;

#[tokio::main]
async fn main() -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "as one writes it")]
    let variable = |name| std::env::var(name);
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(Builder::new().build_http())
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(Credentials::new(
            variable("AWS_ACCESS_KEY_ID")?,
            variable("AWS_SECRET_ACCESS_KEY")?,
            None,
            None,
            "Lambda",
        ))
        .endpoint_url(variable("AWS_ENDPOINT_URL_S3")?)
        .force_path_style(true)
        .build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    let search = OpenSearch::new(Transport::single_node(&variable("OPENSEARCH_ENDPOINT")?)?);
    let (s3, search) = (&s3, &search);
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let mut response = SqsBatchResponse::default();
        for message in event.payload.records {
            if load_all(s3, search, &message).await.is_err() {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = message.message_id.unwrap_or_default();
                response.batch_item_failures.push(failure);
            }
        }
        Ok::<_, Error>(response)
    }))
    .await
}

/// Loads every object of a message.
async fn load_all(
    s3: &aws_sdk_s3::Client,
    search: &OpenSearch,
    message: &SqsMessage,
) -> Result<(), Error> {
    let event: S3Event = serde_json::from_str(message.body.as_deref().unwrap_or_default())?;
    for record in event.records {
        load(s3, search, &record.s3).await?;
    }
    Ok(())
}

async fn load(
    s3: &aws_sdk_s3::Client,
    search: &OpenSearch,
    entity: &S3Entity,
) -> Result<(), Error> {
    let bucket = entity.bucket.name.as_deref().ok_or("no bucket")?;
    let key = entity.object.key.as_deref().ok_or("no key")?.replace('+', " ");
    let key = percent_decode_str(&key).decode_utf8()?;
    let mut object = s3.get_object().bucket(bucket).key(&*key).send().await?;
    let modified = object.last_modified().ok_or("no Last-Modified")?.to_millis()?.to_string();
    let mut gzip = None;
    let mut unpacked = Vec::new();
    let mut offset = 0;
    let mut operations = Vec::with_capacity(DOCUMENTS_PER_REQUEST);
    let mut is_first = true;
    loop {
        let chunk = object.body.try_next().await?;
        if std::mem::take(&mut is_first)
            && chunk.as_ref().is_some_and(|it| it.starts_with(b"\x1f\x8b"))
        {
            gzip = Some(MultiGzDecoder::new(Vec::new()));
        }
        match (&chunk, &mut gzip) {
            (Some(chunk), None) => unpacked.extend_from_slice(chunk),
            (Some(chunk), Some(gzip)) => {
                gzip.write_all(chunk)?;
                unpacked.append(gzip.get_mut());
            }
            (None, Some(gzip)) => {
                gzip.try_finish()?;
                unpacked.append(gzip.get_mut());
            }
            (None, None) => {}
        }
        let mut done = 0;
        // The last line may not end with a newline.
        let is_last = chunk.is_none();
        for line in unpacked.split_inclusive(|byte| *byte == b'\n') {
            if !is_last && !line.ends_with(b"\n") {
                break;
            }
            let place = format!("{bucket}\0{key}\0{}\0", offset + done);
            operations.extend(operation(line, &place, &modified));
            done += line.len();
            if operations.len() == DOCUMENTS_PER_REQUEST {
                write(search, &mut operations).await?;
            }
        }
        unpacked.drain(..done);
        offset += done;
        if is_last {
            return write(search, &mut operations).await;
        }
    }
}

/// The document to create for a line's event; `None` if the line contains no event.
fn operation(line: &[u8], place: &str, modified: &str) -> Option<BulkOperation<Value>> {
    let delivery = Delivery { arrival: modified, identity: b"", place: place.as_bytes() };
    let now: DateTime<Utc> = Utc::now();
    let document = Document::of(line, &delivery, now).ok()?;
    let day = document.json["@timestamp"].as_str()?.get(..10)?.replace('-', ".");
    let (id, index) = (document.id(), format!("music-events-{day}"));
    Some(BulkOperation::create(id, document.json).index(index).into())
}

/// Creates the documents; existing ones are not changed.
async fn write(
    search: &OpenSearch,
    operations: &mut Vec<BulkOperation<Value>>,
) -> Result<(), Error> {
    if operations.is_empty() {
        return Ok(());
    }
    let operations = std::mem::take(operations);
    let response = search.bulk(BulkParts::None).body(operations).send().await?;
    let answer: Value = response.error_for_status_code()?.json().await?;
    let items = answer["items"].as_array().ok_or("an answer without items")?;
    let status = |item: &Value| item["create"]["status"].as_u64();
    let is_written = |item| matches!(status(item), Some(200..=299 | 409));
    if items.iter().all(is_written) { Ok(()) } else { Err("not all was taken".into()) }
}
