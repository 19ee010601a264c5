//! The Lambda function `sqs-consumer`.

use std::process::ExitCode;

use shared::config::Environment;
use shared::{runtime, startup, telemetry};
use sqs_consumer::App;
use sqs_consumer::AwsQueues;
use sqs_consumer::Config;
use sqs_consumer::OpenSearch;

fn main() -> ExitCode {
    startup::exit_code("sqs_consumer", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("sqs_consumer", config.log_level);
    let (search, queues) = (OpenSearch::new(&config), AwsQueues::new(&config));
    let app = App::new(config, search, queues, fastrand::Rng::new(), std::io::stdout());
    runtime::run(&environment, app)
}
