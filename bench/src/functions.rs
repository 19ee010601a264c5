//! What is measured, and how it is built and started.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Error;

/// The function that transforms.
pub const OURS: &str = "firehose-transform";
/// The function that consumes.
pub const CONSUMER: &str = "sqs-consumer";
/// The function that counts.
pub const COUNTER: &str = "log-metrics";
/// The measure for the cold start; it answers no event.
pub const HELLO: &str = "hello";

/// What a function does, and what it is compared for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Records of Firehose become documents in the answer.
    Transform,
    /// Messages of SQS become documents in OpenSearch.
    Consume,
    /// Log events become metrics.
    Count,
}

/// How a function writes numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// As the input did.
    AsWritten,
    /// As its language prints a double.
    AsDoubles,
}

/// A function that can be started.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name in tables and on the command line.
    pub name: &'static str,
    /// How its documents show numbers.
    pub numbers: Numbers,
    /// The bytes of its binary, if it has one of its own.
    pub binary_bytes: Option<u64>,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, String)>,
}

impl Function {
    /// The command that starts it, with Lambda's environment but for the Runtime API's address.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("AWS_LAMBDA_FUNCTION_NAME", self.name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_REGION", "us-east-1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// This function with another variable in its environment.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// This function, run by another program that takes it as its last arguments.
    #[must_use]
    pub fn run_by(&self, program: &Path, arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut arguments: Vec<_> = arguments.into_iter().collect();
        arguments.push(self.program.clone().into_os_string());
        arguments.extend(self.arguments.iter().cloned());
        Self { program: program.to_owned(), arguments, ..self.clone() }
    }
}

const NAMES: [(&str, Job); 13] = [
    (OURS, Job::Transform),
    ("naive", Job::Transform),
    (HELLO, Job::Transform),
    ("python", Job::Transform),
    ("python-orjson", Job::Transform),
    ("node", Job::Transform),
    (CONSUMER, Job::Consume),
    ("sqs-consumer-plain", Job::Consume),
    ("naive-consumer", Job::Consume),
    ("python-consumer", Job::Consume),
    ("python-orjson-consumer", Job::Consume),
    (COUNTER, Job::Count),
    ("python-log-metrics", Job::Count),
];

/// Builds and finds the functions for a job that are wanted, all if `only` is empty. One whose
/// language is not on the machine is left out, with a word on standard error.
///
/// # Errors
/// When one does not build, or `only` names one that does not exist.
pub fn find(job: Job, only: &[String]) -> Result<Vec<Function>, Error> {
    if let Some(unknown) = only.iter().find(|it| NAMES.iter().all(|(name, _)| name != it)) {
        let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
        return Err(format!("no function {unknown:?}; there are {}", names.join(", ")).into());
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (ours, theirs) = (&here.join("../Cargo.toml"), &here.join("Cargo.toml"));
    let mut functions = Vec::new();
    for (name, _) in NAMES.into_iter().filter(|(_, its_job)| *its_job == job) {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        functions.extend(match name {
            // A full request overflows the answer; there is no stream to put records back into.
            OURS => Some(rust(name, ours, OURS, OURS)?.with("REINGEST", "off")),
            "naive" => Some(rust(name, theirs, "naive", "naive-transform")?),
            HELLO => Some(rust(name, theirs, HELLO, HELLO)?),
            "python" => python(name, "main.py", &["json"], here),
            "python-orjson" => python(name, "main.py", &["orjson"], here),
            "node" => node(name, here),
            CONSUMER => Some(consumer(name, ours, "on")?),
            "sqs-consumer-plain" => Some(consumer(name, ours, "off")?),
            "naive-consumer" => Some(rust(name, theirs, "naive", "naive-consumer")?),
            "python-consumer" => python(name, "consumer.py", &["json", "opensearchpy"], here),
            COUNTER => Some(rust(name, ours, COUNTER, COUNTER)?),
            "python-log-metrics" => python(name, "log_metrics.py", &["json"], here),
            _ => python(name, "consumer.py", &["orjson", "opensearchpy"], here),
        });
    }
    Ok(functions)
}

fn consumer(name: &'static str, manifest: &Path, gzip: &str) -> Result<Function, Error> {
    let function = rust(name, manifest, CONSUMER, CONSUMER)?;
    Ok(function.with("OPENSEARCH_AUTH", "none").with("BULK_GZIP", gzip))
}

fn rust(
    name: &'static str,
    manifest: &Path,
    package: &str,
    binary: &str,
) -> Result<Function, Error> {
    let program = build(manifest, package, binary)?;
    Ok(Function {
        name,
        numbers: Numbers::AsWritten,
        binary_bytes: Some(fs::metadata(&program)?.len()),
        program,
        arguments: Vec::new(),
        environment: Vec::new(),
    })
}

/// Builds one binary as it is deployed; cargo says where it is.
fn build(manifest: &Path, package: &str, binary: &str) -> Result<PathBuf, Error> {
    let built = Command::new("cargo")
        .args(["build", "--release", "--message-format=json-render-diagnostics"])
        .args(["--package", package, "--bin", binary, "--manifest-path"])
        .arg(manifest)
        .stderr(Stdio::inherit())
        .output()?;
    if !built.status.success() {
        return Err(format!("{package} does not build").into());
    }
    let messages = String::from_utf8(built.stdout)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == binary)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| format!("cargo built no binary {binary}").into())
}

/// A script that uses these modules; the first is its argument.
fn python(
    name: &'static str,
    script_name: &str,
    modules: &[&str],
    here: &Path,
) -> Option<Function> {
    let own = here.join(".venv/bin/python3");
    let interpreter = if own.is_file() { own.as_path() } else { Path::new("python3") };
    // The interpreter itself, not a version manager's script in front of it.
    let program = format!("import sys, {}; print(sys.executable)", modules.join(", "));
    let main = here.join("peers/python").join(script_name);
    script(name, interpreter, &["-c", &program], main, modules.first().copied())
}

fn node(name: &'static str, here: &Path) -> Option<Function> {
    let print_program = ["-e", "console.log(process.execPath)"];
    script(name, Path::new("node"), &print_program, here.join("peers/node/main.js"), None)
}

fn script(
    name: &'static str,
    interpreter: &Path,
    print_program: &[&str],
    main: PathBuf,
    argument: Option<&str>,
) -> Option<Function> {
    let found = Command::new(interpreter).args(print_program).output();
    let Some(found) = found.ok().filter(|found| found.status.success()) else {
        eprintln!("{name} is left out: it cannot be run with {} here", interpreter.display());
        return None;
    };
    let mut arguments = vec![main.into_os_string()];
    arguments.extend(argument.map(OsString::from));
    Some(Function {
        name,
        numbers: Numbers::AsDoubles,
        binary_bytes: None,
        program: PathBuf::from(String::from_utf8(found.stdout).ok()?.trim()),
        arguments,
        environment: Vec::new(),
    })
}
