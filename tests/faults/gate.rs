//! A server that answers as a service, or with a fault to one of its calls.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use http_body_util::BodyExt;
use local::server::bind;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use testkit::{Call, Reply};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::answers;
use crate::fault::Fault;

/// The certificate that the functions trust.
pub(crate) const TRUSTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/faults/tls/trusted.pem");

/// The delay of a slow answer.
const SLOW: Duration = Duration::from_millis(300);

/// Maximum size of the head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// A server on the loopback interface, with or without TLS. Its port closes when it is dropped.
pub(crate) struct Gate {
    /// Its host and port.
    pub(crate) host: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// The answers to each call; see [`answers::answer`]. Of several answers to calls with the same
    /// name, the last one is used repeatedly.
    answers: Mutex<Vec<(&'static str, String)>>,
    /// The fault, and the call that it affects.
    fault: Mutex<Option<(Fault, &'static str)>>,
    /// The names of the calls.
    calls: Mutex<Vec<String>>,
}

impl Gate {
    pub(crate) async fn start() -> Self {
        let (listener, address) = bind().await.unwrap();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            // The connections end with this task.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(Arc::clone(&shared).connection(stream));
            }
        });
        Self { host: address.to_string(), state, task }
    }

    /// Sets the answers to each call.
    pub(crate) fn set_answers(&self, answers: Vec<(&'static str, String)>) {
        *self.state.answers.lock().unwrap() = answers;
    }

    /// Sets the fault of a call from now on, or none.
    pub(crate) fn set_fault(&self, fault: Option<(Fault, &'static str)>) {
        *self.state.fault.lock().unwrap() = fault;
    }

    /// The names of the calls since the last time, including TLS handshakes that failed.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.calls.lock().unwrap())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    // Broken connections are expected.
    async fn connection(self: Arc<Self>, mut stream: TcpStream) {
        stream.set_nodelay(true).ok();
        let mut first = [0];
        if stream.peek(&mut first).await.is_err() {
            return;
        }
        // The first byte of a TLS handshake.
        if first != [0x16] {
            self.serve(stream).await.ok();
            return;
        }
        let fault = *self.fault.lock().unwrap();
        if let Some((Fault::PlainText | Fault::SelfSigned, name)) = fault {
            self.calls.lock().unwrap().push(name.to_owned());
        }
        match fault {
            Some((Fault::PlainText, _)) => {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
            }
            Some((Fault::SelfSigned, _)) => drop(SELF_SIGNED.accept(stream).await),
            _ => {
                if let Ok(stream) = SERVER.accept(stream).await {
                    self.serve(stream).await.ok();
                }
            }
        }
    }

    fn take_answer(&self, name: &str) -> Option<String> {
        let mut answers = self.answers.lock().unwrap();
        let place = answers.iter().position(|(own, _)| *own == name)?;
        let has_next = answers[place + 1..].iter().any(|(own, _)| *own == name);
        Some(if has_next { answers.remove(place).1 } else { answers[place].1.clone() })
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut stream = BufStream::new(stream);
        while let Some(call) = read(&mut stream).await? {
            let name = answers::name(&call);
            self.calls.lock().unwrap().push(name.clone());
            let fault = *self.fault.lock().unwrap();
            let fault = fault.filter(|(_, of)| *of == name).map(|(fault, _)| fault);
            let reply = match self.take_answer(&name) {
                Some(text) => {
                    let quick = text.strip_prefix("slow ");
                    if quick.is_some() {
                        tokio::time::sleep(SLOW).await;
                    }
                    answers::answer(&name, &call, quick.unwrap_or(&text))
                }
                // The test fails for a call without a row.
                None => answers::error(&name, 500, "NotInTheTable"),
            };
            let reply = match fault {
                Some(fault) => fault.distort(&name, reply),
                None => reply,
            };
            // A truncated body has at least the byte that is missing.
            let (head, body) = message(reply, usize::from(fault == Some(Fault::CutInBody))).await;
            match fault {
                Some(Fault::Hangs) => std::future::pending().await,
                Some(Fault::Slow) => tokio::time::sleep(SLOW).await,
                Some(Fault::CutInHead) => {
                    stream.write_all(&head.as_bytes()[..head.len() / 2]).await?;
                    return stream.flush().await;
                }
                Some(Fault::CutInBody) => {
                    stream.write_all(head.as_bytes()).await?;
                    stream.write_all(&body[..body.len() / 2]).await?;
                    return stream.flush().await;
                }
                _ => {}
            }
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await?;
            stream.flush().await?;
        }
        Ok(())
    }
}

/// Reads a request; `None` if there is no more.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Call>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) if head.len() < MAX_HEAD => head.push(byte),
            Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
            Err(_) if head.is_empty() => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let uri: Uri = target.parse().map_err(io::Error::other)?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: HeaderName = name.parse().map_err(io::Error::other)?;
        headers.append(name, HeaderValue::from_str(value).map_err(io::Error::other)?);
    }
    let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let method = method.parse().map_err(io::Error::other)?;
    Ok(Some(Call::new(method, &uri, headers, body.into())))
}

/// The head and the body of a reply, whose `Content-Length` is at least this number of bytes.
async fn message(reply: Reply, least: usize) -> (String, Bytes) {
    let Reply::Answer(answer) = reply else { panic!("not an answer: {reply:?}") };
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let status = parts.status.as_u16();
    let mut head = format!("HTTP/1.1 {status} It\r\n");
    for (name, value) in &parts.headers {
        write!(head, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
    }
    if status != 204 {
        write!(head, "content-length: {}\r\n", body.len().max(least)).unwrap();
    }
    (head + "\r\n", body)
}

static SERVER: LazyLock<TlsAcceptor> = LazyLock::new(|| acceptor(include_bytes!("tls/server.pem")));
static SELF_SIGNED: LazyLock<TlsAcceptor> =
    LazyLock::new(|| acceptor(include_bytes!("tls/self-signed.pem")));

fn acceptor(certificate: &[u8]) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(certificate).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap()))
}
