//! The Lambda function `firehose-transform`.

use std::process::ExitCode;

use firehose_transform::App;
use firehose_transform::config::Config;
use firehose_transform::source::AwsSource;
use shared::config::Environment;
use shared::{runtime, startup, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::exit_code("firehose_transform", run().await).await
}

async fn run() -> Result<(), startup::Error> {
    let mut config = Config::from_environment(&Environment::of_this_process())?;
    telemetry::start("firehose_transform", config.log_level);
    let source = AwsSource::new(std::mem::take(&mut config.aws));
    Ok(runtime::run(App::new(config, source, std::io::stdout())).await?)
}
