//! The settings of a function, and the environment variables derived from them.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The region of the stand-ins.
pub(crate) const REGION: &str = "us-east-1";

/// The account of the stand-ins.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The settings of a Lambda function that matter to its binary.
#[derive(Debug, Clone)]
pub struct FunctionOptions {
    /// The function's name, as in its ARN.
    pub name: String,
    /// The executable that calls the Runtime API (the package's `bootstrap`).
    pub binary: PathBuf,
    /// The function's own environment variables; they override those that Lambda sets.
    pub environment: Vec<(String, String)>,
    /// Maximum duration of an invocation, after which its environment is killed.
    pub timeout: Duration,
    /// Deadline that the function receives, in milliseconds since 1970; `None` for the correct one.
    /// A different one simulates a clock that jumped. The timeout applies either way.
    pub deadline_ms: Option<u64>,
    /// Maximum time from the start of an environment to its first call to `next`: 10 s in Lambda.
    pub init_timeout: Duration,
    /// Maximum number of concurrent environments, at least 1; further invocations wait for one.
    pub concurrency: usize,
    /// Where the function's standard output and standard error go.
    pub logs: Logs,
}

impl FunctionOptions {
    /// A function with a timeout of 60 s and one environment, whose logs are captured.
    pub fn new(name: impl Into<String>, binary: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            binary: binary.into(),
            environment: Vec::new(),
            timeout: Duration::from_mins(1),
            deadline_ms: None,
            init_timeout: Duration::from_secs(10),
            concurrency: 1,
            logs: Logs::Capture,
        }
    }

    pub(super) fn arn(&self) -> String {
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", self.name)
    }

    /// The variables of an environment whose Runtime API is at `api` (`host:port`). The function's
    /// own come last and override the others.
    ///
    /// Source: AWS Lambda developer guide, "Defined runtime environment variables".
    pub(super) fn variables(
        &self,
        task_root: &Path,
        api: &str,
        log_stream: &str,
    ) -> Vec<(String, String)> {
        let name = &self.name;
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut variables = vec![
            own("AWS_LAMBDA_RUNTIME_API", api),
            own("AWS_LAMBDA_FUNCTION_NAME", name),
            own("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            own("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
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
        variables.extend(self.environment.iter().cloned());
        variables
    }
}

/// The destination of a function's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logs {
    /// Captured for [`Function::logs`](super::Function::logs).
    Capture,
    /// Both streams are written to the standard error of this process.
    Inherit,
}
