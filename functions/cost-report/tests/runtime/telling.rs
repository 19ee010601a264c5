//! The text of a report, and its metrics.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use local::account::Costs;
use serde_json::{Value, json};
use testkit::{Observed, Reply, published};

use crate::support::outside::asked;
use crate::{Scene, day_of, days_ago, facts};

/// An account in which each service costs the same on each of seven days, and the same on the seven
/// days before.
fn account(services: &[(&str, f64, f64)]) -> Costs {
    let services = services
        .iter()
        .map(|&(name, before, cost)| (name.to_owned(), [[before; 7], [cost; 7]].concat()));
    Costs { services: services.collect(), ..Costs::default() }
}

async fn told(account: Costs, variables: &[(&str, &str)]) -> Value {
    let mut scene = Scene::new(account, variables).await;
    assert!(scene.report().await.answer.is_ok());
    scene.notice()
}

#[tokio::test]
async fn an_alarm_is_a_rise_or_an_anomaly() {
    let anomaly = |impact: f64, feedback: Value| {
        json!({
            "AnomalyId": "a", "AnomalyStartDate": "2026-11-20T00:00:00Z", "DimensionValue": "EC2",
            "MonitorArn": "m", "AnomalyScore": {"MaxScore": 1.0, "CurrentScore": 1.0},
            "Impact": {"MaxImpact": impact, "TotalImpact": impact}, "Feedback": feedback,
        })
    };
    // 70.00 USD before.
    let steady = || account(&[("EC2", 10.0, 10.0)]);
    let with = |impact, feedback| Costs { anomalies: vec![anomaly(impact, feedback)], ..steady() };
    for (account, variables, state) in [
        (steady(), &[][..], "INFO"),
        (account(&[("EC2", 10.0, 12.0)]), &[], "ALARM"),
        (account(&[("EC2", 10.0, 11.9)]), &[], "INFO"),
        (account(&[("EC2", 10.0, 12.0)]), &[("ALERT_PERCENT", "21")], "INFO"),
        (account(&[("EC2", 10.0, 12.0)]), &[("ALERT_USD", "15")], "INFO"),
        (account(&[("EC2", 10.0, 11.9)]), &[("ALERT_PERCENT", "19")], "ALARM"),
        // The total fell.
        (account(&[("EC2", 10.0, 0.0), ("S3", 1.0, 4.0)]), &[], "ALARM"),
        (account(&[("EC2", 10.0, 0.0), ("S3", 0.0, 2.0)]), &[], "ALARM"),
        (account(&[("EC2", 10.0, 0.0), ("S3", 0.0, 1.0)]), &[], "INFO"),
        (with(10.0, json!(null)), &[], "ALARM"),
        (with(10.0, json!("YES")), &[], "ALARM"),
        (with(10.0, json!("NO")), &[], "INFO"),
        (with(9.0, json!(null)), &[], "INFO"),
        (with(9.0, json!(null)), &[("ALERT_USD", "9")], "ALARM"),
        (with(10.0, json!(null)), &[("ANOMALIES", "off")], "INFO"),
    ] {
        let seen = format!("{account:?} {variables:?}");
        assert_eq!(told(account, variables).await["state"], state, "{seen}");
    }
}

#[tokio::test]
async fn the_text_names_what_rose_also_where_it_is_not_among_the_top() {
    let services = account(&[("EC2", 10.0, 10.0), ("Lambda", 0.0, 2.0), ("S3", 3.0, 5.0)]);
    let notice = told(services, &[("TOP_SERVICES", "1")]).await;
    assert_eq!(notice["text"], "Up by 20 % and 10.00 USD or more: S3, Lambda.");
    assert_eq!(facts(&notice, "EC2"), ["70.00 USD (+0.0 %)"]);
    assert_eq!(facts(&notice, "Others"), ["49.00 USD (+133.3 %)"]);
    assert!(facts(&notice, "S3").is_empty());
}

#[tokio::test]
async fn titles_tell_what_is_new_and_what_is_negative() {
    for (services, title) in [
        (account(&[("EC2", 0.0, 1.0)]), "7.00 USD (new)"),
        (account(&[("EC2", 0.0, 0.0)]), "0.00 USD (+0.0 %)"),
        (account(&[]), "0.00 USD (+0.0 %)"),
        (account(&[("EC2", 10.0, -1.0)]), "-7.00 USD (-110.0 %)"),
        (
            Costs { unit: Some("CNY".to_owned()), ..account(&[("EC2", 1.0, 1.5)]) },
            "10.50 CNY (+50.0 %)",
        ),
    ] {
        let notice = told(services, &[]).await;
        let shown = notice["title"].as_str().unwrap().split_once(": ").unwrap().1;
        assert_eq!(shown, title);
    }
}

