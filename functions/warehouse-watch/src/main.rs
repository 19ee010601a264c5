//! The Lambda function `warehouse-watch`.

use std::process::ExitCode;

use shared::config::Environment;
use shared::{runtime, startup, telemetry};
use warehouse_watch::{App, Config};

fn main() -> ExitCode {
    startup::exit_code("warehouse_watch", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("warehouse_watch", config.log_level);
    runtime::run(&environment, App::new(config, std::io::stdout()))
}
