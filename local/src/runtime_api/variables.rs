//! The environment variables that Lambda gives a function.
//!
//! Source: AWS Lambda developer guide, "Defined runtime environment variables".

use std::path::Path;

use super::FunctionOptions;

/// The region that the stand-ins pretend to be in.
pub(crate) const REGION: &str = "us-east-1";

/// The account that the stand-ins pretend to be.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The variables of an environment whose Runtime API is at `api` (`host:port`); the function's own
/// come last and win.
pub(super) fn variables(
    options: &FunctionOptions,
    task_root: &Path,
    api: &str,
    log_stream: &str,
) -> Vec<(String, String)> {
    let name = &options.name;
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut variables = vec![
        own("AWS_LAMBDA_RUNTIME_API", api),
        own("AWS_LAMBDA_FUNCTION_NAME", name),
        own("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        own("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &options.memory_mb.to_string()),
        own("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        own("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{name}")),
        own("AWS_LAMBDA_LOG_STREAM_NAME", log_stream),
        own("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        own("AWS_REGION", REGION),
        own("AWS_DEFAULT_REGION", REGION),
        own("AWS_ACCESS_KEY_ID", "local"),
        own("AWS_SECRET_ACCESS_KEY", "local"),
        own("AWS_SESSION_TOKEN", "local"),
        own("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
        own("LANG", "en_US.UTF-8"),
        own("TZ", ":UTC"),
        own("LAMBDA_TASK_ROOT", &task_root.to_string_lossy()),
        own("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        own("_HANDLER", "bootstrap"),
    ];
    variables.extend(options.environment.iter().cloned());
    variables
}

/// The function's ARN, as its invocations name it.
pub(super) fn arn(options: &FunctionOptions) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", options.name)
}
