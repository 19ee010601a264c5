//! A small HTTP/1.1 server for stand-ins, and a function that reads bodies up to a limit.

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

/// How much of a body above its limit is read and discarded, in bytes, so that the sender receives
/// the error instead of a connection reset.
const DRAIN_BYTES: usize = 64 << 20;

/// Binds a free port of the loopback interface.
///
/// # Errors
/// If no port is free.
pub async fn bind() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Ports that no operating system assigns on its own: the range of Linux begins at 32768, others
/// begin later.
const OWN_PORTS: Range<u16> = 20_000..32_768;

/// A free port of the loopback interface for a server that takes a port number. The server may take
/// seconds to bind it, and a port that the system assigns could be assigned again by then.
///
/// # Errors
/// If no port is free.
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
    /// Answers every request on `listener` with `answer`. If `answer` returns an error, the
    /// connection is closed without an answer.
    pub fn start<A, F, B>(listener: TcpListener, answer: A) -> Self
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<Response<B>>> + Send + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self { task: tokio::spawn(accept(listener, answer)) }
    }

    /// Closes the port and every connection, and waits for that.
    async fn stop(mut self) {
        self.task.abort();
        // The task is expected to be aborted.
        drop((&mut self.task).await);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server in this process with its state. It ends when this value is dropped.
#[derive(Debug)]
pub struct Embedded<S> {
    url: String,
    pub(crate) state: Arc<S>,
    server: Server,
}

impl<S: Send + Sync + 'static> Embedded<S> {
    /// Starts a server on a free port of 127.0.0.1, with the state that `make` returns for its URL.
    /// If `answer` returns an error, the connection is closed without an answer.
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

    /// Its URL, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops listening and closes the connections.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// Locks a mutex even if it is poisoned: its data is consistent after every statement.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept<A, F, B>(listener: TcpListener, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = io::Result<Response<B>>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    // The set ends its tasks when it is dropped with the server.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Probably out of file descriptors: other connections will close some.
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                    continue;
                };
                // Answers are small and are waited for; without this, they are delayed until an
                // ACK.
                stream.set_nodelay(true).ok();
                let answer = answer.clone();
                let service = service_fn(answer);
                connections.spawn(async move {
                    // A broken connection concerns only the client.
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
    /// The connection was lost.
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

/// An answer with this content type.
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
