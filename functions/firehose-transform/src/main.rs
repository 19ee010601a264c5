//! The Lambda function `firehose-transform`.

use std::process::ExitCode;

use firehose_transform::App;
use firehose_transform::config::Config;
use firehose_transform::source::AwsSource;
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("firehose_transform", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let mut config = Config::from_environment(&environment)?;
    telemetry::start("firehose_transform", config.log_level);
    let source = AwsSource::new(std::mem::take(&mut config.aws));
    runtime::run(&environment, App::new(config, source, std::io::stdout()))
}
