//! The Lambda function `sqs-consumer`.

use std::process::ExitCode;

use shared::config::Environment;
use shared::opensearch::OpenSearch;
use shared::{runtime, startup, telemetry};
use sqs_consumer::{App, AwsQueues, Config};

fn main() -> ExitCode {
    startup::exit_code("sqs_consumer", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("sqs_consumer", config.log_level);
    let (settings, aws) = (config.opensearch.clone(), config.aws.clone());
    let search = OpenSearch::new(settings, aws, config.writing.gzip);
    let queues = AwsQueues::new(&config);
    let app = App::new(config, search, queues, fastrand::Rng::new(), std::io::stdout());
    runtime::run(&environment, app)
}
