//! The client of OpenSearch against a scripted server.

#![cfg(test)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use shared::aws::Aws;
use shared::config::Environment;
use shared::opensearch::{Answer, Client, Error, SERVICES, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const LONG: Duration = Duration::from_mins(1);

/// A server that answers each request with the next of its texts, and then no longer answers.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    async fn answering(answers: &[&str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, connections) = (Arc::default(), Arc::default());
        let server =
            Self { url, requests: Arc::clone(&requests), connections: Arc::clone(&connections) };
        let mut answers: Vec<_> = answers.iter().rev().map(|&answer| answer.to_owned()).collect();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                *connections.lock().unwrap() += 1;
                while let Some(request) = read(&mut stream).await {
                    requests.lock().unwrap().push(request);
                    let Some(answer) = answers.pop() else { return std::future::pending().await };
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    if answer.contains("connection: close") {
                        break;
                    }
                }
            }
        });
        server
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn client(&self, variables: &[(&str, &str)]) -> Client {
        let own = [("OPENSEARCH_ENDPOINT", self.url.as_str()), ("AWS_REGION", "eu-west-1")];
        client(&[&own, variables].concat())
    }
}

fn client(variables: &[(&str, &str)]) -> Client {
    let environment: Environment = variables.iter().copied().collect();
    let settings = Settings::from_environment(&environment).unwrap();
    Client::new(settings, Aws::from_environment(&environment, SERVICES))
}

/// Head and body of the next request, `None` at the connection's end.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        if read == 0 {
            return None;
        }
        text.extend_from_slice(&buffer[..read]);
        let shown = String::from_utf8_lossy(&text);
        let Some((head, body)) = shown.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Some(shown.into_owned());
        }
    }
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn get() -> Request<Bytes> {
    Request::get("/_cluster/health?a=b").body(Bytes::new()).unwrap()
}

const NO_AUTH: (&str, &str) = ("OPENSEARCH_AUTH", "none");

#[tokio::test]
async fn one_connection_serves_all_requests() {
    let (first, second) = (answer("200 OK", "{}"), answer("429 Too Many Requests", "no"));
    let server = Server::answering(&[&first, &second]).await;
    let client = server.client(&[NO_AUTH]);
    let body = Bytes::from_static(b"{}\n");
    let request = Request::post("/_bulk").header("content-type", "application/x-ndjson");
    let answered = client.send(request.body(body).unwrap(), LONG).await;
    assert_eq!(answered, Ok(Answer { status: 200, body: "{}".into() }));
    let answered = client.send(get(), LONG).await;
    assert_eq!(answered, Ok(Answer { status: 429, body: "no".into() }));
    assert_eq!(*server.connections.lock().unwrap(), 1);
    let requests = server.requests();
    assert!(requests[0].starts_with("POST /_bulk HTTP/1.1\r\n"), "{}", requests[0]);
    assert!(requests[0].contains("content-type: application/x-ndjson\r\n"), "{}", requests[0]);
    assert!(requests[0].ends_with("\r\n\r\n{}\n"), "{}", requests[0]);
    assert!(requests[1].starts_with("GET /_cluster/health?a=b HTTP/1.1\r\n"), "{}", requests[1]);
    assert!(!requests.concat().contains("authorization"), "{requests:?}");
}

#[tokio::test]
async fn signs_in_as_it_is_told() {
    let taken = answer("200 OK", "");
    let answers = [&*taken; 2];
    let server = Server::answering(&answers).await;
    let basic = [
        ("OPENSEARCH_AUTH", "basic"),
        ("OPENSEARCH_USERNAME", "ada"),
        ("OPENSEARCH_PASSWORD", "p@ss:w/rd"),
    ];
    server.client(&basic).send(get(), LONG).await.unwrap();
    assert!(server.requests()[0].contains("authorization: Basic YWRhOnBAc3M6dy9yZA==\r\n"));
    let server = Server::answering(&answers).await;
    let keys = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "hush")];
    server.client(&keys).send(get(), LONG).await.unwrap();
    let request = &server.requests()[0];
    assert!(
        request.contains("authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        "{request}"
    );
    assert!(request.contains("/eu-west-1/es/aws4_request, SignedHeaders=host;x-amz-date, "));
    assert!(request.contains(&server.url.replace("http://", "host: ")), "{request}");
}

