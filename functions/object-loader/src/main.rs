//! The Lambda function `object-loader`.

use std::process::ExitCode;

use object_loader::{App, AwsQueues, Config, S3Objects};
use shared::config::Environment;
use shared::opensearch::OpenSearch;
use shared::{runtime, startup, telemetry};

fn main() -> ExitCode {
    startup::exit_code("object_loader", run())
}

fn run() -> Result<(), startup::Error> {
    let environment = Environment::of_this_process();
    let config = Config::from_environment(&environment)?;
    telemetry::start("object_loader", config.log_level);
    let (settings, aws) = (config.opensearch.clone(), config.aws.clone());
    let search = OpenSearch::new(settings, aws.clone(), config.writing.gzip);
    let ports = (search, S3Objects::new(aws.clone()), AwsQueues::new(aws));
    runtime::run(&environment, App::new(config, ports, fastrand::Rng::new(), std::io::stdout()))
}
