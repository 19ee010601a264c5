//! The Lambda function `sensor-points`.

use std::process::ExitCode;

use sensor_points::{App, AwsQueue, Config, HttpStore};
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("sensor_points", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("sensor_points", config.log_level);
    let store = HttpStore::new(config.store.clone(), config.aws.clone());
    let queue = AwsQueue::new(config.quarantine_url.clone(), config.aws.clone());
    runtime::run(&environment, App::new(config, store, queue, std::io::stdout()))
}