#[tokio::test]
async fn credentials_that_are_missing_are_named() {
    let server = Server::answering(&[]).await;
    let error = server.client(&[]).send(get(), LONG).await.unwrap_err();
    assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn a_domains_endpoint_is_looked_up() {
    let refused = "{\"message\":\"Domain not found: music\"}";
    let refused = format!(
        "HTTP/1.1 409 Conflict\r\nx-amzn-errortype: ResourceNotFoundException\r\n\
         content-length: {}\r\n\r\n{refused}",
        refused.len()
    );
    let nothing_yet = answer("200 OK", r#"{"DomainStatus":{"DomainName":"music"}}"#);
    // Nothing listens there: port 1 of this machine.
    let status = r#"{"DomainStatus":{"Endpoints":{"vpc":"127.0.0.1:1"}}}"#;
    let server = Server::answering(&[&refused, &nothing_yet, &answer("200 OK", status)]).await;
    let variables = [
        ("OPENSEARCH_DOMAIN", "music"),
        ("AWS_ENDPOINT_URL_OPENSEARCH", server.url.as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ];
    let client = client(&variables);
    let error = client.send(get(), LONG).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the endpoint of the domain music could not be looked up: ResourceNotFoundException: \
         Domain not found: music"
    );
    let error = client.send(get(), LONG).await.unwrap_err().to_string();
    assert!(error.ends_with("it has no endpoint yet"), "{error}");
    for _ in 0..2 {
        let error = client.send(get(), LONG).await.unwrap_err();
        let Error::Unreachable { url, .. } = error else { panic!("{error}") };
        assert_eq!(url, "https://127.0.0.1:1");
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 3, "found once");
    assert!(requests[2].contains("/2021-01-01/opensearch/domain/music"), "{}", requests[2]);
}

#[tokio::test]
async fn a_password_is_read_again_when_it_is_refused() {
    let secret = |password| {
        let text = format!(r#"{{\"username\":\"ada\",\"password\":\"{password}\"}}"#);
        answer("200 OK", &format!("{{\"SecretString\":\"{text}\"}}"))
    };
    let secrets = Server::answering(&[&secret("old"), &secret("new")]).await;
    let (refused, taken) = (answer("401 Unauthorized", ""), answer("200 OK", ""));
    let server = Server::answering(&[&taken, &refused, &taken]).await;
    let client = server.client(&[
        ("OPENSEARCH_AUTH", "basic"),
        ("OPENSEARCH_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:search"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets.url),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ]);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.send(get(), LONG).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 401, 200]);
    let requests = server.requests();
    // "ada:old" and "ada:new"
    assert!(requests[0].contains("authorization: Basic YWRhOm9sZA==\r\n"), "{}", requests[0]);
    assert!(requests[2].contains("authorization: Basic YWRhOm5ldw==\r\n"), "{}", requests[2]);
    assert_eq!(secrets.requests().len(), 2);
    assert!(!format!("{client:?}").contains("YWRhOm"));
}

#[tokio::test]
async fn no_answer_is_an_error_that_tells_why() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{\"items\":";
    let server = Server::answering(&[cut]).await;
    let client = server.client(&[NO_AUTH]);
    let error = client.send(get(), LONG).await.unwrap_err();
    assert!(matches!(error, Error::BrokenAnswer(_)), "{error}");
    let limit = Duration::from_millis(20);
    assert_eq!(client.send(get(), limit).await, Err(Error::Timeout(limit)));
    let unreachable = [("OPENSEARCH_ENDPOINT", "http://127.0.0.1:1"), NO_AUTH];
    let error = self::client(&unreachable).send(get(), LONG).await.unwrap_err();
    assert!(
        error.to_string().starts_with("no answer from http://127.0.0.1:1: Connection refused"),
        "{error}"
    );
}

/// Between two invocations a function is frozen, and a server closes idle connections.
#[test]
fn a_connection_that_was_closed_meanwhile_is_opened_again() {
    use std::io::{Read, Write};

    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, closed) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n{}\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(answer("200 OK", "{}").as_bytes()).unwrap();
            drop(stream);
            sender.send(()).unwrap();
        }
    });
    let client = client(&[("OPENSEARCH_ENDPOINT", &url), NO_AUTH]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..3 {
        let body = Bytes::from_static(b"{}\n");
        let request = Request::post("/_bulk").body(body).unwrap();
        let answered = runtime.block_on(client.send(request, LONG));
        assert_eq!(answered.map(|answer| answer.status), Ok(200));
        closed.recv().unwrap();
    }
    server.join().unwrap();
}
