//! The Lambda function `rightsizing`.

use std::process::ExitCode;

use rightsizing::{App, Config};
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("rightsizing", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("rightsizing", config.log_level);
    runtime::run(&environment, App::new(config, std::io::stdout()))
}
