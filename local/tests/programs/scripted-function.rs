//! A function for the tests of the Runtime API, and for the demo of failures. It calls the API over
//! plain sockets, so that the tests do not depend on another implementation, and does what each
//! event says.

#![expect(clippy::disallowed_methods, reason = "a program of its own, without configuration")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is what is tested")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

type Error = Box<dyn std::error::Error>;

/// Status, headers with lowercase names, and body.
type Reply = (u16, BTreeMap<String, String>, Vec<u8>);

fn main() -> Result<(), Error> {
    println!("starting");
    let script = std::env::var("SCRIPT").unwrap_or_default();
    match script.as_str() {
        "init-error" => {
            let error = json!({"errorType": "Config.Invalid", "errorMessage": "FOO is missing"});
            post("init/error", error.to_string().as_bytes())?;
            return Ok(());
        }
        "exit-at-init" => std::process::exit(7),
        "hang-at-init" => hang(),
        _ => {}
    }
    let mut count = 0;
    loop {
        let (_, headers, payload) = request("GET", "invocation/next", &[])?;
        count += 1;
        let id = headers.get("lambda-runtime-aws-request-id").ok_or("no request id")?;
        if let Some(reply) = act(&payload, &script, id, &headers, count)? {
            post(&format!("invocation/{id}/response"), &reply)?;
        }
        if payload.starts_with(b"{\"do\":\"answer and exit\"") {
            std::process::exit(0);
        }
    }
}

/// Does what the event says, otherwise what `script` says; returns the answer to post.
fn act(
    payload: &[u8],
    script: &str,
    id: &str,
    headers: &BTreeMap<String, String>,
    count: u32,
) -> Result<Option<Vec<u8>>, Error> {
    let event: Value = serde_json::from_slice(payload).unwrap_or_default();
    if let Some(line) = event["log"].as_str() {
        eprintln!("{line}");
    }
    match event["do"].as_str().unwrap_or(script) {
        "error" => {
            let error = json!({"errorType": "Boom", "errorMessage": "as told", "stackTrace": []});
            post(&format!("invocation/{id}/error"), error.to_string().as_bytes())?;
            Ok(None)
        }
        "bare error" => {
            post(&format!("invocation/{id}/error"), b"not JSON")?;
            Ok(None)
        }
        "exit" => {
            eprint!("last words");
            std::process::exit(3)
        }
        "abort" => std::process::abort(),
        "hang" => {
            println!("hanging");
            hang()
        }
        "log" => {
            println!("to standard output");
            eprintln!("to standard error");
            Ok(Some(b"{}".to_vec()))
        }
        "context" => {
            let environment: BTreeMap<_, _> = std::env::vars().collect();
            let context = json!({"headers": headers, "environment": environment});
            Ok(Some(context.to_string().into_bytes()))
        }
        "count" => Ok(Some(format!("{}/{count}", std::process::id()).into_bytes())),
        "big" => {
            let bytes = usize::try_from(event["bytes"].as_u64().unwrap_or(0))?;
            let (status, _, _) = post(&format!("invocation/{id}/response"), &vec![b'x'; bytes])?;
            println!("big answer: {status}");
            Ok(None)
        }
        "wrong id" => {
            let (status, _, _) = post("invocation/no-such-id/response", b"{}")?;
            Ok(Some(status.to_string().into_bytes()))
        }
        "meet" => {
            meet(Path::new(event["folder"].as_str().unwrap_or_default()), &event["others"])?;
            Ok(Some(b"met".to_vec()))
        }
        _ => Ok(Some(payload.to_vec())),
    }
}

/// Waits until this number of processes has arrived in the folder.
fn meet(folder: &Path, number: &Value) -> Result<(), Error> {
    std::fs::write(folder.join(std::process::id().to_string()), [])?;
    let number = usize::try_from(number.as_u64().unwrap_or(0))?;
    while std::fs::read_dir(folder)?.count() < number {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

fn post(route: &str, body: &[u8]) -> Result<Reply, Error> {
    request("POST", route, body)
}

fn request(method: &str, route: &str, body: &[u8]) -> Result<Reply, Error> {
    let host = std::env::var("AWS_LAMBDA_RUNTIME_API")?;
    let mut stream = TcpStream::connect(&host)?;
    write!(
        stream,
        "{method} /2018-06-01/runtime/{route} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;

    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("no status")?.parse()?;
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(Ok(0), |length| length.parse())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((status, headers, body))
}
