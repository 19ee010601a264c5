//! InfluxDB 1 and VictoriaMetrics in their own processes, if they are installed.

use std::ffi::OsString;

use super::TimeSeries;
use super::client::Client;
use crate::machine::{Kind, Real, Supervised, Unavailable, find, ready, temporary_folder};
use crate::server;
use crate::service::StartError;

/// Starts InfluxDB, otherwise VictoriaMetrics, and waits until it answers.
pub(super) async fn start(say: &mut impl FnMut(&str)) -> Result<Real, Unavailable> {
    let real = match influxdb().await {
        Ok(real) => real,
        Err(no_influxdb) => victoria_metrics().await.map_err(|no_victoria_metrics| {
            let reason = format!("{no_influxdb}, and {no_victoria_metrics}");
            Unavailable::new(reason, no_influxdb.remedy)
        })?,
    };
    say(&format!("{} at {}.", real.kind.describe("store", "store"), real.url));
    Ok(real)
}

/// Starts InfluxDB 1.
///
/// # Errors
/// Why this machine cannot run it.
pub async fn start_influxdb() -> Result<TimeSeries, StartError> {
    TimeSeries::of(influxdb().await)
}

/// Starts VictoriaMetrics, with a setting by which a point that is written again replaces the first
/// one.
///
/// # Errors
/// Why this machine cannot run it.
pub async fn start_victoria_metrics() -> Result<TimeSeries, StartError> {
    TimeSeries::of(victoria_metrics().await)
}

async fn influxdb() -> Result<Real, Unavailable> {
    find("influxd", "version", "Debian's package influxdb").await?;
    let folder = temporary_folder("sluice-influxdb-")?;
    let address =
        server::free_address().await.map_err(Unavailable::io("no free port for", "it"))?;
    let path = folder.path().display();
    let settings = format!(
        "reporting-disabled = true\n\
         bind-address = \"127.0.0.1:0\"\n\
         [meta]\ndir = \"{path}/meta\"\n\
         [data]\ndir = \"{path}/data\"\nwal-dir = \"{path}/wal\"\nquery-log-enabled = false\n\
         [monitor]\nstore-enabled = false\n\
         [http]\nbind-address = \"{address}\"\nlog-enabled = false\n"
    );
    let file = folder.path().join("influxdb.conf");
    std::fs::write(&file, settings).map_err(Unavailable::io("cannot write", &file))?;
    let line = ["influxd".into(), "run".into(), "-config".into(), file.into_os_string()];
    up(folder, &line, format!("http://{address}"), "InfluxDB 1").await
}

async fn victoria_metrics() -> Result<Real, Unavailable> {
    find("victoria-metrics", "-version", "Debian's package victoria-metrics").await?;
    let folder = temporary_folder("sluice-victoria-metrics-")?;
    let address =
        server::free_address().await.map_err(Unavailable::io("no free port for", "it"))?;
    let mut data = OsString::from("-storageDataPath=");
    data.push(folder.path().join("data"));
    let line = [
        "victoria-metrics".into(),
        data,
        format!("-httpListenAddr={address}").into(),
        "-retentionPeriod=100y".into(),
        "-dedup.minScrapeInterval=1ms".into(),
        // The default latency would hide the newest points.
        "-search.latencyOffset=0s".into(),
    ];
    up(folder, &line, format!("http://{address}"), "VictoriaMetrics").await
}

async fn up(
    folder: tempfile::TempDir,
    line: &[OsString],
    url: String,
    name: &'static str,
) -> Result<Real, Unavailable> {
    let server = Supervised::start(folder, "kill \"$server\"", line, false)?;
    let asked = url.clone();
    let probe = async |_| Client::new(&asked).ok()?.dialect().await.ok();
    let (server, _) = ready(server, probe).await?;
    Ok(Real { server, url, kind: Kind::Installed(name), container: None })
}
