//! The notice of a report.

use jiff::civil::Date;
use shared::cost::cents;
use shared::notice::{Fact, Link, Notice, State};

use crate::anomaly::Anomaly;
use crate::change::{Change, Thresholds};
use crate::report::{Report, Service};

/// The name of this function in its notices.
pub(crate) const SOURCE: &str = "cost-report";

/// Number of blocks for the highest day.
const MAX_BLOCKS: f64 = 20.0;
/// Maximum number of anomalies in a notice.
const MAX_ANOMALIES: usize = 5;
/// Maximum number of services in the text.
const MAX_RISEN: usize = 10;

/// The notice of a report.
pub(crate) fn of_report(report: &Report, thresholds: Thresholds, account: &str) -> Notice {
    let Report { periods, total, .. } = report;
    let unit = report.spending.unit();
    let risen = risen(report, thresholds);
    let has_anomalies = report.anomalies.value().is_some_and(|found| !found.is_empty());
    let is_alarm = total.is_rise(thresholds) || !risen.is_empty() || has_anomalies;
    let lines = bars(&report.spending.daily(periods.current, None));
    Notice {
        source: SOURCE.to_owned(),
        kind: "cost-report".to_owned(),
        state: if is_alarm { State::Alarm } else { State::Info },
        title: format!("AWS cost {}: {}", periods.current.text(), with_change(*total, unit)),
        thread: format!("cost-report/{account}"),
        at: format!("{}T00:00:00Z", periods.current.end),
        since: None,
        text: text(&risen, thresholds, unit),
        facts: facts(report),
        lines,
        links: vec![link(report)],
    }
}

/// Such as `87.50 USD`.
pub(crate) fn money(amount: f64, unit: &str) -> String {
    format!("{} {unit}", cents(amount))
}

fn with_change(change: Change, unit: &str) -> String {
    format!("{} {}", money(change.cost, unit), change.text())
}

fn risen(report: &Report, thresholds: Thresholds) -> Vec<&Service> {
    let is_risen = |service: &&Service| service.change.is_rise(thresholds);
    report.services.iter().filter(is_risen).collect()
}

/// Names the services that caused the alarm, which need not be among those with the highest cost.
fn text(risen: &[&Service], thresholds: Thresholds, unit: &str) -> Option<String> {
    let shown = risen.iter().take(MAX_RISEN);
    let mut names: Vec<_> = shown.map(|service| service.name.clone()).collect();
    if risen.len() > MAX_RISEN {
        names.push(format!("{} more", risen.len() - MAX_RISEN));
    }
    let Thresholds { percent, amount } = thresholds;
    (!names.is_empty()).then(|| {
        format!("Up by {percent} % and {} or more: {}.", money(amount, unit), names.join(", "))
    })
}

fn facts(report: &Report) -> Vec<Fact> {
    let unit = report.spending.unit();
    let of_amount = |amount: &f64| money(*amount, unit);
    let amounts = [
        ("Cost", Some(of_amount(&report.total.cost))),
        ("Before", Some(of_amount(&report.total.before))),
        ("Month so far", report.month_so_far.text(of_amount)),
        ("Expected this month", report.expected.text(of_amount)),
    ];
    let amounts = amounts.into_iter().filter_map(|(label, value)| Some(Fact::new(label, value?)));
    let services = report.told().iter();
    let services = services.map(|told| Fact::new(&told.name, with_change(told.change, unit)));
    let others = report.others().map(|change| Fact::new("Others", with_change(change, unit)));
    amounts.chain(services).chain(others).chain(anomalies(report)).collect()
}

fn anomalies(report: &Report) -> Vec<Fact> {
    let fact = |value: String| Fact::new("Anomaly", value);
    match report.anomalies.value() {
        Some(found) => found.iter().take(MAX_ANOMALIES).map(|one| fact(summary(one))).collect(),
        None => report.anomalies.text(|_| String::new()).into_iter().map(fact).collect(),
    }
}

/// Such as `Amazon EC2, 45.00 USD more than expected since 2026-11-20`.
fn summary(anomaly: &Anomaly) -> String {
    let Anomaly { subject, impact, since, .. } = anomaly;
    let since = since.map_or_else(String::new, |day| format!(" since {day}"));
    let more = impact.map(|impact| format!(", {} more than expected", money(impact, "USD")));
    format!("{subject}{}{since}", more.unwrap_or_default())
}

/// A line for each day, such as `2026-11-19 ██████ 12.50`.
fn bars(daily: &[(Date, f64)]) -> Vec<String> {
    let highest = daily.iter().map(|(_, cost)| *cost).fold(0.0, f64::max);
    let line = |(day, cost): &(Date, f64)| {
        let blocks = if *cost > 0.0 { (cost / highest * MAX_BLOCKS).round().max(1.0) } else { 0.0 };
        let bar: String =
            (1..=20).filter(|block| f64::from(*block) <= blocks).map(|_| '█').collect();
        let gap = if bar.is_empty() { "" } else { " " };
        format!("{day} {bar}{gap}{}", cents(*cost))
    };
    daily.iter().map(line).collect()
}

fn link(report: &Report) -> Link {
    let current = report.periods.current;
    Link {
        text: "Cost Explorer".to_owned(),
        url: format!(
            "https://console.aws.amazon.com/costmanagement/home#/cost-explorer?granularity=Daily&\
             startDate={}&endDate={}",
            current.start,
            current.last(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_day_has_twenty_blocks() {
        let days = |costs: &[f64]| {
            let day = |(at, cost): (usize, &f64)| {
                (format!("2026-11-{:02}", at + 1).parse().unwrap(), *cost)
            };
            bars(&costs.iter().enumerate().map(day).collect::<Vec<_>>())
        };
        let full = "█".repeat(20);
        assert_eq!(
            days(&[12.5, 25.0, 0.01, 0.0, -3.0]),
            [
                "2026-11-01 ██████████ 12.50".to_owned(),
                format!("2026-11-02 {full} 25.00"),
                "2026-11-03 █ 0.01".to_owned(),
                "2026-11-04 0.00".to_owned(),
                "2026-11-05 -3.00".to_owned(),
            ]
        );
        assert_eq!(days(&[0.0, -1.0]), ["2026-11-01 0.00", "2026-11-02 -1.00"]);
        assert_eq!(days(&[]), [""; 0]);
    }
}
