//! A function's process against scripted Runtime APIs: this test program starts itself again as the
//! function, because `lambda_runtime` reads the process's environment.
#![cfg(test)]

use std::collections::VecDeque;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use shared::config::Environment;
use shared::runtime::{Failure, Function, Invocation, run};
use shared::startup;

/// Answers with the event between brackets, and fails or panics if the event says so.
struct Echo;

/// The id of the invocation that failed.
#[derive(Debug)]
struct Failed(String);

impl fmt::Display for Failed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} failed", self.0)
    }
}

impl Failure for Failed {
    fn error_type(&self) -> &'static str {
        "Scripted"
    }
}

impl Function for Echo {
    type Error = Failed;

    async fn handle(
        &mut self,
        invocation: Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        assert!(answer.is_empty(), "what an earlier answer left: {answer:?}");
        answer.push(b'<');
        match invocation.body {
            b"fail" => return Err(Failed(invocation.request_id.to_owned())),
            b"panic" => panic!("as the event says"),
            b"trace" => {
                let environment = Environment::of_this_process();
                answer.extend(environment.get("_X_AMZN_TRACE_ID").unwrap_or("none").bytes());
            }
            body => answer.extend_from_slice(body),
        }
        answer.push(b'>');
        Ok(())
    }
}

/// The function's process: not a test.
#[test]
#[ignore = "the other tests start it as a process"]
fn function() {
    let ended = run(&Environment::of_this_process(), Echo);
    // Reported as in a function's main.
    panic!("{:?}", startup::exit_code("runtime", ended));
}

/// A received request.
#[derive(Debug)]
struct Request {
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Request {
    fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let length = lines.iter().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).unwrap();
        let line = lines.remove(0);
        Some(Self { line, headers: lines, body: String::from_utf8(body).unwrap() })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn json(&self) -> Value {
        self.body.parse().unwrap()
    }
}

/// The rest of a script, and the requests that it answered.
#[derive(Default)]
struct Script {
    replies: VecDeque<String>,
    requests: Vec<Request>,
}

/// Runs the function with these replies, one for each request, on any connection. After a reply
/// that ends with `\0close`, the connection is closed unannounced. After the last reply, the
/// process is killed unless it ends itself. Returns the requests and standard error.
fn run_with(replies: &[String], variables: &[(&str, &str)]) -> (Vec<Request>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let script = Script { replies: replies.iter().cloned().collect(), ..Script::default() };
    let script = Arc::new(Mutex::new(script));
    let shared = Arc::clone(&script);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let script = Arc::clone(&shared);
            thread::spawn(move || serve(&script, BufReader::new(stream.unwrap())));
        }
    });
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["function", "--exact", "--ignored", "--nocapture"])
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", &address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "echo")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .envs(variables.iter().map(|(name, value)| (name, value.replace("{address}", &address))))
        .output()
        .unwrap();
    let requests = std::mem::take(&mut script.lock().unwrap().requests);
    (requests, String::from_utf8(output.stderr).unwrap())
}

