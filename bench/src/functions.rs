//! The functions that are measured: how they are built and started.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use local::binaries::cargo;
use serde_json::Value;

use crate::Error;

/// The function that transforms records.
pub(crate) const OURS: &str = "firehose-transform";
/// The same function, with unchanged events as documents.
pub(crate) const PASSTHROUGH: &str = "firehose-transform-passthrough";
/// The function that consumes messages.
pub(crate) const CONSUMER: &str = "sqs-consumer";
/// The function that loads objects.
pub(crate) const LOADER: &str = "object-loader";
/// The function that counts log events.
pub(crate) const COUNTER: &str = "log-metrics";
/// The function that writes points.
pub(crate) const POINTS: &str = "sensor-points";
/// The reference for the cold start; it answers no event.
pub(crate) const HELLO: &str = "hello";

/// The task of a function; functions with the same task are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// Records of Firehose become documents in the answer.
    Transform,
    /// Messages of SQS become documents in OpenSearch.
    Consume,
    /// Records of objects in S3 become documents in OpenSearch.
    Load,
    /// Log events become metrics.
    Count,
    /// Readings of Kinesis become points in a time series database.
    Write,
    /// Resources that cost too much in an account are found, or stopped.
    Save,
}

/// The program of a function.
enum Program {
    /// A binary of the main workspace, and its settings.
    Ours(&'static str, &'static [(&'static str, &'static str)]),
    /// A binary of a package of this workspace.
    Peer(&'static str, &'static str),
    /// A script, and the modules that it uses; the first one is its argument.
    Python(&'static str, &'static [&'static str]),
    Node,
}

const FUNCTIONS: [(&str, Job, Program); 25] = [
    // A full request overflows the answer; records cannot be put back without a stream.
    (OURS, Job::Transform, Program::Ours(OURS, &[("REINGEST", "off")])),
    (
        PASSTHROUGH,
        Job::Transform,
        Program::Ours(OURS, &[("REINGEST", "off"), ("DOCUMENT", "passthrough")]),
    ),
    ("naive", Job::Transform, Program::Peer("naive", "naive-transform")),
    (HELLO, Job::Transform, Program::Peer(HELLO, HELLO)),
    ("python", Job::Transform, Program::Python("main.py", &["json"])),
    ("python-orjson", Job::Transform, Program::Python("main.py", &["orjson"])),
    ("node", Job::Transform, Program::Node),
    (CONSUMER, Job::Consume, Program::Ours(CONSUMER, &[("OPENSEARCH_AUTH", "none")])),
    (
        "sqs-consumer-plain",
        Job::Consume,
        Program::Ours(CONSUMER, &[("OPENSEARCH_AUTH", "none"), ("BULK_GZIP", "off")]),
    ),
    ("naive-consumer", Job::Consume, Program::Peer("naive", "naive-consumer")),
    ("python-consumer", Job::Consume, Program::Python("consumer.py", &["json", "opensearchpy"])),
    (
        "python-orjson-consumer",
        Job::Consume,
        Program::Python("consumer.py", &["orjson", "opensearchpy"]),
    ),
    (LOADER, Job::Load, Program::Ours(LOADER, &[("OPENSEARCH_AUTH", "none")])),
    (
        "object-loader-plain",
        Job::Load,
        Program::Ours(LOADER, &[("OPENSEARCH_AUTH", "none"), ("BULK_GZIP", "off")]),
    ),
    ("naive-loader", Job::Load, Program::Peer("naive", "naive-loader")),
    (
        "python-loader",
        Job::Load,
        Program::Python("object_loader.py", &["json", "boto3", "opensearchpy"]),
    ),
    (COUNTER, Job::Count, Program::Ours(COUNTER, &[])),
    ("python-log-metrics", Job::Count, Program::Python("log_metrics.py", &["json"])),
    (POINTS, Job::Write, Program::Ours(POINTS, &[("TSDB_AUTH", "none")])),
    (
        "sensor-points-plain",
        Job::Write,
        Program::Ours(POINTS, &[("TSDB_AUTH", "none"), ("TSDB_GZIP", "off")]),
    ),
    ("naive-points", Job::Write, Program::Peer("naive", "naive-points")),
    ("python-points", Job::Write, Program::Python("points.py", &["json"])),
    // One list, and the incomplete uploads of each bucket.
    ("idle-resources", Job::Save, Program::Ours("idle-resources", &[("S3_LIST_REQUESTS", "200")])),
    ("parking", Job::Save, Program::Ours("parking", &[("DRY_RUN", "on")])),
    ("rightsizing", Job::Save, Program::Ours("rightsizing", &[])),
];

/// A function that can be started.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name in tables and on the command line.
    pub name: &'static str,
    /// The size of its binary, if it has its own.
    pub binary_bytes: Option<u64>,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, String)>,
}

