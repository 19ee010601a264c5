//! Requests without an SDK against a server that closes its connections.

#![cfg(test)]

use std::collections::VecDeque;
use std::io::{ErrorKind, stdin};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use shared::aws::{Answer, Aws, Connections, ExchangeError, MAX_ANSWER_BYTES};
use shared::s3::{self, GetError};
use testkit::{Endpoint, Reply};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// The reaction of the server to one request.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// It answers, and waits for the next request.
    Answer,
    /// It answers, announces that it closes the connection, and closes it.
    AnswerAndClose,
    /// It answers and closes the connection unannounced.
    AnswerAndCloseSilently,
    /// It reads the request and closes the connection.
    Close,
    /// It answers 413 as soon as it has read the head, and closes the connection: the rest of the
    /// body is answered with a reset.
    Refuse,
    /// It answers 413 as soon as it has read the head, and reads no more.
    RefuseAndWait,
}

use Act::{Answer as Good, AnswerAndClose, AnswerAndCloseSilently, Close, Refuse, RefuseAndWait};

struct Server {
    url: String,
    connections: Arc<Mutex<usize>>,
    left: Arc<Mutex<VecDeque<Act>>>,
}

impl Server {
    /// A server that performs these acts in order.
    async fn acting(acts: &[Act]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/path", listener.local_addr().unwrap());
        let connections = Arc::default();
        let left = Arc::new(Mutex::new(acts.iter().copied().collect()));
        let server = Self { url, connections: Arc::clone(&connections), left: Arc::clone(&left) };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *connections.lock().unwrap() += 1;
                // Concurrent, because otherwise a new connection would wait for one that is not
                // used.
                tokio::spawn(serve(stream, Arc::clone(&left)));
            }
        });
        server
    }

    fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    fn request(&self, body: impl Into<Bytes>) -> Request<Bytes> {
        Request::post(&self.url).body(body.into()).unwrap()
    }

    async fn exchange(&self, connections: &Connections) -> Result<u16, ExchangeError> {
        connections.exchange(self.request("body")).await.map(|Answer { status, .. }| status)
    }
}

async fn serve(mut stream: TcpStream, acts: Arc<Mutex<VecDeque<Act>>>) {
    let good = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n";
    let refusal = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n";
    while let Some(length) = head(&mut stream).await {
        let act = acts.lock().unwrap().pop_front().unwrap();
        let answer = match act {
            Refuse | RefuseAndWait => refusal.to_owned(),
            AnswerAndClose => format!("{good}connection: close\r\n\r\n{{}}"),
            _ => format!("{good}\r\n{{}}"),
        };
        if !matches!(act, Refuse | RefuseAndWait) {
            stream.read_exact(&mut vec![0; length]).await.unwrap();
        }
        if !matches!(act, Close) {
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        match act {
            Good => {}
            RefuseAndWait => std::future::pending().await,
            _ => return,
        }
    }
}

/// Reads the head of a request; returns the length of its body, `None` at the end.
async fn head(stream: &mut TcpStream) -> Option<usize> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    Some(length.parse().unwrap())
}

