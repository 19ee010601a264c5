//! Connections: accepting, answering, ending.

use super::State;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The task that serves; it ends when this value is dropped.
#[derive(Debug)]
pub(super) struct Running {
    task: JoinHandle<()>,
}

impl Running {
    pub(super) async fn stop(mut self) {
        self.task.abort();
        // An aborted task is the outcome that was asked for.
        drop((&mut self.task).await);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) async fn start(state: Arc<State>) -> io::Result<(SocketAddr, Running)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    Ok((address, Running { task: tokio::spawn(serve(listener, state)) }))
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    // The connections belong to this task: aborting it closes them.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(connection(stream, Arc::clone(&state)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(|request| answer(request, &state));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // A client that goes away is its own affair.
    drop(served.await);
}

async fn answer(_request: Request<Incoming>, _state: &State) -> io::Result<Response<Full<Bytes>>> {
    Ok(Response::new(Full::default()))
}
