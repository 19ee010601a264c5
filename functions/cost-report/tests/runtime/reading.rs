//! The requests to Cost Explorer, and the effects of its answers.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::ToSpan;
use local::account::Costs;
use serde_json::{Value, json};
use testkit::{Reply, published};

use crate::support::outside::asked;
use crate::{Scene, TIMEOUT, day_of, days_ago, facts};

fn account() -> Costs {
    let costs = |cost: f64| vec![cost; 14];
    let services = [("Amazon EC2", 5.0), ("Amazon S3", 2.0), ("AWS Lambda", 1.0)];
    let services = services.map(|(name, cost)| (name.to_owned(), costs(cost)));
    let anomalies = ["a", "b", "c"].map(|id| anomaly(id, 20.0)).into();
    let services = BTreeMap::from(services);
    Costs { services, month: 100.0, forecast: 50.0, anomalies, ..Costs::default() }
}

fn anomaly(id: &str, impact: f64) -> Value {
    json!({
        "AnomalyId": id, "AnomalyStartDate": "2026-11-20", "AnomalyEndDate": "2026-11-21",
        "DimensionValue": id, "MonitorArn": "arn:aws:ce::123456789012:anomalymonitor/m",
        "AnomalyScore": {"MaxScore": 0.5, "CurrentScore": 0.5},
        "Impact": {"MaxImpact": impact, "TotalImpact": impact},
    })
}

#[tokio::test]
async fn asks_once_for_each_part_in_us_east_1() {
    for (variables, metric, forecast_metric, filter) in [
        (
            &[][..],
            "UnblendedCost",
            "UNBLENDED_COST",
            json!({"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit", "Refund"]}}}),
        ),
        (
            &[("METRIC", "NetAmortizedCost"), ("EXCLUDE_RECORD_TYPES", "")],
            "NetAmortizedCost",
            "NET_AMORTIZED_COST",
            json!(null),
        ),
    ] {
        let mut scene = Scene::new(account(), variables).await;
        let observed = scene.report().await;
        let today = day_of(&observed);
        let month = today.first_of_month();
        let next = month.saturating_add(1.months());
        let (start, end) = (days_ago(today, 15), days_ago(today, 1));
        let mut expected = vec![
            (
                "GetCostAndUsage",
                json!({
                    "TimePeriod": {"Start": start, "End": end}, "Granularity": "DAILY",
                    "Metrics": [metric], "Filter": filter,
                    "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}],
                }),
            ),
            (
                "GetCostAndUsage",
                json!({
                    "TimePeriod": {"Start": month.to_string(), "End": today.to_string()}, "Granularity": "MONTHLY",
                    "Metrics": [metric], "Filter": filter,
                }),
            ),
            (
                "GetCostForecast",
                json!({
                    "TimePeriod": {"Start": today.to_string(), "End": next.to_string()}, "Granularity": "MONTHLY",
                    "Metric": forecast_metric, "Filter": filter,
                }),
            ),
            (
                "GetAnomalies",
                json!({
                    "DateInterval": {"StartDate": start, "EndDate": days_ago(today, 2)},
                    "TotalImpact": {"NumericOperator": "GREATER_THAN_OR_EQUAL", "StartValue": 10.0},
                    "MaxResults": 100,
                }),
            ),
        ];
        if today == month {
            expected.remove(1);
        }
        for (_, request) in &mut expected {
            request.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        }
        let calls = asked(&scene.endpoint);
        let seen: Vec<_> = calls.iter().map(|call| (&*call.operation, call.json())).collect();
        assert_eq!(seen, expected);
        for call in calls {
            let signature = call.headers["authorization"].to_str().unwrap();
            assert!(signature.contains("/us-east-1/ce/aws4_request"), "{signature}");
        }
    }
}

#[tokio::test]
async fn forecast_and_anomalies_can_be_switched_off() {
    let off = [("FORECAST", "off"), ("ANOMALIES", "off")];
    let mut scene = Scene::new(account(), &off).await;
    let answer = scene.report().await.json();
    assert!(asked(&scene.endpoint).iter().all(|call| call.operation == "GetCostAndUsage"));
    assert_eq!((&answer["anomalies"], &answer["expected"]), (&json!(null), &json!(null)));
    let notice = scene.notice();
    for label in ["Expected this month", "Anomaly"] {
        assert!(facts(&notice, label).is_empty(), "{label}");
    }
    assert_eq!(notice["state"], "INFO");
}

