//! The time windows of the dashboard, as queries to any store.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::{Client, ClientError, Dialect};
use super::database::Database;
use super::query::{Series, Statement, parse};

/// The dashboard: `dashboards/sensors.json`.
const DASHBOARD: &str = include_str!("../../../dashboards/sensors.json");

/// The figure of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Items per minute, by line.
    Throughput,
    /// Share of the readings in which the machine is running, by machine.
    Availability,
    /// Defects per item, by line.
    DefectRate,
    /// Energy per item, by line.
    EnergyPerProduct,
}

/// A panel of the dashboard that shows windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel {
    /// Its title.
    pub title: String,
    /// Its figure.
    pub figure: Figure,
    /// The length of its windows, in minutes.
    pub minutes: u32,
    /// Its query in `InfluxQL`, with `$timeFilter`.
    pub query: String,
}

/// The values of windows, by the tag that the panel groups by and by the start of the window in
/// milliseconds since 1970.
pub type Windows = BTreeMap<(String, u64), f64>;

/// The panels of the dashboard that show windows.
#[must_use]
pub fn panels() -> Vec<Panel> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap_or_default();
    let panels = dashboard["panels"].as_array().into_iter().flatten();
    panels.filter_map(Panel::read).collect()
}

impl Panel {
    fn read(panel: &Value) -> Option<Self> {
        let title = panel["title"].as_str()?.to_owned();
        let (name, windows) = title.split_once(", windows of ")?;
        let figure = match name {
            "Throughput" => Figure::Throughput,
            "Availability" => Figure::Availability,
            "Defect rate" => Figure::DefectRate,
            "Energy per product" => Figure::EnergyPerProduct,
            _ => return None,
        };
        let minutes = windows.split(' ').next()?.parse().ok()?;
        let query = panel["targets"][0]["query"].as_str()?.to_owned();
        Some(Self { title, figure, minutes, query })
    }

    /// The length of a window, in milliseconds.
    #[must_use]
    pub fn window_ms(&self) -> u64 {
        u64::from(self.minutes) * 60_000
    }

    /// The query of the panel for the time from `from_ms` to `until_ms`, exclusive.
    #[must_use]
    pub fn query(&self, from_ms: u64, until_ms: u64) -> String {
        let filter = format!("time >= {from_ms}ms and time < {until_ms}ms");
        self.query.replace("$timeFilter", &filter)
    }

    /// The same figure in `PromQL`.
    fn promql(&self) -> String {
        let minutes = self.minutes;
        let sum = |by: &str, function: &str, field: &str| {
            format!("sum by ({by}) ({function}_over_time(line_{field}[{minutes}m]))")
        };
        match self.figure {
            Figure::Throughput => format!("{} / {minutes}", sum("line", "sum", "items")),
            Figure::Availability => {
                let running = |function| sum("machine", function, "running");
                format!("{} / {}", running("sum"), running("count"))
            }
            Figure::DefectRate => {
                format!("{} / {}", sum("line", "sum", "defects"), sum("line", "sum", "items"))
            }
            Figure::EnergyPerProduct => {
                format!("{} / {}", sum("line", "sum", "energy_kwh"), sum("line", "sum", "items"))
            }
        }
    }

    /// Queries the windows of the panel from a store, from the window that contains `from_ms` to
    /// `until_ms`, exclusive.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn ask(
        &self,
        client: &Client,
        database: &str,
        (from_ms, until_ms): (u64, u64),
    ) -> Result<Windows, ClientError> {
        let window_ms = self.window_ms();
        let first_ms = from_ms - from_ms % window_ms;
        if client.dialect().await? == Dialect::InfluxQl {
            let series = client.query(database, &self.query(first_ms, until_ms)).await?;
            return Ok(windows(&series));
        }
        let mut windows = Windows::new();
        let mut start_ms = first_ms;
        while start_ms < until_ms {
            // The range `[1m]` excludes its start and includes its end.
            let last_ms = start_ms + window_ms - 1;
            for (labels, value) in client.evaluate(&self.promql(), last_ms).await? {
                let tag = labels.into_values().next().unwrap_or_default();
                windows.insert((tag, start_ms), value);
            }
            start_ms += window_ms;
        }
        Ok(windows)
    }

    /// Queries the windows of the panel from a database without a server.
    ///
    /// # Errors
    /// Why the query is not supported.
    pub fn of(
        &self,
        database: &Database,
        (from_ms, until_ms): (u64, u64),
    ) -> Result<Windows, String> {
        let first_ms = from_ms - from_ms % self.window_ms();
        match parse(&self.query(first_ms, until_ms), 0)? {
            Statement::Select(select) => Ok(windows(&select.ask(database, 0)?)),
            _ => Err("not a SELECT".to_owned()),
        }
    }
}

fn windows(series: &[Series]) -> Windows {
    let mut windows = Windows::new();
    for Series { tags, rows, .. } in series {
        let tag = tags.values().next().cloned().unwrap_or_default();
        for (time_ns, values) in rows {
            let start_ms = u64::try_from(time_ns / 1_000_000).unwrap_or_default();
            if let Some(Some(value)) = values.first() {
                windows.insert((tag.clone(), start_ms), *value);
            }
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_of_the_dashboard_has_windows_of_one_and_of_five_minutes() {
        let found: Vec<_> = panels().iter().map(|panel| (panel.minutes, panel.figure)).collect();
        let figures = [
            Figure::Throughput,
            Figure::Availability,
            Figure::DefectRate,
            Figure::EnergyPerProduct,
        ];
        let expected = [1, 5].map(|minutes| figures.map(|figure| (minutes, figure)));
        assert_eq!(found, expected.concat());
    }
}
