//! A report: the costs of a period and of the period before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::{Value, json};
use shared::cost::{Costs, exact};

use crate::anomaly::Anomaly;
use crate::change::Change;
use crate::period::{Days, Periods};

/// An optional part of a report.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part<T> {
    /// Not requested.
    Off,
    Read(T),
    /// Cost Explorer failed with this code.
    NotAvailable(String),
    /// The requests of the run were used up.
    NotRead,
}

/// The cost of each service on each day.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spending {
    unit: Option<String>,
    days: BTreeMap<Date, BTreeMap<String, f64>>,
}

/// The cost of a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) change: Change,
}

/// All data of a report.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Report {
    pub(crate) periods: Periods,
    pub(crate) spending: Spending,
    pub(crate) total: Change,
    /// The services that cost something in either period, the most expensive first.
    pub(crate) services: Vec<Service>,
    /// Number of services that are listed.
    pub(crate) told: usize,
    pub(crate) month_so_far: Part<f64>,
    pub(crate) expected: Part<f64>,
    pub(crate) anomalies: Part<Vec<Anomaly>>,
}

impl<T> Part<T> {
    pub(crate) const fn value(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            _ => None,
        }
    }

    /// The text of a fact; `None` if it was not requested.
    pub(crate) fn text(&self, of_value: impl FnOnce(&T) -> String) -> Option<String> {
        match self {
            Self::Off => None,
            Self::Read(value) => Some(of_value(value)),
            Self::NotAvailable(code) => Some(format!("not available ({code})")),
            Self::NotRead => Some("not read".to_owned()),
        }
    }
}

/// The expected cost of the month: the cost so far, which is nothing on the 1st, plus the forecast
/// for the rest.
pub(crate) fn expected(so_far: &Part<f64>, forecast: Part<f64>) -> Part<f64> {
    match (so_far, forecast) {
        (Part::Read(so_far), Part::Read(forecast)) => Part::Read(so_far + forecast),
        (Part::Off | Part::Read(_), forecast) => forecast,
        (_, Part::Off) => Part::Off,
        (unread, _) => unread.clone(),
    }
}

impl Spending {
    /// The spending in an answer of Cost Explorer, grouped by service. `None` if a group has no
    /// service, or an amount has another unit.
    pub(crate) fn of(costs: Vec<Costs>) -> Option<Self> {
        let mut spending = Self::default();
        for Costs { start, groups, .. } in costs {
            let day = spending.days.entry(start).or_default();
            for (keys, amount) in groups {
                let unit = spending.unit.get_or_insert_with(|| amount.unit.clone());
                if *unit != amount.unit {
                    return None;
                }
                *day.entry(keys.into_iter().next()?).or_default() += amount.value;
            }
        }
        Some(spending)
    }

    /// The unit of all amounts, such as `USD`.
    pub(crate) fn unit(&self) -> &str {
        self.unit.as_deref().unwrap_or("USD")
    }

    /// The cost of all services, or of one, on each of these days.
    pub(crate) fn daily(&self, days: Days, service: Option<&str>) -> Vec<(Date, f64)> {
        let days = self.days.range(days.start..days.end);
        let cost = |(day, costs): (&Date, &BTreeMap<String, f64>)| {
            let cost = match service {
                Some(service) => costs.get(service).copied().unwrap_or_default(),
                None => costs.values().sum(),
            };
            (*day, cost)
        };
        days.map(cost).collect()
    }

    fn cost(&self, days: Days, service: Option<&str>) -> f64 {
        self.daily(days, service).iter().map(|(_, cost)| cost).sum()
    }

    fn change(&self, periods: &Periods, service: Option<&str>) -> Change {
        Change {
            cost: self.cost(periods.current, service),
            before: self.cost(periods.before, service),
        }
    }

    fn services(&self, periods: &Periods) -> Vec<Service> {
        let names: BTreeSet<_> = self.days.values().flat_map(BTreeMap::keys).collect();
        let services = names
            .into_iter()
            .map(|name| Service { name: name.clone(), change: self.change(periods, Some(name)) });
        let mut services: Vec<_> =
            services.filter(|service| !service.change.is_nothing()).collect();
        // Stable: services with equal costs stay sorted by name.
        services.sort_by(|a, b| b.change.cost.total_cmp(&a.change.cost));
        services
    }
}

impl Report {
    /// Creates a report with the costs, without the optional parts.
    pub(crate) fn of(spending: Spending, periods: Periods, top_services: usize) -> Self {
        let services = spending.services(&periods);
        Self {
            total: spending.change(&periods, None),
            told: services.len().min(top_services),
            services,
            spending,
            periods,
            month_so_far: Part::Off,
            expected: Part::Off,
            anomalies: Part::Off,
        }
    }

    /// The services that are listed.
    pub(crate) fn told(&self) -> &[Service] {
        &self.services[..self.told]
    }