#[tokio::test]
async fn all_pages_are_read() {
    let whole = Scene::new(account(), &[]).await.report().await.json();
    let mut scene = Scene::new(Costs { page: 1, ..account() }, &[]).await;
    let mut paged = scene.report().await.json();
    // Three services, three anomalies.
    let requests = whole["requests"].as_u64().unwrap();
    assert_eq!(paged["requests"].as_u64(), Some(requests + 4));
    paged["requests"] = json!(requests);
    assert_eq!(paged, whole);
}

#[tokio::test]
async fn without_the_costs_there_is_no_report() {
    let garbage = |groups: Value| {
        let results =
            json!([{"TimePeriod": {"Start": "2026-11-20", "End": "2026-11-21"}, "Groups": groups}]);
        Reply::json(200, &json!({"ResultsByTime": results}))
    };
    let group = |keys: Value, amount: &str| json!([{"Keys": keys, "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}}]);
    for (replies, requests, expected) in [
        (vec![Reply::aws_error(400, "AccessDeniedException")], 1, "AccessDeniedException: no"),
        (vec![garbage(group(json!(["a"]), "many"))], 1, "InvalidAnswer: "),
        (vec![garbage(group(json!(["a"]), "NaN"))], 1, "InvalidAnswer: "),
        (vec![garbage(group(json!([]), "1.0"))], 1, "InvalidAnswer: "),
        (vec![Reply::json(200, &json!([]))], 1, ""),
        (vec![Reply::json(200, &json!({}))], 1, "InvalidAnswer: a day is missing"),
        (vec![Reply::json(200, &json!({"ResultsByTime": []}))], 1, "InvalidAnswer: a day is"),
        (vec![garbage(json!([]))], 1, "InvalidAnswer: a day is missing"),
        (vec![Reply::Close], 1, ""),
        (
            (0..3).map(|_| Reply::aws_error(400, "LimitExceededException")).collect(),
            3,
            "LimitExceededException: no",
        ),
    ] {
        let mut scene = Scene::scripted(account(), [("GetCostAndUsage", replies)]).await;
        let observed = scene.report().await;
        let (error_type, message) = observed.error();
        assert_eq!(error_type, "ReportFailed", "{message}");
        let beginning = format!("failed to read the costs: {expected}");
        assert!(message.starts_with(&beginning), "{message}");
        assert_eq!(asked(&scene.endpoint).len(), requests, "{message}");
        assert!(published(&scene.endpoint).is_empty());
        assert_eq!(
            observed.metric_line()["CostRequests"],
            f64::from(u8::try_from(requests).unwrap())
        );
    }
}

#[tokio::test]
async fn throttling_and_5xx_pass_and_count() {
    for (status, code) in
        [(400, "LimitExceededException"), (400, "ThrottlingException"), (429, "Odd"), (503, "")]
    {
        let replies = || (0..2).map(|_| Reply::aws_error(status, code)).collect();
        let mut scene = Scene::scripted(account(), [("GetAnomalies", replies())]).await;
        let answer = scene.report().await.json();
        assert_eq!(answer["anomalies"], 3, "{code}");
        assert_eq!(answer["requests"].as_u64(), Some(asked(&scene.endpoint).len() as u64));
        let tries = asked(&scene.endpoint);
        let tries = tries.iter().filter(|call| call.operation == "GetAnomalies").count();
        assert_eq!(tries, 3, "{code}");
    }
}

#[tokio::test]
async fn a_request_whose_connection_breaks_counts() {
    let mut scene = Scene::scripted(account(), [("GetAnomalies", vec![Reply::Close])]).await;
    let answer = scene.report().await.json();
    assert_eq!(answer["requests"].as_u64(), Some(asked(&scene.endpoint).len() as u64));
    assert_eq!(facts(&scene.notice(), "Anomaly"), ["not available (NoAnswer)"]);
}

#[tokio::test]
async fn a_part_that_fails_is_said_with_its_code() {
    for (operation, code, labels) in [
        ("GetCostForecast", "DataUnavailableException", &["Expected this month"][..]),
        ("GetAnomalies", "AccessDeniedException", &["Anomaly"]),
    ] {
        let refused = (operation, vec![Reply::aws_error(400, code)]);
        let mut scene = Scene::scripted(account(), [refused]).await;
        let answer = scene.report().await.json();
        assert_eq!(answer["cost"], 56.0);
        for label in labels {
            let expected = format!("not available ({code})");
            assert_eq!(facts(&scene.notice(), label), [expected], "{operation}");
        }
    }
    let lies = ("GetCostForecast", vec![Reply::json(200, &json!({}))]);
    let mut scene = Scene::scripted(account(), [lies]).await;
    assert_eq!(scene.report().await.json()["cost"], 56.0);
    let expected = ["not available (InvalidAnswer)"];
    assert_eq!(facts(&scene.notice(), "Expected this month"), expected);
}

#[tokio::test]
async fn what_more_requests_would_read_is_not_read() {
    let mut scene = Scene::new(account(), &[("MAX_REQUESTS", "1")]).await;
    let observed = scene.report().await;
    assert_eq!((observed.json()["cost"].as_f64(), asked(&scene.endpoint).len()), (Some(56.0), 1));
    let notice = scene.notice();
    let is_first = day_of(&observed).day() == 1;
    for label in ["Month so far", "Expected this month", "Anomaly"] {
        let expected: &[&str] =
            if is_first && label == "Month so far" { &[] } else { &["not read"] };
        assert_eq!(facts(&notice, label), expected, "{label}");
    }
    // The costs themselves have three pages.
    let paged = Costs { page: 1, ..account() };
    let mut scene = Scene::new(paged, &[("MAX_REQUESTS", "2")]).await;
    let (error_type, message) = scene.report().await.error();
    let expected = "failed to read the costs: the maximum of 2 requests to Cost Explorer was made";
    assert_eq!((&*error_type, &*message), ("ReportFailed", expected));
    assert_eq!(asked(&scene.endpoint).len(), 2);
}

#[tokio::test]
async fn a_request_that_hangs_is_given_up_and_not_repeated() {
    let hangs = ("GetAnomalies", vec![Reply::Never]);
    let margin = [("DEADLINE_MARGIN_MS", "2000")];
    let mut scene = Scene::with(account(), [hangs], &margin, Duration::from_secs(5)).await;
    let answer = scene.report().await.json();
    assert_eq!(answer["cost"], 56.0);
    assert_eq!(facts(&scene.notice(), "Anomaly"), ["not available (Timeout)"]);
    let tries = asked(&scene.endpoint).into_iter().filter(|call| call.operation == "GetAnomalies");
    assert_eq!(tries.count(), 1);
}

#[tokio::test]
async fn requests_that_hang_leave_time_to_publish() {
    let hangs = ["GetCostForecast", "GetAnomalies"].map(|name| (name, vec![Reply::Never]));
    let throttled = ("GetCostAndUsage", vec![Reply::aws_error(429, "Odd")]);
    let margin = [("DEADLINE_MARGIN_MS", "2000")];
    let scripts = hangs.into_iter().chain([throttled]);
    let mut scene = Scene::with(account(), scripts, &margin, Duration::from_secs(5)).await;
    assert_eq!(scene.report().await.json()["cost"], 56.0);
    assert_eq!(scene.notice()["kind"], "cost-report");
}

#[tokio::test]
async fn nothing_is_asked_so_shortly_before_the_deadline() {
    let margin = [("DEADLINE_MARGIN_MS", "60000")];
    let mut scene = Scene::with(account(), [], &margin, TIMEOUT).await;
    let (error_type, message) = scene.report().await.error();
    assert_eq!(error_type, "ReportFailed");
    assert!(message.starts_with("failed to read the costs: Deadline: "), "{message}");
    assert!(scene.endpoint.calls().is_empty());
}
