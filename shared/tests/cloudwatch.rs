//! Metrics of earlier runs, from a scripted endpoint.

#![cfg(test)]

use serde_json::{Value, json};
use shared::aws::{Aws, CallFailure};
use shared::cloudwatch::{CLOUDWATCH, CloudWatch, Query, Values};
use shared::config::Environment;
use testkit::{Endpoint, Reply};

const QUERY: Query<'_> = Query { namespace: "Sluice", metric: "CheckFailures", dimension: "Check" };

/// Reads these subjects from an endpoint with these replies; also returns the number of calls.
async fn maxima(
    subjects: &[&str],
    replies: Vec<Reply>,
) -> (Result<Vec<Values>, CallFailure>, usize) {
    let replies = replies.into_iter().map(Some);
    let act = |_: &_, reply: Option<Reply>| reply.unwrap_or_else(|| page(&[], Some("again")));
    let endpoint = Endpoint::replying(replies, act).await;
    let environment: Environment = [
        ("AWS_ENDPOINT_URL_CLOUDWATCH", &*endpoint.url),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ]
    .into_iter()
    .collect();
    let cloudwatch = CloudWatch::new(Aws::from_environment(&environment, &[CLOUDWATCH]));
    let values = cloudwatch.maxima(QUERY, subjects, 60_000..120_000).await;
    (values, endpoint.take_calls().len())
}

fn result(id: &str, status: &str, times: &[u64], values: &[f64]) -> Value {
    json!({"Id": id, "StatusCode": status, "Timestamps": times, "Values": values})
}

fn page(results: &[Value], next: Option<&str>) -> Reply {
    let mut page = json!({ "MetricDataResults": results });
    if let Some(next) = next {
        page["NextToken"] = json!(next);
    }
    Reply::cbor(200, &page)
}

#[tokio::test]
async fn values_are_those_of_all_pages_in_order_of_time() {
    let first = [
        result("m1", "PartialData", &[180, 120], &[1.0, 0.0]),
        result("m0", "Complete", &[], &[]),
        result("other", "Complete", &[60], &[9.0]),
    ];
    let second = [result("m1", "Complete", &[60], &[2.0])];
    let replies = vec![page(&first, Some("more")), page(&second, None)];
    let (values, calls) = maxima(&["plays", "skips"], replies).await;
    let skips = vec![(60_000, 2.0), (120_000, 0.0), (180_000, 1.0)];
    assert_eq!((values, calls), (Ok(vec![vec![], skips]), 2));
}

#[tokio::test]
async fn a_call_has_500_metrics_at_most() {
    let results = |count: usize| -> Vec<_> {
        (0..count).map(|index| result(&format!("m{index}"), "Complete", &[60], &[1.0])).collect()
    };
    let replies = vec![page(&results(500), None), page(&results(1), None)];
    let (values, calls) = maxima(&["plays"; 501], replies).await;
    assert_eq!((values.unwrap(), calls), (vec![vec![(60_000, 1.0)]; 501], 2));
    let (values, calls) = maxima(&[], Vec::new()).await;
    assert_eq!((values, calls), (Ok(Vec::new()), 0));
}

#[tokio::test]
async fn a_part_of_the_values_is_a_failure() {
    let denied = Reply::cbor(400, &json!({"__type": "AccessDenied", "message": "no"}));
    let forbidden = result("m0", "Forbidden", &[], &[]);
    let partial = || result("m0", "PartialData", &[60], &[1.0]);
    let failed_later = result("m0", "InternalError", &[], &[]);
    let without_a_value = result("m0", "Complete", &[60, 120], &[1.0]);
    for (replies, code, message) in [
        (vec![denied], "AccessDenied", "no"),
        (vec![page(&[forbidden], None)], "Incomplete", "Forbidden"),
        (vec![page(&[partial()], None)], "Incomplete", "PartialData"),
        (vec![page(&[partial()], Some("more")), page(&[], None)], "Incomplete", "PartialData"),
        (
            vec![page(&[partial()], Some("more")), page(&[failed_later], None)],
            "Incomplete",
            "InternalError",
        ),
        (
            vec![page(&[without_a_value], None)],
            "Incomplete",
            "the numbers of times and values differ",
        ),
        (vec![page(&[], None)], "Incomplete", "a result is missing"),
        (Vec::new(), "Incomplete", "the pages do not end"),
    ] {
        let (values, _) = maxima(&["plays"], replies).await;
        let failure = CallFailure { code: Some(code.to_owned()), message: message.to_owned() };
        assert_eq!(values, Err(failure));
    }
}
