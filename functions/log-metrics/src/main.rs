//! The Lambda function `log-metrics`.

use std::process::ExitCode;

use log_metrics::App;
use log_metrics::config::Config;
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("log_metrics", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("log_metrics", config.log_level);
    let app = App::new(config, std::io::stdout());
    runtime::run(&environment, app)
}
