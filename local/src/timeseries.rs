//! A time series database on one machine that accepts line protocol: InfluxDB 1 or VictoriaMetrics
//! if they are installed, otherwise a small embedded one.

mod client;
mod database;
pub mod embedded;
mod line;
mod query;
mod real;
mod windows;

use std::io;

pub use client::{Client, ClientError, Dialect};
pub use database::Database;
use embedded::State;
pub use embedded::{Embedded, Fault};
pub use query::{Row, Series};
pub use real::{start_influxdb, start_victoria_metrics};
pub use windows::{Figure, Panel, Windows, panels};

pub use crate::environment::Environment;
pub use crate::faults::Lasting;
use crate::machine::{Real, Unavailable};
pub use crate::service::{Choice, InvalidChoice, Kind};
use crate::service::{Product, Service};

/// A running store.
pub type TimeSeries = Service<State>;

/// A store that `--keep` leaves running.
pub type Kept = crate::service::Kept<State>;

impl Product for State {
    const NAME: &'static str = "time series store";
    const REAL: &'static str = "InfluxDB or VictoriaMetrics";
    type Client = Client;

    fn client(url: &str) -> Result<Client, String> {
        Client::new(url).map_err(|error| error.to_string())
    }

    fn url_of(client: &Client) -> &str {
        client.url()
    }

    async fn ask(client: &Client) -> Result<String, String> {
        let dialect = client.dialect().await.map_err(|error| error.to_string())?;
        Ok(dialect.name().to_owned())
    }

    async fn start_real(_: &Environment, say: &mut impl FnMut(&str)) -> Result<Real, Unavailable> {
        real::start(say).await
    }

    async fn start_embedded() -> io::Result<Embedded> {
        Embedded::start().await
    }
}
