#![cfg(test)]
//! The functions under `cargo lambda`, with which users run them: they answer as behind the
//! stand-in of the Runtime API, where their own tests compare the answers with the golden ones.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64_simd::STANDARD;
use local::binaries;
use local::opensearch::{Embedded, Environment};
use serde_json::{Value, json};
use testkit::{Binary, Endpoint, Reply, events};

/// Time limit of a start.
const HANG: Duration = Duration::from_mins(1);

/// The variables that every function has in Lambda, except the address of the Runtime API.
const VARIABLES: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "key"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_REGION", "eu-west-1"),
    // Nothing listens there: calls to AWS fail immediately.
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
];

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// `cargo lambda watch`, which only serves the Runtime API of one function: building the functions
/// again, with other features than those of the tests, would take minutes.
struct Watch {
    port: u16,
    _process: Process,
}

impl Watch {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("cargo")
            .args(["lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &port.to_string(), "--timeout", "60"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = Process(process.unwrap());
        let until = Instant::now() + HANG;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "cargo lambda watch does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { port, _process: process }
    }

    /// Starts the function with the variables that `cargo lambda watch` requires.
    fn function(&self, binary: &Path, variables: &[(&str, &str)]) -> Process {
        let child = Command::new(binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{}/.rt", self.port))
            .env("AWS_LAMBDA_FUNCTION_NAME", testkit::FUNCTION_NAME)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "4096")
            .env("AWS_LAMBDA_MAX_CONCURRENCY", "1")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Process(child.unwrap())
    }

    async fn invoke(&self, event: &Path) -> Output {
        let mut command = Command::new("cargo");
        command
            .args(["lambda", "invoke", "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &self.port.to_string(), "--data-file"])
            .arg(event);
        // Meanwhile this thread answers the function's calls.
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
    }
}

/// Fails the test if an answer under `cargo lambda` differs from that behind the stand-in.
async fn check(name: &str, fixtures: &[String], variables: &[(&str, &str)]) {
    let path = binaries::function(name).unwrap();
    let variables = [VARIABLES, variables].concat();
    let mut binary = Binary::new(path.to_str().unwrap(), &variables).await;
    let watch = Watch::start();
    let _process = watch.function(&path, &variables);
    for fixture in fixtures {
        let event = events(name).join(fixture);
        let expected = binary.invoke(fs::read(&event).unwrap()).await;
        let output = watch.invoke(&event).await;
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        if expected.answer.is_ok() {
            let answer: Value = stdout.parse().unwrap_or_else(|_| panic!("{fixture}: {stderr}"));
            assert_eq!(timeless(answer), timeless(expected.json()), "{name}: {fixture}");
        } else {
            assert!(!output.status.success(), "{name}: {fixture}: {stdout}");
            let (error_type, message) = expected.error();
            // Wrapped to the width of a terminal.
            let words = |text: &str| text.replace(|c: char| !c.is_alphanumeric(), "");
            let all = words(&(stdout + &stderr));
            for part in [error_type, message] {
                assert!(all.contains(&words(&part)), "{name}: {fixture}: {part}: {stderr}");
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An answer without the values in its documents that depend on the clock.
fn timeless(mut answer: Value) -> Value {
    let records = answer.get_mut("records").and_then(Value::as_array_mut);
    for record in records.into_iter().flatten().filter(|record| record["result"] == "Ok") {
        // The member has another name in Kafka's records.
        let name = if record["data"].is_string() { "data" } else { "kafkaRecordValue" };
        let document = STANDARD.decode_to_vec(record[name].as_str().unwrap()).unwrap();
        let document = String::from_utf8(document).unwrap();
        let (_, after) = document.split_once("\"ingested\":\"").unwrap();
        let (ingested, _) = after.split_once('"').unwrap();
        let document = document.replace(ingested, "<now>");
        let is_now = document.contains("\"timestamp_source\":\"now\"");
        let end = document.find(",\"analytics\"").filter(|_| is_now).unwrap_or(document.len());
        record[name] = document[..end].into();
    }
    answer
}

/// All fixtures of a function.
fn all(name: &str) -> Vec<String> {
    let files = fs::read_dir(events(name)).unwrap().map(|entry| entry.unwrap().file_name());
    let names = files.map(|name| name.into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "answers" && name != "decoded").collect();
    names.sort();
    names
}

#[tokio::test]
async fn every_function_answers_under_cargo_lambda_as_behind_the_stand_in() {
    let version = Command::new("cargo").args(["lambda", "--version"]).output().unwrap();
    if !version.status.success() {
        assert!(!Environment::read().require_real, "SLUICE_REQUIRE_REAL=1, and no cargo lambda");
        eprintln!("NOT RUN, because cargo lambda is not installed");
        return;
    }
    check("firehose-transform", &all("firehose-transform"), &[]).await;
    check("log-metrics", &all("log-metrics"), &[]).await;
    let search = Embedded::start().await.unwrap();
    let variables = [("OPENSEARCH_ENDPOINT", search.url()), ("OPENSEARCH_AUTH", "none")];
    check("sqs-consumer", &["array-of-events.json".to_owned()], &variables).await;
    let own =
        [("FAILURES_BUCKET", "backup"), ("CONTINUE_QUEUE_URL", "http://127.0.0.1:9/1/objects")];
    check("object-loader", &["test-event.json".to_owned()], &[&variables[..], &own].concat()).await;
    search.stop().await;
    let store = Endpoint::start(|_| Reply::new(204, "text/plain", "")).await;
    let variables = [
        ("TSDB_WRITE_URL", &*format!("{}/write?db=d", store.url)),
        ("TSDB_AUTH", "none"),
        ("QUARANTINE_QUEUE_URL", "http://127.0.0.1:9/1/quarantine"),
    ];
    check("sensor-points", &["one-reading.json".to_owned()], &variables).await;
    assert_eq!(store.take_calls().len(), 2);
    let chat = Endpoint::start(|_| Reply::json(200, &json!({}))).await;
    let variables = [("GOOGLE_CHAT_WEBHOOK_URL", &*format!("{}/webhook?key=k", chat.url))];
    check("alert-notifier", &["composite.json".to_owned()], &variables).await;
    assert_eq!(chat.take_calls().len(), 2);
    let variables = [
        ("ALERTS_TOPIC_ARN", ""),
        ("WEBHOOK_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf"),
    ];
    let rejected = ["get.json".to_owned(), "no-secret.json".to_owned()];
    check("pipeline-alerts", &rejected, &variables).await;
    let variables = [("ALERTS_TOPIC_ARN", ""), ("CHECKS", "[]")];
    check("data-checks", &["holds.json".to_owned()], &variables).await;
    let explained = ["explain-a-clock-put-forward.json".to_owned()];
    check("parking", &explained, &[("ALERTS_TOPIC_ARN", "")]).await;
    let refused = ["dry-run-that-is-no-boolean.json".to_owned()];
    check("idle-resources", &refused, &[("ALERTS_TOPIC_ARN", "")]).await;
    let told = ["anomaly.json", "budget.json"].map(str::to_owned);
    check("cost-report", &told, &[("ALERTS_TOPIC_ARN", "")]).await;
    let refused = ["unknown-action.json", "unknown-field.json"].map(str::to_owned);
    check("rightsizing", &refused, &[("ALERTS_TOPIC_ARN", "")]).await;
    let aws = Endpoint::start(|_| Reply::aws_error(400, "AccessDeniedException")).await;
    let variables = [
        ("ALERTS_TOPIC_ARN", ""),
        ("REDSHIFT_CLUSTER", "music"),
        ("AWS_ENDPOINT_URL_REDSHIFT_DATA", &*aws.url),
    ];
    check("warehouse-watch", &["nothing-happens.json".to_owned()], &variables).await;
    // These two read from AWS, which fails in the same way for both.
    let failing = |name: &str| vec![all(name).remove(0)];
    check("dlq-redrive", &failing("dlq-redrive"), &[]).await;
    let variables = [("FUNCTION_NAMES", "plays")];
    check("lambda-metrics", &failing("lambda-metrics"), &variables).await;
}
