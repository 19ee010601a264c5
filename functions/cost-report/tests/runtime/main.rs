//! The real binary with a Lambda Runtime API, Cost Explorer and SNS in this process.

#![cfg(test)]

mod messages;
mod reading;
mod telling;
#[path = "../support"]
mod support {
    pub(crate) mod outside;
}

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use local::account::Costs;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{
    ALERTS_TOPIC, Binary, Endpoint, Fixture, Observed, Published, fixtures, outside_of_lambda,
    published, refusal,
};

use support::outside::{self, Script};

const BINARY: &str = env!("CARGO_BIN_EXE_cost-report");
const TIMEOUT: Duration = Duration::from_mins(1);

/// The expected results of an event. `{-7}` is the date seven days ago.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    /// The costs in Cost Explorer.
    #[serde(default)]
    account: Costs,
    answer: Value,
    /// The notices that alert-notifier receives.
    notices: Vec<Value>,
    /// The first notice as email subscribers receive it.
    mail: Option<String>,
}

/// The binary with its services.
struct Scene {
    endpoint: Endpoint,
    binary: Binary,
}

impl Scene {
    async fn new(account: Costs, variables: &[(&str, &str)]) -> Self {
        Self::with(account, [], variables, TIMEOUT).await
    }

    async fn scripted(account: Costs, scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::with(account, scripts, &[], TIMEOUT).await
    }

    async fn with(
        account: Costs,
        scripts: impl IntoIterator<Item = Script>,
        variables: &[(&str, &str)],
        timeout: Duration,
    ) -> Self {
        let endpoint = outside::start(account, scripts).await;
        let own = [
            ("AWS_ENDPOINT_URL", &*endpoint.url),
            ("LOG_LEVEL", "trace"),
            ("ALERTS_TOPIC_ARN", ALERTS_TOPIC),
        ];
        let binary = Binary::with_timeout(BINARY, &[&own, variables].concat(), timeout).await;
        Self { endpoint, binary }
    }

    /// Invokes the function as its schedule does.
    async fn report(&mut self) -> Observed {
        self.binary.invoke("{}").await
    }

    /// The only notice.
    fn notice(&self) -> Value {
        let all = published(&self.endpoint);
        let [Published { notice, .. }] = &all[..] else { panic!("{all:?}") };
        notice.clone()
    }
}

/// The values of the facts with this label.
fn facts<'a>(notice: &'a Value, label: &str) -> Vec<&'a str> {
    let facts = notice["facts"].as_array().unwrap().iter();
    let facts = facts.filter(|fact| fact["label"] == label);
    facts.map(|fact| fact["value"].as_str().unwrap()).collect()
}

/// The day of an invocation.
fn day_of(observed: &Observed) -> Date {
    let end_ms = i64::try_from(*observed.during_ms.end()).unwrap();
    Timestamp::from_millisecond(end_ms).unwrap().to_zoned(TimeZone::UTC).date()
}

fn days_ago(today: Date, days: i64) -> String {
    today.saturating_sub(days.days()).to_string()
}

/// A golden text with its dates.
fn dated(value: &Value, today: Date) -> Value {
    let mut text = value.to_string();
    for days in 0..20 {
        text = text.replace(&format!("{{-{days}}}"), &days_ago(today, days));
    }
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn every_fixture_gets_its_golden_answer() {
    for Fixture { name, event, golden } in fixtures::<Golden>("cost-report", 9) {
        let mut scene = Scene::new(golden.account, &[]).await;
        let observed = scene.binary.invoke(event).await;
        let today = day_of(&observed);
        let mut answer = observed.json();
        let told = published(&scene.endpoint);
        let mut notices: Vec<_> = told.iter().map(|told| told.notice.clone()).collect();
        let mut golden_answer = dated(&golden.answer, today);
        let mut golden_notices: Vec<_> =
            golden.notices.iter().map(|notice| dated(notice, today)).collect();
        if today.day() == 1 {
            // On the first day of a month, its part before today is empty and not compared.
            without_month(&mut answer);
            without_month(&mut golden_answer);
            notices.iter_mut().chain(&mut golden_notices).for_each(without_month);
        }
        assert_eq!(answer, golden_answer, "{name}");
        assert_eq!(notices, golden_notices, "{name}: {:#}", json!(notices));
        for notice in &notices {
            assert!(shared::notice::Notice::parse(notice).is_some(), "{name}: {notice}");
        }
        if let Some(mail) = golden.mail {
            assert_eq!(told[0].mail, mail, "{name}");
        }
    }
}

fn without_month(value: &mut Value) {
    let members = value.as_object_mut().unwrap();
    for name in ["monthSoFar", "expected", "requests"] {
        members.remove(name);
    }
    if let Some(facts) = members.get_mut("facts").and_then(Value::as_array_mut) {
        facts.retain(|fact| !fact["label"].as_str().unwrap().contains("onth"));
    }
}

#[tokio::test]
async fn an_invalid_setting_stops_the_start_and_is_named() {
    // Other variables: see the tests of `Config`.
    for (variable, value) in [("PERIOD", "year"), ("ALERTS_TOPIC_ARN", "alerts")] {
        let variables = [("ALERTS_TOPIC_ARN", ALERTS_TOPIC), (variable, value)];
        let message = refusal(BINARY, &variables).await;
        assert!(message.starts_with(&format!("{variable} is {value:?}, but must be")), "{message}");
    }
    let message = outside_of_lambda(BINARY);
    assert!(message.contains("cargo sluice invoke cost-report"), "{message}");
}

#[tokio::test]
async fn what_is_not_an_object_is_refused() {
    let mut scene = Scene::new(Costs::default(), &[]).await;
    let other = [r#"{"Records":[{"body":"a"}]}"#, r#"{"Records":{}}"#, r#"{"Records":null}"#];
    for event in ["null", "[]", "7", "no JSON"].into_iter().chain(other) {
        let (error_type, _) = scene.binary.invoke(event).await.error();
        assert_eq!(error_type, "InvalidRequest", "{event}");
    }
    assert!(scene.endpoint.calls().is_empty());
}
