//! A Cost Explorer with the costs that a test says, and SNS.

use std::collections::{BTreeMap, VecDeque};

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply};

/// What the account costs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Account {
    /// The cost of each service by day: the first is that of the first day that is asked for.
    pub(crate) services: BTreeMap<String, Vec<f64>>,
    /// The month so far.
    pub(crate) month: f64,
    pub(crate) forecast: f64,
    /// As `GetAnomalies` answers them.
    pub(crate) anomalies: Vec<Value>,
    /// `USD` where it is not given.
    pub(crate) unit: Option<String>,
    /// Services in a page, and anomalies; 0: all.
    pub(crate) page: usize,
}

/// Replies of an operation before its answers.
pub(crate) type Script = (&'static str, Vec<Reply>);

/// Starts the services. The operations are those of Cost Explorer, and `Publish`.
pub(crate) async fn start(account: Account, scripts: impl IntoIterator<Item = Script>) -> Endpoint {
    let mut scripts: BTreeMap<_, VecDeque<_>> =
        scripts.into_iter().map(|(name, replies)| (name, VecDeque::from(replies))).collect();
    Endpoint::start(move |call| {
        let operation = if call.operation.is_empty() { "Publish" } else { &*call.operation };
        let scripted = scripts.get_mut(operation).and_then(VecDeque::pop_front);
        scripted.unwrap_or_else(|| account.answer(operation, call))
    })
    .await
}

/// Operations of Cost Explorer that were called.
pub(crate) fn asked(endpoint: &Endpoint) -> Vec<Call> {
    endpoint.calls().into_iter().filter(|call| !call.operation.is_empty()).collect()
}

impl Account {
    fn answer(&self, operation: &str, call: &Call) -> Reply {
        let answer = match operation {
            "Publish" => return Reply::published(),
            "GetCostAndUsage" if call.json()["GroupBy"].is_null() => self.month(&call.json()),
            "GetCostAndUsage" => self.daily(&call.json()),
            "GetCostForecast" => json!({"Total": self.amount(self.forecast)}),
            "GetAnomalies" => self.found(&call.json()),
            other => panic!("{other}"),
        };
        Reply::json(200, &answer)
    }

    fn daily(&self, request: &Value) -> Value {
        let (services, next) = self.paged(request, self.services.iter());
        let group = |at: usize, (name, costs): &(&String, &Vec<f64>)| {
            let cost = self.amount(*costs.get(at)?);
            Some(json!({"Keys": [name], "Metrics": {metric(request): cost}}))
        };
        let days = days(request).into_iter().enumerate().map(|(at, day)| {
            let groups: Vec<_> = services.iter().filter_map(|service| group(at, service)).collect();
            json!({
                "TimePeriod": {
                    "Start": day.to_string(), "End": day.saturating_add(1.days()).to_string(),
                },
                "Total": {}, "Groups": groups, "Estimated": true,
            })
        });
        json!({"ResultsByTime": days.collect::<Vec<_>>(), "NextPageToken": next})
    }

    fn month(&self, request: &Value) -> Value {
        let total = json!({metric(request): self.amount(self.month)});
        let period = &request["TimePeriod"];
        json!({"ResultsByTime": [{"TimePeriod": period, "Total": total, "Groups": [], "Estimated": true}]})
    }

    fn found(&self, request: &Value) -> Value {
        let (found, next) = self.paged(request, self.anomalies.iter());
        json!({"Anomalies": found, "NextPageToken": next})
    }

    /// The page that a request asks for, and the token of the next one.
    fn paged<T>(&self, request: &Value, all: impl Iterator<Item = T>) -> (Vec<T>, Value) {
        let page = request["NextPageToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let size = if self.page == 0 { usize::MAX } else { self.page };
        let mut rest = all.skip(page * size.min(1_000));
        let items: Vec<_> = rest.by_ref().take(size).collect();
        let next = if rest.next().is_some() { json!((page + 1).to_string()) } else { json!(null) };
        (items, next)
    }

    fn amount(&self, amount: f64) -> Value {
        json!({"Amount": format!("{amount:.10}"), "Unit": self.unit.as_deref().unwrap_or("USD")})
    }
}

fn metric(request: &Value) -> String {
    request["Metrics"][0].as_str().unwrap().to_owned()
}

/// The days of a request.
fn days(request: &Value) -> Vec<Date> {
    let day = |name: &str| request["TimePeriod"][name].as_str().unwrap().parse::<Date>().unwrap();
    let end = day("End");
    day("Start").series(1.day()).take_while(|day| *day < end).collect()
}
