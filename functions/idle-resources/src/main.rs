//! The Lambda function `idle-resources`.

use std::process::ExitCode;

use idle_resources::{App, Config};
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("idle_resources", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("idle_resources", config.log_level);
    runtime::run(&environment, App::new(config, std::io::stdout()))
}
