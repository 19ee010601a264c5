//! The Lambda function `data-checks`.

use std::process::ExitCode;

use data_checks::{App, Config};
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("data_checks", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("data_checks", config.log_level);
    runtime::run(&environment, App::new(config, std::io::stdout()))
}
