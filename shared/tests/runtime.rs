//! The loop of invocations against scripted servers: what a Runtime API may do, and what it may
//! not.
#![cfg(test)]

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use shared::runtime::{Failure, Function, Invocation, run};

/// Answers with the event between brackets, and fails or panics where the event says so.
#[derive(Default)]
struct Echo(Vec<u8>);

/// The id of the invocation that failed.
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

    async fn handle<'a>(&'a mut self, invocation: Invocation<'a>) -> Result<&'a [u8], Failed> {
        assert_ne!(invocation.body, b"panic", "as the event says");
        if invocation.body == b"fail" {
            return Err(Failed(invocation.request_id.to_owned()));
        }
        self.0.clear();
        self.0.push(b'<');
        self.0.extend_from_slice(invocation.body);
        self.0.push(b'>');
        Ok(&self.0)
    }
}

/// A request as it came in.
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
}

/// What a function does with these replies, one for each request, whoever asks; after one that
/// ends with `\\0close` the connection is closed without a word, after the last one nobody
/// answers any more. Gives the requests, by connection, and how the loop ended.
fn run_with(replies: &[String]) -> (Vec<Vec<Request>>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let replies = replies.to_vec();
    let server: JoinHandle<Vec<Vec<Request>>> = thread::spawn(move || {
        let mut connections = Vec::new();
        let mut replies = replies.into_iter().peekable();
        while replies.peek().is_some() {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut requests = Vec::new();
            while let Some(request) = Request::read(&mut stream) {
                requests.push(request);
                let Some(reply) = replies.next() else { break };
                let (reply, closes) = match reply.split_once("\0close") {
                    Some((reply, _)) => (reply, true),
                    None => (reply.as_str(), reply.contains("connection: close")),
                };
                stream.get_mut().write_all(reply.as_bytes()).unwrap();
                if closes {
                    break;
                }
            }
            connections.push(requests);
        }
        connections
    });
    let error = run(&host, Echo::default()).unwrap_err();
    (server.join().unwrap(), error.to_string())
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: id-1\r\n\
                    lambda-runtime-deadline-ms: 4102444800000\r\n";

fn event(body: &str) -> String {
    format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len())
}

fn accepted() -> String {
    "HTTP/1.1 202 Accepted\r\ncontent-length: 15\r\n\r\n{\"status\":\"OK\"}".to_owned()
}

fn lines(connections: &[Vec<Request>]) -> Vec<&str> {
    connections.iter().flatten().map(|request| request.line.as_str()).collect()
}

const NEXT: &str = "GET /2018-06-01/runtime/invocation/next HTTP/1.1";
const RESPONSE: &str = "POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1";
const ERROR: &str = "POST /2018-06-01/runtime/invocation/id-1/error HTTP/1.1";

#[test]
fn one_connection_serves_all() {
    let replies = [event("one"), accepted(), event("two"), accepted(), event("")];
    let (connections, error) = run_with(&replies);
    assert_eq!(lines(&connections), [NEXT, RESPONSE, NEXT, RESPONSE, NEXT, RESPONSE]);
    assert_eq!(connections.len(), 1);
    let bodies: Vec<_> = connections[0].iter().map(|request| request.body.as_str()).collect();
    assert_eq!(bodies, ["", "<one>", "", "<two>", "", "<>"]);
    assert!(error.starts_with("the Lambda Runtime API failed: "), "{error}");
}

#[test]
fn an_event_comes_in_pieces_of_any_framing() {
    let chunked =
        format!("{HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    let until_closed = format!("{HEAD}connection: close\r\n\r\nto the end");
    let (connections, _) = run_with(&[chunked, accepted(), until_closed, accepted()]);
    assert_eq!(lines(&connections)[..4], [NEXT, RESPONSE, NEXT, RESPONSE]);
    let bodies = connections.iter().flatten().map(|request| request.body.as_str());
    assert_eq!(bodies.take(4).collect::<Vec<_>>(), ["", "<abcde>", "", "<to the end>"]);
}

#[test]
fn a_large_event_and_its_answer_are_whole() {
    let body = "0123456789abcdef".repeat(400_000);
    let (connections, _) = run_with(&[event(&body), accepted()]);
    assert!(connections[0][1].body == format!("<{body}>"));
}

#[test]
fn a_failed_invocation_is_reported_and_the_next_one_served() {
    let replies = [event("fail"), accepted(), event("panic"), accepted(), event("x"), accepted()];
    let (connections, _) = run_with(&replies);
    assert_eq!(lines(&connections)[..6], [NEXT, ERROR, NEXT, ERROR, NEXT, RESPONSE]);
    let [_, failed, _, panicked, ..] = &connections[0][..] else { panic!("{connections:?}") };
    assert_eq!(failed.header("lambda-runtime-function-error-type"), Some("Scripted"));
    assert_eq!(failed.body, r#"{"errorMessage":"\"id-1\" failed","errorType":"Scripted"}"#);
    assert_eq!(panicked.header("lambda-runtime-function-error-type"), Some("Panicked"));
    assert_eq!(
        panicked.body,
        r#"{"errorMessage":"the function panicked; its log tells where","errorType":"Panicked"}"#
    );
}

#[test]
fn an_answer_that_is_not_taken_does_not_end_the_process() {
    let gone = "HTTP/1.1 410 Gone\r\ncontent-length: 4\r\n\r\nlate".to_owned();
    let (connections, _) = run_with(&[event("x"), gone, event("y"), accepted()]);
    assert_eq!(lines(&connections)[..4], [NEXT, RESPONSE, NEXT, RESPONSE]);
}

#[test]
fn a_connection_that_was_closed_behind_our_back_is_replaced() {
    let closing = event("x") + "\0close";
    let (connections, _) = run_with(&[closing, accepted(), event("y"), accepted()]);
    assert_eq!(lines(&connections)[..4], [NEXT, RESPONSE, NEXT, RESPONSE]);
    assert_eq!(connections.len(), 2);
}

#[test]
fn the_invocation_id_is_echoed_where_there_is_one() {
    let with_id =
        HEAD.to_owned() + "lambda-runtime-invocation-id: i-9\r\ncontent-length: 0\r\n\r\n";
    let (connections, _) = run_with(&[with_id, accepted(), event("x"), accepted()]);
    let ids = connections[0].iter().map(|request| request.header("lambda-runtime-invocation-id"));
    assert_eq!(ids.take(4).collect::<Vec<_>>(), [None, Some("i-9"), None, None]);
}

#[test]
fn what_is_no_invocation_ends_the_process_and_says_why() {
    for (reply, reason) in [
        ("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", "answered 500"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "without lambda-runtime-aws-request-id"),
        (
            "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: 1\r\ncontent-length: 0\r\n\r\n",
            "without lambda-runtime-deadline-ms",
        ),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nabc", "broke off"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", "unusable content-length"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n", "longer than its"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "no size of a chunk"),
        ("HTTP/1.1 200 OK\r\nno header\r\n\r\n", "no header"),
        ("nonsense\r\n\r\n", "no HTTP/1 status line"),
    ] {
        let (connections, error) = run_with(&[reply.to_owned()]);
        assert_eq!(lines(&connections), [NEXT]);
        assert!(error.contains(reason), "{reply}: {error}");
    }
}
