//! A TCP proxy that makes a server unavailable and available again at the same address.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};

use crate::server::locked;

/// How a connection is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Both directions are open.
    Open,
    /// The request is held.
    HoldRequest,
    /// The request passes, and the answer is held.
    HoldAnswer,
}

/// A TCP proxy. While it is closed, connections are refused.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    /// Bound but never listening: keeps the port while the door is closed.
    _keeper: TcpSocket,
    server: SocketAddr,
    plan: Arc<Plan>,
    opened: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Plan {
    /// The passages of the next connections, in order; later ones are open.
    passages: Mutex<VecDeque<Passage>>,
    held: UnboundedSender<()>,
}

impl Door {
    /// Creates a closed door before the server at `url` (`http://host:port`, with an IP address).
    ///
    /// # Errors
    /// If no port is free, or the URL does not have this form.
    pub fn closed(url: &str) -> io::Result<Self> {
        Ok(Self::with_passages(url, [])?.0)
    }

    /// Creates a closed door with the passages of the first connections. The receiver is notified
    /// at the first byte of each held request or answer.
    ///
    /// # Errors
    /// Those of [`closed`](Self::closed).
    pub fn with_passages(
        url: &str,
        passages: impl IntoIterator<Item = Passage>,
    ) -> io::Result<(Self, UnboundedReceiver<()>)> {
        let keeper = socket((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = keeper.local_addr()?;
        let (held, is_held) = unbounded_channel();
        let plan = Arc::new(Plan { passages: Mutex::new(passages.into_iter().collect()), held });
        let server = url.strip_prefix("http://").and_then(|address| address.parse().ok());
        let server = server.ok_or(io::ErrorKind::InvalidInput)?;
        Ok((Self { address, _keeper: keeper, server, plan, opened: None }, is_held))
    }

    /// Plans the passage of one more connection.
    pub fn plan(&self, passage: Passage) {
        locked(&self.plan.passages).push_back(passage);
    }

    /// Its URL, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Accepts connections.
    ///
    /// # Errors
    /// If the operating system refuses to listen.
    pub fn open(&mut self) -> io::Result<()> {
        let listener = socket(self.address)?.listen(64)?;
        self.opened = Some(tokio::spawn(accept(listener, self.server, Arc::clone(&self.plan))));
        Ok(())
    }

    /// Refuses connections, and closes existing ones.
    pub async fn close(&mut self) {
        if let Some(opened) = self.opened.take() {
            opened.abort();
            // The task is expected to be aborted.
            drop(opened.await);
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.opened.iter().for_each(JoinHandle::abort);
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn accept(listener: TcpListener, server: SocketAddr, plan: Arc<Plan>) {
    // The connections end with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        let passage = locked(&plan.passages).pop_front().unwrap_or(Passage::Open);
        connections.spawn(pass(client, server, passage, plan.held.clone()));
    }
}

async fn pass(
    mut client: TcpStream,
    server: SocketAddr,
    passage: Passage,
    held: UnboundedSender<()>,
) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    // Broken connections are expected.
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

/// Reads to the end, and notifies `held` of the first byte.
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
