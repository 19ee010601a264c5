//! A flow that fails, in a real Prefect if one is installed, or else its recorded call.

use std::path::Path;
use std::time::{Duration, Instant};

use local::function_url::FunctionUrl;
use local::monitoring::Monitoring;
use local::prefect::Prefect;
use local::runtime_api::{Function, FunctionOptions};

use crate::console::log;
use crate::demo::notification::TOPIC;
use crate::error::CliError;
use crate::progress::Spinner;

pub(super) const FUNCTION: &str = "pipeline-alerts";

const SECRET_ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:webhook-AbCdEf";
/// The secret that callers must know, which is also in the recorded call.
const SECRET: &str = "music-pipelines-1-8f2c41";
const RECORDED: &[u8] = include_bytes!("../../../../events/pipeline-alerts/flow-run-failed.json");

/// The flow, and the automation that calls the function. Its parameters are the URL and the secret.
const FLOW: &str = include_str!("flow.py");

/// How long the notice may take after the flow has failed.
const NOTICE_LIMIT: Duration = Duration::from_secs(30);

/// Makes a flow fail, waits until the function has published a notice, and returns where the flow
/// ran.
pub(super) async fn fail(binary: &Path, monitoring: &Monitoring) -> Result<String, CliError> {
    monitoring.keep_secret(SECRET_ARN, SECRET);
    let spinner = Spinner::new();
    spinner.message("Starting Prefect");
    let prefect = Prefect::start().await;
    let mut environment = vec![
        ("AWS_ENDPOINT_URL", monitoring.url()),
        ("ALERTS_TOPIC_ARN", TOPIC),
        ("WEBHOOK_SECRET_ARN", SECRET_ARN),
    ];
    if let Ok(prefect) = &prefect {
        environment.push(("PREFECT_API_URL", prefect.api_url()));
    }
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let options = FunctionOptions {
        environment: environment.into_iter().map(own).collect(),
        ..FunctionOptions::new(FUNCTION, binary)
    };
    let function = Function::start(options).await.map_err(CliError::failed)?;
    let prefect = match prefect {
        Ok(prefect) => prefect,
        Err(error) => {
            log(format_args!("Prefect: a recorded call, because {error}."));
            log(format_args!("For a real one: {}.", error.remedy));
            function.invoke(RECORDED).await.map_err(CliError::failed)?;
            function.stop().await;
            return Ok("a recorded call of Prefect".to_owned());
        }
    };
    let url = FunctionUrl::start(function).await.map_err(CliError::failed)?;
    spinner.message("Running a flow that fails");
    prefect.run(FLOW, &[url.url(), SECRET]).await.map_err(CliError::failed)?;
    let since = Instant::now();
    while monitoring.published().is_empty() && since.elapsed() < NOTICE_LIMIT {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    url.stop().await;
    prefect.stop().await;
    Ok("a flow in Prefect".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_sets_prefect_up_as_the_demo_does() {
        let document = include_str!("../../../../docs/connect.md");
        let set_up = testkit::code_blocks(document, "python")[0];
        let set_up = set_up.replace("\"URL\"", "url").replace("\"SECRET\"", "secret");
        for line in set_up.lines() {
            assert!(FLOW.contains(line), "{line}");
        }
    }
}
