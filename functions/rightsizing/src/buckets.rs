//! The buckets of the function's region, with their sizes of yesterday.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use aws_sdk_s3::types::{ExpirationStatus, Tag, TransitionStorageClass};
use shared::aws::CallFailure;
use shared::cost::CallTime;

use crate::bucket::{Sizes, Storage};
use crate::clients::{Clients, Listed, failure, invalid, is_code, sent};

/// Maximum number of buckets that are read.
const MAX_BUCKETS: usize = 10_000;
/// Queries for one bucket: its storage types, and its objects.
const QUERIES: usize = Storage::ALL.len() + 1;
/// Buckets in a call of `GetMetricData`, which has at most 500 queries (source: Amazon CloudWatch API
/// reference).
const BUCKETS_IN_CALL: usize = 500 / QUERIES;
/// More than 500 queries of three values have.
const MAX_PAGES: usize = 20;
const DAY_SECONDS: i32 = 86_400;
/// S3 emits sizes once a day, a day or two late.
const LOOK_BACK_SECONDS: i64 = 3 * 86_400;

/// The buckets of a region.
pub(crate) async fn list(clients: &Clients, region: &str, time: CallTime) -> Listed<String> {
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let call = clients.s3().list_buckets().bucket_region(region).max_buckets(1_000);
        let page = match sent(time, call.set_continuation_token(token).send()).await {
            Ok(page) => page,
            Err(failure) => return (found, Some(failure)),
        };
        let buckets = page.buckets.unwrap_or_default().into_iter();
        let here =
            buckets.filter(|bucket| bucket.bucket_region().is_none_or(|there| there == region));
        found.extend(here.filter_map(|bucket| bucket.name));
        token = page.continuation_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return (found, None);
        }
        if found.len() >= MAX_BUCKETS {
            found.truncate(MAX_BUCKETS);
            return (found, Some(failure("TooMany", "more than 10,000 buckets")));
        }
    }
}

/// The sizes of buckets, in their order. One that fails spoils no other.
pub(crate) async fn sizes(
    clients: &Clients,
    buckets: &[String],
    now_seconds: i64,
    time: CallTime,
) -> Vec<Result<Sizes, CallFailure>> {
    let mut all = Vec::new();
    for buckets in buckets.chunks(BUCKETS_IN_CALL) {
        let latest = latest(clients, buckets, now_seconds, time).await;
        let of_bucket = |at: usize| {
            let latest = latest.as_ref().map_err(Clone::clone)?;
            let value = |query: usize| match latest.get(&(at * QUERIES + query)) {
                Some(Ok(value)) => Ok(value.unwrap_or_default()),
                Some(Err(failure)) => Err(failure.clone()),
                None => Err(invalid("a metric is missing in the answer")),
            };
            let mut sizes = Sizes { objects: value(QUERIES - 1)?, ..Sizes::default() };
            for (query, storage) in Storage::ALL.into_iter().enumerate() {
                sizes.bytes.insert(storage, value(query)?);
            }
            Ok(sizes)
        };
        all.extend((0..buckets.len()).map(of_bucket));
    }
    all
}

/// The latest value of each query; none where S3 emitted none.
type Latest = BTreeMap<usize, Result<Option<f64>, CallFailure>>;

async fn latest(
    clients: &Clients,
    buckets: &[String],
    now_seconds: i64,
    time: CallTime,
) -> Result<Latest, CallFailure> {
    let queries: Vec<_> = buckets.iter().flat_map(|bucket| queries(bucket)).collect();
    let queries = queries.into_iter().enumerate().map(|(at, stat)| {
        MetricDataQuery::builder().id(format!("m{at}")).metric_stat(stat).build()
    });
    let call = clients
        .cloudwatch()
        .get_metric_data()
        .set_metric_data_queries(Some(queries.collect()))
        .start_time(DateTime::from_secs(now_seconds - LOOK_BACK_SECONDS))
        .end_time(DateTime::from_secs(now_seconds))
        .scan_by(ScanBy::TimestampDescending);
    let (mut latest, mut token) = (Latest::new(), None);
    for _ in 0..MAX_PAGES {
        let page = sent(time, call.clone().set_next_token(token).send()).await?;
        for result in page.metric_data_results.unwrap_or_default() {
            add(&mut latest, result);
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(latest);
        }
    }
    Err(invalid("the pages do not end"))
}

/// Adds a result, whose first value is the latest; those of a later page are older.
fn add(latest: &mut Latest, result: MetricDataResult) {
    let at = result.id.as_deref().and_then(|id| id.strip_prefix('m')?.parse().ok());
    let Some(at) = at else { return };
    let value = match result.status_code {
        None | Some(StatusCode::Complete | StatusCode::PartialData) => {
            Ok(result.values.unwrap_or_default().first().copied())
        }
        Some(other) => Err(failure(other.as_str(), "the values are not complete")),
    };
    let entry = latest.entry(at).or_insert(Ok(None));
    if matches!(entry, Ok(None)) {
        *entry = value;
    }
}

fn queries(bucket: &str) -> Vec<MetricStat> {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let stat = |metric: &str, storage: &str| {
        let metric = Metric::builder()
            .namespace("AWS/S3")
            .metric_name(metric)
            .dimensions(dimension("BucketName", bucket))
            .dimensions(dimension("StorageType", storage))
            .build();
        MetricStat::builder().metric(metric).period(DAY_SECONDS).stat("Average").build()
    };
    let sizes = Storage::ALL.map(|storage| stat("BucketSizeBytes", storage.dimension()));
    sizes.into_iter().chain([stat("NumberOfObjects", "AllStorageTypes")]).collect()
}

/// Whether an enabled rule moves objects of a bucket to Intelligent-Tiering.
pub(crate) async fn has_tiering(
    clients: &Clients,
    bucket: &str,
    time: CallTime,
) -> Result<bool, CallFailure> {
    let call = clients.s3().get_bucket_lifecycle_configuration().bucket(bucket);
    match sent(time, call.send()).await {
        Ok(answer) => Ok(answer.rules().iter().any(|rule| {
            let is_tiering = |class: Option<&TransitionStorageClass>| {
                class == Some(&TransitionStorageClass::IntelligentTiering)
            };
            *rule.status() == ExpirationStatus::Enabled
                && rule.transitions().iter().any(|to| is_tiering(to.storage_class()))
        })),
        Err(failure) if is_code(&failure, "NoSuchLifecycleConfiguration") => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// The tags of a bucket.
pub(crate) async fn tags(
    clients: &Clients,
    bucket: &str,
    time: CallTime,
) -> Result<BTreeMap<String, String>, CallFailure> {
    let call = clients.s3().get_bucket_tagging().bucket(bucket);
    match sent(time, call.send()).await {
        Ok(answer) => {
            Ok(answer.tag_set.into_iter().map(|Tag { key, value, .. }| (key, value)).collect())
        }
        Err(failure) if is_code(&failure, "NoSuchTagSet") => Ok(BTreeMap::new()),
        Err(failure) => Err(failure),
    }
}