    /// The total cost of the other services.
    pub(crate) fn others(&self) -> Option<Change> {
        let others = &self.services[self.told..];
        let sum =
            |amount: fn(&Change) -> f64| others.iter().map(|other| amount(&other.change)).sum();
        let change =
            Change { cost: sum(|change| change.cost), before: sum(|change| change.before) };
        (!others.is_empty()).then_some(change)
    }

    /// The answer of the function.
    pub(crate) fn answer(&self, requests: u32) -> Value {
        let service = |Service { name, change }: &Service| {
            json!({
                "service": name, "cost": exact(change.cost), "before": exact(change.before),
            })
        };
        let mut answer = json!({
            "start": self.periods.current.start.to_string(),
            "end": self.periods.current.end.to_string(),
            "cost": exact(self.total.cost),
            "before": exact(self.total.before),
            "services": self.told().iter().map(service).collect::<Vec<_>>(),
            "anomalies": self.anomalies.value().map(Vec::len),
            "requests": requests,
        });
        for (name, part) in [("monthSoFar", &self.month_so_far), ("expected", &self.expected)] {
            if let Some(amount) = part.value() {
                answer[name] = json!(exact(*amount));
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use shared::cost::Amount;

    use super::*;
    use crate::period::Period;

    fn costs(day: &str, groups: &[(&str, f64)]) -> Costs {
        let group = |(name, value): &(&str, f64)| {
            (vec![(*name).to_owned()], Amount { value: *value, unit: "USD".to_owned() })
        };
        let groups = groups.iter().map(group).collect();
        Costs { start: day.parse().unwrap(), total: None, groups }
    }

    fn report(costs: Vec<Costs>, top_services: usize) -> Report {
        let periods = Period::Day.at("2026-11-28".parse().unwrap(), 1);
        Report::of(Spending::of(costs).unwrap(), periods, top_services)
    }

    #[test]
    fn compares_each_service_with_the_day_before() {
        let report = report(
            vec![
                costs("2026-11-25", &[("S3", 4.0), ("EC2", 10.0), ("SQS", 0.001), ("Tax", 1.0)]),
                costs("2026-11-26", &[("S3", 6.0), ("Lambda", 6.0), ("SQS", 0.001)]),
                // The same day on another page.
                costs("2026-11-26", &[("EC2", 12.0), ("S3", 1.0)]),
                // Not requested.
                costs("2026-11-24", &[("EC2", 99.0)]),
                costs("2026-11-27", &[("EC2", 99.0)]),
            ],
            3,
        );
        let change = |cost, before| Change { cost, before };
        let told: Vec<_> = report.told().iter().map(|told| (&*told.name, told.change)).collect();
        let expected =
            [("EC2", change(12.0, 10.0)), ("S3", change(7.0, 4.0)), ("Lambda", change(6.0, 0.0))];
        assert_eq!(told, expected);
        assert_eq!(report.others(), Some(change(0.0, 1.0)));
        assert_eq!(report.total, change(25.001, 15.001));
    }

    #[test]
    fn of_equal_cost_the_names_decide() {
        let report = report(vec![costs("2026-11-26", &[("b", 1.0), ("c", 1.0), ("a", 1.0)])], 9);
        let names: Vec<_> = report.told().iter().map(|service| &*service.name).collect();
        assert_eq!((names, report.others()), (vec!["a", "b", "c"], None));
    }

    #[test]
    fn two_units_are_no_sum() {
        let mut mixed = costs("2026-11-26", &[("a", 1.0), ("b", 1.0)]);
        mixed.groups[1].1.unit = "CNY".to_owned();
        assert_eq!(Spending::of(vec![mixed.clone()]), None);
        mixed.groups.remove(0);
        assert_eq!(Spending::of(vec![mixed.clone()]).unwrap().unit(), "CNY");
        mixed.groups[0].0.clear();
        assert_eq!(Spending::of(vec![mixed]), None);
        assert_eq!(Spending::default().unit(), "USD");
    }

    #[test]
    fn the_month_is_expected_to_cost_what_it_did_and_the_forecast() {
        let no = || Part::NotAvailable("AccessDenied".to_owned());
        for (so_far, forecast, sum) in [
            (Part::Read(10.0), Part::Read(5.0), Part::Read(15.0)),
            (Part::Off, Part::Read(5.0), Part::Read(5.0)),
            (Part::Read(10.0), Part::Off, Part::Off),
            (Part::Read(10.0), no(), no()),
            (Part::Read(10.0), Part::NotRead, Part::NotRead),
            (no(), Part::Read(5.0), no()),
            (Part::NotRead, no(), Part::NotRead),
            (no(), Part::Off, Part::Off),
        ] {
            assert_eq!(expected(&so_far, forecast), sum, "{so_far:?}");
        }
    }
}
