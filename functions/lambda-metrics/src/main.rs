//! The Lambda function `lambda-metrics`.

use std::process::ExitCode;

use lambda_metrics::{App, AwsServices, Config};
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("lambda_metrics", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("lambda_metrics", config.log_level);
    let services = AwsServices::new(config.aws.clone());
    let app = App::new(config, services, std::io::stdout());
    runtime::run(&environment, app)
}
