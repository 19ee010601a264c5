//! The Lambda function `alert-notifier`.

use std::process::ExitCode;

use alert_notifier::config::Config;
use alert_notifier::{App, GoogleChat, Sdk};
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("alert_notifier", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("alert_notifier", config.log_level);
    let sdk = Sdk::new(config.aws.clone());
    let app = App::new(config, GoogleChat::default(), sdk, std::io::stdout());
    runtime::run(&environment, app)
}