#[tokio::test]
async fn a_day_and_a_month_have_their_dates() {
    let mut scene = Scene::new(account(&[("EC2", 10.0, 5.0)]), &[("PERIOD", "day")]).await;
    let observed = scene.report().await;
    let day = days_ago(day_of(&observed), 2);
    let answer = observed.json();
    assert_eq!((&answer["start"], &answer["cost"]), (&json!(day), &json!(10.0)));
    let notice = scene.notice();
    assert_eq!(notice["title"], format!("AWS cost {day}: 10.00 USD (+0.0 %)"));
    let bar = "█".repeat(20);
    assert_eq!(notice["lines"], json!([format!("{day} {bar} 10.00")]));

    let variables = [("PERIOD", "month"), ("SETTLE_DAYS", "3")];
    let costs = BTreeMap::from([("EC2".to_owned(), vec![1.0; 62])]);
    let mut scene = Scene::new(Costs { services: costs, ..Costs::default() }, &variables).await;
    let observed = scene.report().await;
    let end: Date = days_ago(day_of(&observed), 3).parse::<Date>().unwrap().first_of_month();
    assert_eq!(observed.json()["end"], end.to_string());
    let last = end.saturating_sub(1.days());
    let notice = scene.notice();
    assert_eq!(notice["lines"].as_array().unwrap().len(), usize::try_from(last.day()).unwrap());
    let title = format!("AWS cost {} to {last}: {}.00 USD", last.first_of_month(), last.day());
    assert!(notice["title"].as_str().unwrap().starts_with(&title), "{notice}");
}

#[tokio::test]
async fn at_most_five_anomalies_are_told_the_highest_impact_first() {
    let anomaly = |impact: u32| {
        json!({
            "AnomalyId": format!("a-{impact}"), "AnomalyStartDate": "2026-11-20", "MonitorArn": "m",
            "RootCauses": [{"Service": format!("Service {impact}")}],
            "AnomalyScore": {"MaxScore": 1.0, "CurrentScore": 1.0},
            "Impact": {"MaxImpact": impact, "TotalImpact": impact},
        })
    };
    let anomalies = [12, 60, 30, 10, 20, 40, 50].map(anomaly).into();
    let mut scene = Scene::new(Costs { anomalies, ..account(&[]) }, &[]).await;
    let observed = scene.report().await;
    assert_eq!(observed.json()["anomalies"], 7);
    let expected = [60, 50, 40, 30, 20].map(|impact| {
        format!("Service {impact}, {impact}.00 USD more than expected since 2026-11-20")
    });
    assert_eq!(facts(&scene.notice(), "Anomaly"), expected);
    assert_eq!(emitted(&observed, "CostAnomalies").values().collect::<Vec<_>>(), [&7.0]);
}

/// The values of a metric by service and day.
fn emitted(observed: &Observed, metric: &str) -> BTreeMap<(String, String), f64> {
    let mut values = BTreeMap::new();
    for line in observed.metric_lines() {
        let Some(value) = line[metric].as_f64() else { continue };
        let at = line["_aws"]["Timestamp"].as_i64().unwrap();
        let at = Timestamp::from_millisecond(at).unwrap();
        let service = line["Service"].as_str().unwrap_or("all").to_owned();
        let is_day = at.as_second() % 86_400 == 0;
        assert_eq!(is_day, metric == "DailyCost", "{line}");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let dimensions = if service == "all" { json!([[]]) } else { json!([["Service"]]) };
        let unit = if is_day { "None" } else { "Count" };
        assert_eq!(
            (&directive["Namespace"], &directive["Dimensions"]),
            (&json!("Sluice"), &dimensions)
        );
        assert!(
            directive["Metrics"]
                .as_array()
                .unwrap()
                .contains(&json!({"Name": metric, "Unit": unit}))
        );
        let again = values.insert((service, at.to_string()[..10].to_owned()), value);
        assert_eq!(again, None, "{line}");
    }
    values
}

#[tokio::test]
async fn the_days_of_the_last_thirteen_have_metrics() {
    let mut scene =
        Scene::new(account(&[("EC2", 2.0, 3.0), ("S3", 1.0, 1.0)]), &[("TOP_SERVICES", "1")]).await;
    let observed = scene.report().await;
    let today = day_of(&observed);
    let expected = (2..=13).flat_map(|days| {
        let day = days_ago(today, days);
        let ec2 = if days <= 8 { 3.0 } else { 2.0 };
        [(("all".to_owned(), day.clone()), ec2 + 1.0), (("EC2".to_owned(), day), ec2)]
    });
    assert_eq!(emitted(&observed, "DailyCost"), expected.collect());
    let requests: Vec<_> = emitted(&observed, "CostRequests").into_values().collect();
    assert_eq!(requests, [f64::from(u8::try_from(asked(&scene.endpoint).len()).unwrap())]);
    assert_eq!(emitted(&observed, "CostAnomalies").into_values().collect::<Vec<_>>(), [0.0]);
}

#[tokio::test]
async fn anomalies_that_are_not_read_are_not_zero() {
    for variables in [[("ANOMALIES", "off")], [("MAX_REQUESTS", "1")]] {
        let mut scene = Scene::new(account(&[]), &variables).await;
        assert!(emitted(&scene.report().await, "CostAnomalies").is_empty());
    }
}

#[tokio::test]
async fn a_retry_publishes_the_same_notice() {
    let refused = ("Publish", vec![Reply::query_error(403, "AuthorizationError")]);
    let mut scene = Scene::scripted(account(&[("EC2", 1.0, 1.0)]), [refused]).await;
    let observed = scene.report().await;
    let expected = "failed to publish 1 of the notices: AuthorizationError: no";
    assert_eq!(observed.error(), ("NotPublished".to_owned(), expected.to_owned()));
    // The metrics are emitted in any case.
    assert_eq!(emitted(&observed, "DailyCost").len(), 24);
    assert!(scene.report().await.answer.is_ok());
    let [first, again] = &published(&scene.endpoint)[..] else { panic!("two") };
    assert_eq!(first, again);
}