#[tokio::test]
async fn a_connection_is_kept() {
    let server = Server::acting(&[Good; 3]).await;
    let connections = Connections::default();
    for _ in 0..3 {
        assert_eq!(server.exchange(&connections).await, Ok(200));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_server_may_close_after_each_answer() {
    for act in [AnswerAndClose, AnswerAndCloseSilently] {
        let server = Server::acting(&[act; 50]).await;
        let connections = Connections::default();
        for request in 0..50 {
            assert_eq!(server.exchange(&connections).await, Ok(200), "{act:?} {request}");
        }
        assert_eq!(server.connections(), 50, "{act:?}");
    }
}

#[tokio::test]
async fn what_met_a_closed_connection_is_sent_once_more() {
    // As after an idle timeout, except that the server has read the request, which makes the test
    // deterministic.
    let server = Server::acting(&[Good, Good, Close, Good, Good, Close, Good]).await;
    let connections = Connections::default();
    for _ in 0..5 {
        assert_eq!(server.exchange(&connections).await, Ok(200));
    }
    assert_eq!(server.connections(), 3);
    assert!(server.left.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_a_new_connection_does_not_answer_is_not_sent_again() {
    for (acts, connections) in [(&[Close, Good][..], 1), (&[AnswerAndClose, Close, Good], 2)] {
        let server = Server::acting(acts).await;
        let client = Connections::default();
        for _ in 1..connections {
            assert_eq!(server.exchange(&client).await, Ok(200));
        }
        let broken = server.exchange(&client).await;
        assert!(matches!(broken, Err(ExchangeError::Unreachable(_))), "{broken:?}");
        assert_eq!((server.connections(), server.left.lock().unwrap().len()), (connections, 1));
        assert_eq!(server.exchange(&client).await, Ok(200));
    }
}

#[tokio::test]
async fn nothing_is_sent_a_third_time() {
    let server = Server::acting(&[Good, Close, Close, Good]).await;
    let connections = Connections::default();
    assert_eq!(server.exchange(&connections).await, Ok(200));
    let broken = server.exchange(&connections).await;
    assert!(matches!(broken, Err(ExchangeError::Unreachable(_))), "{broken:?}");
    assert_eq!(server.left.lock().unwrap().len(), 1);
}

// The server runs on its own thread, so that it closes the connection whenever it likes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_before_the_whole_body_is_an_answer() {
    let body = Bytes::from(vec![b'x'; 20_000_000]);
    for act in [Refuse, RefuseAndWait] {
        let server = Server::acting(&[act, Good, act, Good].repeat(10)).await;
        let connections = Connections::default();
        for turn in 0..20 {
            let answer = connections.exchange(server.request(body.clone())).await;
            let expected = Answer { status: 413, body: Bytes::new() };
            assert_eq!(answer, Ok(expected), "{act:?} {turn}");
            // And half of it goes through.
            assert_eq!(server.exchange(&connections).await, Ok(200), "{act:?} {turn}");
        }
    }
}

/// Timeout of a test that waits for a process.
const HANG: Duration = Duration::from_secs(20);

/// The process of the next test: its first line of input is a URL, and each line makes it send a
/// request there. It writes the status of each answer to standard error.
#[tokio::test]
#[ignore = "the next test starts it as a process"]
async fn process() {
    let next_line = || {
        let mut line = String::new();
        stdin().read_line(&mut line).map(|_| line)
    };
    let first = next_line().unwrap();
    let (url, waits) = first.trim_end().split_once(' ').unwrap();
    let connections = Connections::default();
    for request in 0..2 {
        match (request, waits) {
            (0, _) => {}
            // The connection is not checked until the next request.
            (_, "blocked") => drop(next_line().unwrap()),
            // The end of the connection and the line show at once.
            _ => drop(tokio::task::spawn_blocking(next_line).await.unwrap().unwrap()),
        }
        let answer = connections.exchange(Request::post(url).body("body".into()).unwrap()).await;
        eprintln!("{}", answer.unwrap().status);
    }
}

/// As if Lambda froze the process for longer than the idle timeout of a server.
#[tokio::test]
async fn a_process_that_was_stopped_sends_its_next_request_once_on_a_new_connection() {
    for waits in ["blocked", "awaiting"] {
        for closes in ["in order", "with a reset"] {
            let done = timeout(HANG, stop_while_idle(waits, closes)).await;
            assert!(done.is_ok(), "{waits}, {closes}");
        }
    }
}

async fn stop_while_idle(waits: &str, closes: &str) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut process = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["process", "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let id = process.id().unwrap().to_string();
    let signal = |name: &str| {
        let status = Command::new("kill").args([name, id.as_str()]).status().unwrap();
        assert!(status.success(), "{name}");
    };
    let mut input = process.stdin.take().unwrap();
    let mut statuses = BufReader::new(process.stderr.take().unwrap()).lines();

    let url = format!("http://{}/ {waits}\n", listener.local_addr().unwrap());
    input.write_all(url.as_bytes()).await.unwrap();
    let (mut first, _) = listener.accept().await.unwrap();
    // Closing a connection with unread data resets it.
    answer(&mut first, closes == "in order").await;
    assert_eq!(statuses.next_line().await.unwrap().as_deref(), Some("200"));

    signal("-STOP");
    while !is_stopped(&id) {
        sleep(Duration::from_millis(1)).await;
    }
    drop(first);
    input.write_all(b"\n").await.unwrap();
    signal("-CONT");

    let (mut second, _) = listener.accept().await.unwrap();
    answer(&mut second, true).await;
    assert_eq!(statuses.next_line().await.unwrap().as_deref(), Some("200"), "{waits}, {closes}");
    assert!(process.wait().await.unwrap().success());
    assert_eq!(second.read(&mut [0]).await.unwrap(), 0, "the request comes once");
    let third = listener.into_std().unwrap().accept();
    assert_eq!(third.unwrap_err().kind(), ErrorKind::WouldBlock, "no more connections");
}

/// Answers a request, possibly without reading its body.
async fn answer(stream: &mut TcpStream, reads_body: bool) {
    let length = head(stream).await.unwrap();
    if reads_body {
        stream.read_exact(&mut vec![0; length]).await.unwrap();
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
}

fn is_stopped(process_id: &str) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", process_id]).output().unwrap();
    output.stdout.starts_with(b"T")
}

/// A service whose answer has the number of bytes in the path.
async fn bytes() -> Endpoint {
    Endpoint::start(|call| {
        let length = call.path.rsplit('/').next().unwrap().parse().unwrap();
        Reply::new(200, "text/plain", vec![b'x'; length])
    })
    .await
}

#[tokio::test]
async fn an_answer_has_32_mib_at_most() {
    let endpoint = bytes().await;
    let connections = Connections::default();
    for (length, is_whole) in [(MAX_ANSWER_BYTES, true), (MAX_ANSWER_BYTES + 1, false)] {
        let url = format!("{}/{length}", endpoint.url);
        let request = Request::get(url).body(Bytes::new()).unwrap();
        match connections.exchange(request).await {
            Ok(answer) => assert!(is_whole && answer.body.len() == length),
            Err(error) => {
                assert!(!is_whole && matches!(error, ExchangeError::BrokenAnswer(_)), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn an_object_is_read_up_to_its_limit_and_no_key_leaves_its_bucket() {
    let endpoint = bytes().await;
    let variables = [("AWS_ENDPOINT_URL_S3", &*endpoint.url)];
    let aws = Aws::from_environment(&variables.into_iter().collect(), &[s3::S3]);
    let connections = Connections::default();
    let get = async |key: &str| s3::get(&connections, &aws, ("plays", key), 1_000).await;
    assert_eq!(get("1000").await.map(|body| body.len()), Ok(1_000));
    assert_eq!(get("1001").await, Err(GetError::TooLarge));
    // Unchanged: S3 has no folders.
    assert_eq!(get("../a b?versionId=1#/5").await.map(|body| body.len()), Ok(5));
    let paths = endpoint.calls().into_iter().map(|call| (call.path, call.query));
    let expected = ["/plays/1000", "/plays/1001", "/plays/../a%20b%3FversionId%3D1%23/5"];
    assert!(paths.eq(expected.map(|path| (path.to_owned(), String::new()))));
}
