//! The Lambda function `cost-report`.

use std::process::ExitCode;

use cost_report::{App, Config};
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("cost_report", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("cost_report", config.log_level);
    runtime::run(&environment, App::new(config, std::io::stdout()))
}