impl Function {
    pub(crate) fn new(name: &'static str, program: PathBuf) -> Self {
        Self { name, binary_bytes: None, program, arguments: Vec::new(), environment: Vec::new() }
    }

    /// Whether it is a script, which writes numbers as its language prints a double; the others
    /// preserve the text of the input.
    pub(crate) fn is_script(&self) -> bool {
        self.binary_bytes.is_none()
    }

    /// Its binary, or its interpreter.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The command that starts it, with Lambda's environment except the address of the Runtime API.
    pub(crate) fn command(&self) -> Command {
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

    /// This function with an additional environment variable.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// This function, run by another program, which receives it as its last arguments.
    pub(crate) fn run_by(&self, program: &Path, arguments: &[&str]) -> Self {
        let mut arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
        arguments.push(self.program.clone().into());
        arguments.extend(self.arguments.iter().cloned());
        Self { program: program.to_owned(), arguments, ..self.clone() }
    }
}

/// The names of all functions, as a list.
pub(crate) fn names() -> String {
    FUNCTIONS.map(|(name, ..)| name).join(", ")
}

/// Builds and finds the selected functions for a task; all if `only` is empty. A function whose
/// language is not installed is omitted, with a message on standard error.
pub(crate) fn find(job: Job, only: &[String]) -> Result<Vec<Function>, Error> {
    if let Some(unknown) = only.iter().find(|it| FUNCTIONS.iter().all(|(name, ..)| name != it)) {
        return Err(format!("no function {unknown:?}; there are {}", names()).into());
    }
    let wanted = FUNCTIONS.into_iter().filter(|(name, its_job, _)| {
        *its_job == job && (only.is_empty() || only.iter().any(|it| it == name))
    });
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut functions = Vec::new();
    for (name, _, program) in wanted {
        functions.extend(match program {
            Program::Ours(package, settings) => {
                let function = binary(name, &here.join("../Cargo.toml"), &[], package)?;
                let settings = settings.iter();
                Some(settings.fold(function, |it, (name, value)| it.with(name, *value)))
            }
            Program::Peer(package, target) => {
                Some(binary(name, &here.join("Cargo.toml"), &["--package", package], target)?)
            }
            Program::Python(main, modules) => {
                let own = here.join(".venv/bin/python3");
                let interpreter = if own.is_file() { &own } else { Path::new("python3") };
                // The interpreter itself, not the script of a version manager.
                let print = format!("import sys, {}; print(sys.executable)", modules.join(", "));
                let main = here.join("peers/python").join(main);
                script(name, interpreter, &["-c", &print], [main.into(), modules[0].into()])
            }
            Program::Node => {
                let print = ["-e", "console.log(process.execPath)"];
                let main = here.join("peers/node/main.js");
                script(name, Path::new("node"), &print, [main.into()])
            }
        });
    }
    Ok(functions)
}

/// Builds one binary as it is deployed; cargo reports its path.
fn binary(
    name: &'static str,
    manifest: &Path,
    selection: &[&str],
    target: &str,
) -> Result<Function, Error> {
    let built = cargo()
        .args(["build", "--release", "--message-format=json-render-diagnostics"])
        .args(["--bin", target, "--manifest-path"])
        .arg(manifest)
        .args(selection)
        .stderr(Stdio::inherit())
        .output()?;
    if !built.status.success() {
        return Err(format!("{target} does not build").into());
    }
    let messages = String::from_utf8(built.stdout)?;
    let program = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == target)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| format!("cargo built no binary {target}"))?;
    let binary_bytes = Some(fs::metadata(&program)?.len());
    Ok(Function { binary_bytes, ..Function::new(name, program) })
}

fn script<const N: usize>(
    name: &'static str,
    interpreter: &Path,
    print_program: &[&str],
    arguments: [OsString; N],
) -> Option<Function> {
    let found = Command::new(interpreter).args(print_program).output();
    let Some(found) = found.ok().filter(|found| found.status.success()) else {
        eprintln!("{name} is left out: it cannot be run with {} here", interpreter.display());
        return None;
    };
    let program = PathBuf::from(String::from_utf8(found.stdout).ok()?.trim());
    Some(Function { arguments: arguments.into(), ..Function::new(name, program) })
}
