//! A small HTTP/1.1 server for stand-ins, and the reading of bodies with a bound.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// How much of a body above its limit is read and thrown away, in bytes, so that the sender gets
/// to read why it was refused instead of a connection reset.
const DRAIN_BYTES: usize = 64 << 20;

/// Takes a free port of the loopback interface.
///
/// # Errors
/// When there is none.
pub async fn bind() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Ports that no system gives to who asks for any: those of Linux begin at 32768, of others later.
const OWN_PORTS: Range<u16> = 20_000..32_768;

/// A free port of the loopback interface for a server that takes a number: free when it was tried, and
/// free again now. The server may take seconds until it has it, and one that the system gave would be
/// given to somebody else by then.
///
/// # Errors
/// When there is none.
pub(crate) async fn free_address() -> io::Result<SocketAddr> {
    for _ in 0..OWN_PORTS.len() {
        let address = (Ipv4Addr::LOCALHOST, fastrand::u16(OWN_PORTS));
        if TcpListener::bind(address).await.is_ok() {
            return Ok(address.into());
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// A running server. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Server {
    task: JoinHandle<()>,
}

impl Server {
    /// Answers every request on `listener` with `answer`, whose error closes the connection
    /// without an answer.
    pub fn start<A, F, B>(listener: TcpListener, answer: A) -> Self
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<Response<B>>> + Send + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self { task: tokio::spawn(accept(listener, answer)) }
    }

    /// Closes the port and every connection, and waits until that is done.
    async fn stop(mut self) {
        self.task.abort();
        // An aborted task is the outcome that was asked for.
        drop((&mut self.task).await);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server in this process, with what it holds; it ends when this value is dropped.
#[derive(Debug)]
pub struct Embedded<S> {
    url: String,
    pub(crate) state: Arc<S>,
    server: Server,
}

impl<S: Send + Sync + 'static> Embedded<S> {
    /// Opens a free port of 127.0.0.1 for what `make` makes of its URL. An error of `answer` closes
    /// the connection without an answer.
    pub(crate) async fn open<F, B>(
        make: impl FnOnce(&str) -> S,
        answer: impl Fn(Arc<S>, Request<Incoming>) -> F + Clone + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = io::Result<Response<B>>> + Send + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let (listener, address) = bind().await?;
        let url = format!("http://{address}");
        let state = Arc::new(make(&url));
        let shared = Arc::clone(&state);
        let answer = move |request| answer(Arc::clone(&shared), request);
        Ok(Self { url, state, server: Server::start(listener, answer) })
    }

    /// Where it answers, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops listening and closes the connections.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// A lock that a panic elsewhere does not take away: what it guards is whole after every
/// statement.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept<A, F, B>(listener: TcpListener, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = io::Result<Response<B>>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    // The set ends its tasks when it is dropped, with the server.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of file descriptors, most likely: others close some.
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                    continue;
                };
                // Answers are small and waited for; without this they wait for an ACK.
                stream.set_nodelay(true).ok();
                let answer = answer.clone();
                let service = service_fn(answer);
                connections.spawn(async move {
                    // A connection that breaks is the peer's affair.
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Why a body could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is larger than the limit.
    TooLarge,
    /// The connection broke.
    Broken,
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read_body(body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
    match Limited::new(body, limit.saturating_add(DRAIN_BYTES)).collect().await {
        Ok(body) => Some(body.to_bytes()).filter(|body| body.len() <= limit),
        Err(error) if error.is::<LengthLimitError>() => None,
        Err(_) => return Err(BodyError::Broken),
    }
    .ok_or(BodyError::TooLarge)
}

/// An answer of this content type.
pub(crate) fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
