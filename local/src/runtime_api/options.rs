use std::path::PathBuf;
use std::time::Duration;

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
    /// How long an environment may take from its start to its first call of `next`: 10 s in Lambda.
    pub init_timeout: Duration,
    /// Told to the function as `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB; not enforced.
    pub memory_mb: u32,
    /// How many environments may run at once; further invocations wait for one. At least 1.
    pub concurrency: usize,
    /// Where the function's standard output and standard error go.
    pub logs: Logs,
}

impl FunctionOptions {
    /// A function of 128 MB, a timeout of 60 s and one environment, whose logs are captured.
    pub fn new(name: impl Into<String>, binary: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            binary: binary.into(),
            environment: Vec::new(),
            timeout: Duration::from_mins(1),
            init_timeout: Duration::from_secs(10),
            memory_mb: 128,
            concurrency: 1,
            logs: Logs::Capture,
        }
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
