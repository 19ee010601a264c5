//! A door before a server: what goes away and comes back, with its address kept.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};

/// What the door does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Lets everything through.
    Open,
    /// Lets nothing through.
    HoldRequest,
    /// Lets the request through, but not the answer.
    HoldAnswer,
}

/// A TCP proxy. While it is closed, connections are refused.
pub(crate) struct Door {
    address: SocketAddr,
    /// Bound but never listening: keeps the port while the door is closed.
    _keeper: TcpSocket,
    server: SocketAddr,
    plan: Arc<Plan>,
    opened: Option<JoinHandle<()>>,
}

struct Plan {
    /// The passage of each connection, in order; those after are open.
    passages: Vec<Passage>,
    connections: AtomicUsize,
    held: UnboundedSender<()>,
}

impl Door {
    /// A closed door before the server at `url`.
    pub(crate) fn closed(url: &str) -> Self {
        Self::with_passages(url, Vec::new()).0
    }

    /// A closed door whose first connections pass as planned. The receiver is told of each
    /// request or answer that is held, when its first byte is there.
    pub(crate) fn with_passages(
        url: &str,
        passages: Vec<Passage>,
    ) -> (Self, UnboundedReceiver<()>) {
        let keeper = socket((Ipv4Addr::LOCALHOST, 0).into());
        let address = keeper.local_addr().unwrap();
        let (held, is_held) = unbounded_channel();
        let plan = Arc::new(Plan { passages, connections: AtomicUsize::new(0), held });
        let server = url.strip_prefix("http://").unwrap().parse().unwrap();
        (Self { address, _keeper: keeper, server, plan, opened: None }, is_held)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn open(&mut self) {
        let listener = socket(self.address).listen(64).unwrap();
        self.opened = Some(tokio::spawn(accept(listener, self.server, Arc::clone(&self.plan))));
    }

    /// Refuses connections, and breaks off those that are there.
    pub(crate) async fn close(&mut self) {
        if let Some(opened) = self.opened.take() {
            opened.abort();
            opened.await.unwrap_err();
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.opened.iter().for_each(JoinHandle::abort);
    }
}

fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn accept(listener: TcpListener, server: SocketAddr, plan: Arc<Plan>) {
    // The connections end with this task.
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let number = plan.connections.fetch_add(1, Ordering::Relaxed);
        let passage = plan.passages.get(number).copied().unwrap_or(Passage::Open);
        connections.spawn(pass(client, server, passage, plan.held.clone()));
    }
}

async fn pass(
    mut client: TcpStream,
    server: SocketAddr,
    passage: Passage,
    held: UnboundedSender<()>,
) {
    let mut server = TcpStream::connect(server).await.unwrap();
    // A connection that breaks is what these tests are about.
    match passage {
        Passage::Open => drop(copy_bidirectional(&mut client, &mut server).await),
        Passage::HoldRequest => hold(&mut client, &held).await,
        Passage::HoldAnswer => {
            let (mut from_client, _to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            let requests = async {
                tokio::io::copy(&mut from_client, &mut to_server).await.ok();
                to_server.shutdown().await.ok();
            };
            tokio::join!(requests, hold(&mut from_server, &held));
        }
    }
}

/// Reads to the end, and tells of the first byte.
async fn hold(from: &mut (impl AsyncReadExt + Unpin), held: &UnboundedSender<()>) {
    let mut buffer = vec![0; 64 << 10];
    let mut told = false;
    while from.read(&mut buffer).await.is_ok_and(|length| length > 0) {
        if !told {
            held.send(()).ok();
            told = true;
        }
    }
}
