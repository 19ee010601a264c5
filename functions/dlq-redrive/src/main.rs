//! The Lambda function `dlq-redrive`.

use std::process::ExitCode;

use dlq_redrive::App;
use dlq_redrive::config::Config;
use dlq_redrive::health::OpenSearch;
use dlq_redrive::sqs::AwsQueues;
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("dlq_redrive", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("dlq_redrive", config.log_level);
    let health = OpenSearch::new(&config);
    let app = App::new(config.clone(), AwsQueues::new(config.aws), health, std::io::stdout());
    runtime::run(&environment, app)
}
