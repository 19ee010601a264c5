//! The Lambda function `pipeline-alerts`.

use std::process::ExitCode;

use pipeline_alerts::{App, Config};
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("pipeline_alerts", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("pipeline_alerts", config.log_level);
    runtime::run(&environment, App::new(config, std::io::stdout()))
}
