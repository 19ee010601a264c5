//! The settings of a function, and what its environment gets to know of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The region that the stand-ins pretend to be in.
pub(crate) const REGION: &str = "us-east-1";

/// The account that the stand-ins pretend to be.
pub(crate) const ACCOUNT: &str = "123456789012";

/// How a function is run: the settings of the Lambda function that matter to its binary.
#[derive(Debug, Clone)]
pub struct FunctionOptions {
    /// The function's name, as in its ARN.
    pub name: String,
    /// The executable that speaks the Runtime API (the package's `bootstrap`).
    pub binary: PathBuf,
    /// The function's own environment variables; they win over those that Lambda sets.
    pub environment: Vec<(String, String)>,
    /// How long an invocation may take before its environment is killed.
    pub timeout: Duration,
    /// Deadline that the function receives, in milliseconds since 1970; `None` for the correct one.
    /// A different one simulates a clock that jumped. The timeout counts either way.
    pub deadline_ms: Option<u64>,
    /// How long an environment may take from its start to its first call of `next`: 10 s in Lambda.
    pub init_timeout: Duration,
    /// Maximum environments at once; further invocations wait for one. At least 1.
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

    /// The variables of an environment whose Runtime API is at `api` (`host:port`); the function's
    /// own come last and win.
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

/// Where a function's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logs {
    /// Kept in memory, for [`Function::logs`](super::Function::logs).
    Capture,
    /// Both streams to this process's standard error, as they come.
    Inherit,
}
