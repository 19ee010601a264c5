//! What is measured, and how it is built and started.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Error;

/// The function that all of this is about.
pub const OURS: &str = "firehose-transform";
/// The measure for the cold start; it answers no event.
pub const HELLO: &str = "hello";

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
            // A full request overflows the answer; there is no stream to put records back into.
            .env("REINGEST", "off");
        command
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

/// Builds and finds the functions that are wanted, all if `only` is empty. One whose language
/// is not on the machine is left out, with a word on standard error.
///
/// # Errors
/// When one does not build, or `only` names one that does not exist.
pub fn find(only: &[String]) -> Result<Vec<Function>, Error> {
    const NAMES: [&str; 6] = [OURS, "naive", HELLO, "python", "python-orjson", "node"];
    if let Some(unknown) = only.iter().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(format!("no function {unknown:?}; there are {}", NAMES.join(", ")).into());
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut functions = Vec::new();
    for name in NAMES {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        functions.extend(match name {
            OURS => Some(rust(name, &here.join("../Cargo.toml"), name, name)?),
            "naive" => Some(rust(name, &here.join("Cargo.toml"), "naive", "naive-transform")?),
            HELLO => Some(rust(name, &here.join("Cargo.toml"), HELLO, HELLO)?),
            "python" => python(name, "json", here),
            "python-orjson" => python(name, "orjson", here),
            _ => node(name, here),
        });
    }
    Ok(functions)
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

fn python(name: &'static str, json: &str, here: &Path) -> Option<Function> {
    // The interpreter itself, not a version manager's script in front of it.
    let program = format!("import sys, {json}; print(sys.executable)");
    script(name, "python3", &program, here.join("peers/python/main.py"), Some(json))
}

fn node(name: &'static str, here: &Path) -> Option<Function> {
    let program = "console.log(process.execPath)";
    script(name, "node", program, here.join("peers/node/main.js"), None)
}

fn script(
    name: &'static str,
    interpreter: &str,
    print_program: &str,
    main: PathBuf,
    argument: Option<&str>,
) -> Option<Function> {
    let flag = if interpreter == "node" { "-e" } else { "-c" };
    let found = Command::new(interpreter).args([flag, print_program]).output();
    let Some(found) = found.ok().filter(|found| found.status.success()) else {
        eprintln!("{name} is left out: it cannot be run with {interpreter} here");
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
    })
}
