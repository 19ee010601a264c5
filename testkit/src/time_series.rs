//! The time series databases of a test.

use local::opensearch::Environment;
use local::timeseries::{Choice, TimeSeries, start_influxdb, start_victoria_metrics};

/// The embedded store, and InfluxDB and VictoriaMetrics if this machine has them; each has a
/// database `sensors`. A message names missing ones; with `SLUICE_REQUIRE_REAL=1` they fail the
/// test.
#[expect(clippy::print_stderr, reason = "a test must not pass in silence without its server")]
pub async fn time_series_stores() -> Vec<TimeSeries> {
    let embedded = TimeSeries::start(Choice::Embedded, |_| {}).await;
    let mut stores = vec![embedded.unwrap()];
    let real =
        [("InfluxDB", start_influxdb().await), ("VictoriaMetrics", start_victoria_metrics().await)];
    for (name, started) in real {
        match started {
            Ok(store) => stores.push(store),
            Err(error) => {
                let required = Environment::read().require_real;
                assert!(!required, "SLUICE_REQUIRE_REAL=1, and no {name}: {error}");
                eprintln!("NOT RUN against {name}, because {error}");
            }
        }
    }
    for store in &stores {
        store.client().create("sensors").await.unwrap();
    }
    stores
}