/// Answers requests on one connection. After the end of the script, it drops requests, which ends
/// the function.
fn serve(script: &Mutex<Script>, mut stream: BufReader<TcpStream>) {
    while let Some(request) = Request::read(&mut stream) {
        let reply = {
            let mut script = script.lock().unwrap();
            let Some(reply) = script.replies.pop_front() else { return };
            script.requests.push(request);
            reply
        };
        let (reply, closes) = match reply.split_once("\0close") {
            Some((reply, _)) => (reply, true),
            None => (reply.as_str(), reply.contains("connection: close")),
        };
        stream.get_mut().write_all(reply.as_bytes()).unwrap();
        if closes {
            return;
        }
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: id-1\r\n\
                    lambda-runtime-deadline-ms: 4102444800000\r\n";

fn event(body: &str) -> String {
    event_with("", body)
}

fn event_with(headers: &str, body: &str) -> String {
    format!("{HEAD}{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn accepted() -> String {
    "HTTP/1.1 202 Accepted\r\ncontent-length: 15\r\n\r\n{\"status\":\"OK\"}".to_owned()
}

fn lines(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| request.line.as_str()).collect()
}

fn bodies(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| request.body.as_str()).collect()
}

const NEXT: &str = "GET /2018-06-01/runtime/invocation/next HTTP/1.1";
const RESPONSE: &str = "POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1";
const ERROR: &str = "POST /2018-06-01/runtime/invocation/id-1/error HTTP/1.1";

#[test]
fn each_event_has_its_answer() {
    let replies = [event("one"), accepted(), event("two"), accepted(), event(""), accepted()];
    let (requests, log) = run_with(&replies, &[]);
    assert_eq!(lines(&requests), [NEXT, RESPONSE, NEXT, RESPONSE, NEXT, RESPONSE]);
    assert_eq!(bodies(&requests), ["", "<one>", "", "<two>", "", "<>"]);
    assert!(log.contains("the Lambda Runtime API failed: "), "{log}");
}

#[test]
fn an_event_comes_in_pieces_of_any_framing() {
    let chunked =
        format!("{HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    let until_closed = format!("{HEAD}connection: close\r\n\r\nto the end");
    let (requests, _) = run_with(&[chunked, accepted(), until_closed, accepted()], &[]);
    assert_eq!(bodies(&requests), ["", "<abcde>", "", "<to the end>"]);
}

#[test]
fn a_large_event_and_its_answer_are_whole() {
    let body = "0123456789abcdef".repeat(400_000);
    let (requests, _) = run_with(&[event(&body), accepted()], &[]);
    assert!(requests[1].body == format!("<{body}>"));
}

#[test]
fn a_failed_invocation_is_reported_and_the_next_one_served() {
    let replies = [event("fail"), accepted(), event("panic"), accepted(), event("x"), accepted()];
    let (requests, _) = run_with(&replies, &[]);
    assert_eq!(lines(&requests), [NEXT, ERROR, NEXT, ERROR, NEXT, RESPONSE]);
    let report = |request: &Request| {
        let error_type = request.header("lambda-runtime-function-error-type").unwrap().to_owned();
        let report = request.json();
        assert_eq!(report["errorType"], *error_type);
        (error_type, report["errorMessage"].as_str().unwrap().to_owned())
    };
    assert_eq!(report(&requests[1]), ("Scripted".to_owned(), "\"id-1\" failed".to_owned()));
    let panicked = "the function panicked: see its log".to_owned();
    assert_eq!(report(&requests[3]), ("Panicked".to_owned(), panicked));
}

#[test]
fn an_answer_that_is_refused_does_not_end_the_process() {
    let gone = "HTTP/1.1 410 Gone\r\ncontent-length: 4\r\n\r\nlate".to_owned();
    let (requests, _) = run_with(&[event("x"), gone, event("y"), accepted()], &[]);
    assert_eq!(bodies(&requests), ["", "<x>", "", "<y>"]);
}

#[test]
fn a_connection_that_was_closed_unannounced_is_replaced() {
    let closing = |reply: String| reply + "\0close";
    let replies = [closing(event("x")), closing(accepted()), event("y"), accepted()];
    let (requests, _) = run_with(&replies, &[]);
    assert_eq!(bodies(&requests), ["", "<x>", "", "<y>"]);
}

#[test]
fn the_invocation_id_is_echoed_where_there_is_one() {
    let with_id = event_with("lambda-runtime-invocation-id: i-9\r\n", "");
    let (requests, _) = run_with(&[with_id, accepted(), event("x"), accepted()], &[]);
    let ids = requests.iter().map(|request| request.header("lambda-runtime-invocation-id"));
    assert_eq!(ids.collect::<Vec<_>>(), [None, Some("i-9"), None, None]);
}

#[test]
fn the_trace_header_reaches_the_environment_that_the_sdk_reads() {
    let traced = event_with("lambda-runtime-trace-id: Root=1-2;Lineage=3:4\r\n", "trace");
    let (requests, _) = run_with(&[traced, accepted(), event("trace"), accepted()], &[]);
    assert_eq!(bodies(&requests), ["", "<Root=1-2;Lineage=3:4>", "", "<none>"]);
}

#[test]
fn the_runtime_api_may_be_served_below_a_path() {
    // As cargo lambda does.
    let variables = [("AWS_LAMBDA_RUNTIME_API", "http://{address}/echo")];
    let (requests, _) = run_with(&[event("x"), accepted()], &variables);
    let below = |line: &str| line.replace("/2018", "/echo/2018");
    assert_eq!(lines(&requests), [below(NEXT), below(RESPONSE)]);
}

#[test]
fn what_is_not_an_invocation_ends_the_process() {
    for reply in [
        "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: 1\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        "nonsense\r\n\r\n",
    ] {
        // The second reply is for the report that the process ends, if there is one.
        let (requests, _) = run_with(&[reply.to_owned(), accepted()], &[]);
        assert_eq!(requests[0].line, NEXT, "{reply}");
        let reported = requests[1..].iter().all(|request| request.line.contains("/init/error"));
        assert!(reported, "{reply}: {requests:?}");
    }
}

#[test]
fn an_environment_that_is_not_lambdas_is_reported() {
    for (variable, value, reason) in [
        ("AWS_LAMBDA_MAX_CONCURRENCY", "16", "this function handles one invocation at a time"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "many", "a whole number from 1 to 2147483647"),
    ] {
        let (requests, log) = run_with(&[accepted()], &[(variable, value)]);
        let [report] = &requests[..] else { panic!("{requests:?} {log}") };
        assert_eq!(report.line, "POST /2018-06-01/runtime/init/error HTTP/1.1");
        assert_eq!(
            report.header("lambda-runtime-function-error-type"),
            Some("InvalidConfiguration")
        );
        let message = report.json()["errorMessage"].as_str().unwrap().to_owned();
        let expected = format!("{variable} is {value:?}, but must be ");
        assert!(message.starts_with(&expected) && message.contains(reason), "{message}");
        assert!(log.contains("failed to start"), "{log}");
    }
    let (requests, _) = run_with(&[event("x"), accepted()], &[("AWS_LAMBDA_MAX_CONCURRENCY", "1")]);
    assert_eq!(bodies(&requests), ["", "<x>"]);
}
