//! The arguments of `sluice demo`.

use std::path::{Path, PathBuf};

/// Send events through the functions into OpenSearch, and account for every one.
///
/// Builds the functions, starts OpenSearch, SQS and the stand-ins for Lambda and Firehose, and sends
/// the events through the real `firehose-transform` binary. Then it sends them as messages through
/// the real `sqs-consumer` binary, with an outage of OpenSearch, and asks OpenSearch what arrived.
/// No AWS account is needed, and no process is left running.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct Args {
    /// Your own events: a file with one JSON object a line [default: a bundled sample of music
    /// events, hostile ones among them]
    #[arg(long, value_name = "FILE.ndjson")]
    pub(super) events: Option<PathBuf>,
    /// Rules for metrics from documents: shows what firehose-transform emits, and compares it with
    /// OpenSearch's own count. Documents then have the time of their arrival
    #[arg(long, value_name = "FILE.json")]
    pub(super) metric_rules: Option<PathBuf>,
    /// The OpenSearch: `auto` starts a real one if Docker or Java can run it, otherwise the embedded
    /// one; `real`; `embedded`; or the URL of a running one (`setup --help` explains how requests to
    /// AWS are signed)
    // Not a `Choice`: clap would show an invalid value, and with it a password.
    #[arg(long, value_name = "auto|embedded|real|URL", default_value = "auto")]
    pub(super) opensearch: String,
    /// The SQS: `auto` starts a real ElasticMQ if Java and Maven can run it, otherwise the embedded
    /// one; `real`; `embedded`; or the URL of a running one that takes unsigned requests, such as
    /// ElasticMQ
    #[arg(long, value_name = "auto|embedded|real|URL", default_value = "auto")]
    pub(super) sqs: String,
    /// Keep OpenSearch running with the documents, or the store of --sensors with the points, and print
    /// its URL
    #[arg(long)]
    pub(super) keep: bool,
    /// Instead, make OpenSearch unavailable and load the backup when it is back, then load objects of
    /// every format, through the real `object-loader` binary and `cargo sluice replay`
    #[arg(long, conflicts_with = "metric_rules")]
    pub(super) objects: bool,
    /// Instead, send a minute of readings of machines through a Kinesis stream and the real
    /// `sensor-points` binary into a time series store, with a reshard, an outage, a kill and a
    /// lost checkpoint, and compare every window of the store with what was sent
    #[arg(long, group = "pages", conflicts_with_all = ["events", "metric_rules", "opensearch", "sqs", "objects"])]
    pub(super) sensors: bool,
    /// The time series store of --sensors: `auto` starts InfluxDB or VictoriaMetrics if one is
    /// installed, otherwise the embedded one; `real`; `embedded`; or the URL of a running one
    #[arg(
        long,
        value_name = "auto|embedded|real|URL",
        default_value = "auto",
        requires = "sensors"
    )]
    pub(super) store: String,
    /// How long --sensors sends readings, in seconds
    #[arg(long, default_value_t = 60, requires = "sensors", value_parser = clap::value_parser!(u32).range(6..=3_600))]
    pub(super) seconds: u32,
    /// Instead, make a function fail, time out, run out of memory and be throttled, and show the
    /// metrics and the Google Chat message that follow
    #[arg(long, group = "pages", conflicts_with_all = ["events", "metric_rules", "opensearch", "sqs", "keep", "objects"])]
    pub(super) health: bool,
    /// Instead, let a pipeline fail, a query run too long, a lock be held, a table lag behind its source
    /// and a query cost too much, and show the Google Chat messages that follow
    #[arg(long, group = "pages", conflicts_with_all = ["events", "metric_rules", "opensearch", "sqs", "keep", "objects"])]
    pub(super) watch: bool,
    /// Instead, run the functions of costs once in a small account with idle machines, machines outside of
    /// office hours, dear volumes and an anomaly, and show what they found, stopped, kept and reported
    #[arg(long, group = "pages", conflicts_with_all = ["events", "metric_rules", "opensearch", "sqs", "keep", "objects"])]
    pub(super) cost: bool,
    /// Write the messages of --health, --watch or --cost, or the panels of --sensors, as a web page
    #[arg(long, value_name = "FILE.html", requires = "pages", value_parser = page)]
    pub(super) card: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Checks before the demo that its page can be written after it.
fn page(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_none_or(Path::is_dir) {
        return Ok(path);
    }
    Err("its folder does not exist".to_owned())
}

const EXAMPLES: &str = "\
Examples:
  cargo sluice demo
  cargo sluice demo --events my-events.ndjson
  cargo sluice demo --metric-rules events/metric-rules.json
  cargo sluice demo --opensearch embedded --sqs embedded --json
  cargo sluice demo --opensearch https://user:password@search.example --keep
  cargo sluice demo --objects
  cargo sluice demo --sensors
  cargo sluice demo --sensors --keep
  cargo sluice demo --sensors --seconds 900 --card panels.html
  cargo sluice demo --health
  cargo sluice demo --watch --card alerts.html
  cargo sluice demo --cost

Exit code 1 means that an event is unaccounted for, that a window is wrong, that a failure or a \
cost was not reported, or that a part failed to start.";
