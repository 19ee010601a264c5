//! Cost Explorer.
//!
//! Source: AWS Cost Explorer API reference, `GetCostAndUsage`, `GetCostForecast`, `GetAnomalies`.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

/// The costs of an account.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Costs {
    /// The daily costs of each service; the first value is that of the first requested day.
    pub services: BTreeMap<String, Vec<f64>>,
    /// The cost of the requested days, by usage type and operation.
    pub usage: Vec<([String; 2], f64)>,
    /// The cost of the month so far.
    pub month: f64,
    /// The forecast for the rest of the month.
    pub forecast: f64,
    /// The anomalies, in the form of `GetAnomalies`.
    pub anomalies: Vec<Value>,
    /// The currency; `USD` if it is not given.
    pub unit: Option<String>,
    /// Number of services or anomalies on a page; 0 means all.
    pub page: usize,
}

impl Costs {
    /// Answers a request; `None` for an unknown operation.
    #[must_use]
    pub fn answer(&self, operation: &str, request: &Value) -> Option<Value> {
        Some(match (operation, request["GroupBy"][0]["Key"].as_str()) {
            ("GetCostAndUsage", None) => self.month(request),
            ("GetCostAndUsage", Some("USAGE_TYPE")) => self.by_usage(request),
            ("GetCostAndUsage", Some(_)) => self.daily(request),
            ("GetCostForecast", _) => json!({"Total": self.amount(self.forecast)}),
            ("GetAnomalies", _) => self.found(request),
            _ => return None,
        })
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
        whole(request, &total, &json!([]))
    }

    fn by_usage(&self, request: &Value) -> Value {
        let group = |(keys, cost): &([String; 2], f64)| json!({"Keys": keys, "Metrics": {metric(request): self.amount(*cost)}});
        whole(request, &json!({}), &self.usage.iter().map(group).collect())
    }

    fn found(&self, request: &Value) -> Value {
        let (found, next) = self.paged(request, self.anomalies.iter());
        json!({"Anomalies": found, "NextPageToken": next})
    }

    /// The requested page, and the token of the next one.
    fn paged<T>(&self, request: &Value, all: impl Iterator<Item = T>) -> (Vec<T>, Value) {
        let page = request["NextPageToken"].as_str().and_then(|token| token.parse().ok());
        let page: usize = page.unwrap_or_default();
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

/// One result for all requested days.
fn whole(request: &Value, total: &Value, groups: &Value) -> Value {
    let period = &request["TimePeriod"];
    json!({"ResultsByTime": [
        {"TimePeriod": period, "Total": total, "Groups": groups, "Estimated": true},
    ]})
}

fn metric(request: &Value) -> &str {
    request["Metrics"][0].as_str().unwrap_or_default()
}

/// The requested days.
fn days(request: &Value) -> Vec<Date> {
    let day = |name: &str| request["TimePeriod"][name].as_str()?.parse::<Date>().ok();
    let (Some(start), Some(end)) = (day("Start"), day("End")) else { return Vec::new() };
    start.series(1.day()).take_while(|day| *day < end).collect()
}
