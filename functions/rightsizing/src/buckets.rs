//! The buckets of the function's region, with their sizes of yesterday.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};
use aws_sdk_s3::types::{ExpirationStatus, Tag, TransitionStorageClass};
use shared::aws::CallFailure;
use shared::cost::CallTime;

use crate::bucket::{Sizes, Storage};
use crate::clients::{Clients, Listed, Pages, failure, invalid, is_code, sent};

/// Maximum number of buckets that are read.
const MAX_BUCKETS: usize = 10_000;
/// Queries for one bucket: its storage types, and its objects.
const QUERIES: usize = Storage::ALL.len() + 1;
/// Buckets in a call of `GetMetricData`, which has at most 500 queries (source: Amazon CloudWatch API
/// reference).
const BUCKETS_IN_CALL: usize = 500 / QUERIES;
const DAY_SECONDS: i32 = 86_400;
/// S3 emits sizes once a day, a day or two late.
const LOOK_BACK_SECONDS: i64 = 3 * 86_400;

/// The buckets of a region.
pub(crate) async fn list(clients: &Clients, region: &str, time: CallTime) -> Listed<String> {
    let mut found = BTreeSet::new();
    let failure = add_buckets(&mut found, clients, region, time).await.err();
    (found.into_iter().take(MAX_BUCKETS).collect(), failure)
}

async fn add_buckets(
    found: &mut BTreeSet<String>,
    clients: &Clients,
    region: &str,
    time: CallTime,
) -> Result<(), CallFailure> {
    let (mut pages, mut token) = (Pages::default(), None);
    loop {
        let call = clients.s3().list_buckets().bucket_region(region).max_buckets(1_000);
        let page = sent(time, call.set_continuation_token(token).send()).await?;
        let buckets = page.buckets.unwrap_or_default().into_iter();
        let here =
            buckets.filter(|bucket| bucket.bucket_region().is_none_or(|there| there == region));
        found.extend(here.filter_map(|bucket| bucket.name));
        if found.len() > MAX_BUCKETS {
            return Err(failure("TooMany", "more than 10,000 buckets"));
        }
        token = pages.next(page.continuation_token)?;
        if token.is_none() {
            return Ok(());
        }
    }
}

/// The sizes of buckets, in order. A failure does not affect the others.
pub(crate) async fn sizes(
    clients: &Clients,
    buckets: &[String],
    now_seconds: i64,
    time: CallTime,
) -> Vec<Result<Sizes, CallFailure>> {
    let (mut all, mut latest) = (Vec::new(), Ok(Latest::new()));
    for buckets in buckets.chunks(BUCKETS_IN_CALL) {
        // If CloudWatch did not answer once, it is not called again.
        if !latest.as_ref().is_err_and(|failure| is_code(failure, "Timeout")) {
            latest = read_latest(clients, buckets, now_seconds, time).await;
        }
        let of_bucket = |at: usize| {
            let latest = latest.as_ref().map_err(Clone::clone)?;
            let value = |query: usize| match latest.get(&(at * QUERIES + query)) {
                Some(read) => read.value(),
                None => Err(invalid("a metric is missing in the answer")),
            };
            let mut sizes = Sizes { objects: value(QUERIES - 1)?, ..Sizes::default() };
            for (query, storage) in Storage::ALL.into_iter().enumerate() {
                sizes.bytes.insert(storage, value(query)?);
            }
            if sizes.objects <= 0.0 && sizes.bytes.values().any(|bytes| *bytes > 0.0) {
                return Err(invalid("a bucket has bytes, but its number of objects is missing"));
            }
            Ok(sizes)
        };
        all.extend((0..buckets.len()).map(of_bucket));
    }
    all
}

/// The values read for each query.
type Latest = BTreeMap<usize, Read>;

/// The values read for a query.
#[derive(Clone, Debug, Default)]
struct Read {
    /// The latest value, with its time in seconds; `None` if S3 emitted none.
    latest: Option<(i64, f64)>,
    /// Why it is incomplete; a later page may complete it.
    failure: Option<CallFailure>,
}

impl Read {
    fn value(&self) -> Result<f64, CallFailure> {
        let value = self.latest.map(|(_, value)| value);
        self.failure.clone().map_or(Ok(value.unwrap_or_default()), Err)
    }

    /// Adds a result of a page.
    fn add(&mut self, result: MetricDataResult) {
        let (times, values) = (result.timestamps(), result.values());
        if times.len() != values.len() || values.iter().any(|value| !(0.0..).contains(value)) {
            self.failure = Some(invalid("a value lacks its time, or is not a size"));
            return;
        }
        let pairs = times.iter().map(DateTime::secs).zip(values.iter().copied());
        self.latest = pairs.chain(self.latest).max_by_key(|(time, _)| *time);
        self.failure = match result.status_code {
            None | Some(StatusCode::Complete) => None,
            // The range is three days, so missing values are older than the latest one.
            Some(StatusCode::PartialData) if self.latest.is_some() => None,
            Some(other) => Some(failure(other.as_str(), "the values are not complete")),
        };
    }
}

async fn read_latest(
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
    let (mut latest, mut pages, mut token) = (Latest::new(), Pages::default(), None);
    loop {
        let page = sent(time, call.clone().set_next_token(token).send()).await?;
        for result in page.metric_data_results.unwrap_or_default() {
            let at = result.id.as_deref().and_then(|id| id.strip_prefix('m')?.parse().ok());
            if let Some(at) = at {
                latest.entry(at).or_default().add(result);
            }
        }
        token = pages.next(page.next_token)?;
        if token.is_none() {
            return Ok(latest);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A page: a status, and times and values.
    type Page<'a> = (&'a str, &'a [(i64, f64)]);

    #[test]
    fn the_latest_value_counts_wherever_it_is() {
        for (pages, expected) in [
            (&[("Complete", &[(1, 7.0), (3, 9.0), (2, 8.0)][..])][..], Ok(9.0)),
            (&[("PartialData", &[(3, 9.0)]), ("Complete", &[(2, 8.0)])], Ok(9.0)),
            (&[("PartialData", &[]), ("Complete", &[(2, 8.0)])], Ok(8.0)),
            (&[("Complete", &[])], Ok(0.0)),
            (&[("PartialData", &[(3, 9.0)])], Ok(9.0)),
            (&[("PartialData", &[])], Err("PartialData")),
            (&[("Complete", &[(3, 9.0)]), ("InternalError", &[])], Err("InternalError")),
            (&[("Complete", &[(3, -1.0)])], Err("InvalidAnswer")),
        ] as [(&[Page<'_>], _); 8]
        {
            let mut read = Read::default();
            for (status, values) in pages {
                let times = values.iter().map(|(time, _)| DateTime::from_secs(*time));
                let result = MetricDataResult::builder()
                    .status_code(StatusCode::from(*status))
                    .set_timestamps(Some(times.collect()))
                    .set_values(Some(values.iter().map(|(_, value)| *value).collect()));
                read.add(result.build());
            }
            let value = read.value().map_err(|failure| failure.code.unwrap());
            assert_eq!(value, expected.map_err(str::to_owned), "{pages:?}");
        }
        let untimed = MetricDataResult::builder().values(1.0).build();
        let mut read = Read::default();
        read.add(untimed);
        assert!(read.value().is_err());
    }
}
