//! A Runtime API for one function, lean enough not to disturb a measurement.
//!
//! Times are taken on the thread that holds the connection, right at the socket.

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::http::{read_body, read_head};

/// What a function did.
#[derive(Debug)]
pub enum Call {
    /// It asks for an invocation.
    Next(Waiting),
    /// The first byte of the invocation is about to be written to it.
    Sent(Instant),
    /// It answered.
    Answer {
        /// The answer.
        body: Vec<u8>,
        /// When its last byte was read.
        received: Instant,
    },
    /// It reported an error, of its start or of the invocation.
    Failed(String),
}

/// A function that waits for its next invocation.
#[derive(Debug)]
pub struct Waiting {
    /// When its request was read.
    pub asked: Instant,
    invocation: Sender<Invocation>,
}

impl Waiting {
    /// Gives the function what it waits for.
    ///
    /// # Errors
    /// When its connection is gone.
    pub fn give(self, invocation: &Invocation) -> Result<(), crate::Error> {
        Ok(self.invocation.send(invocation.clone())?)
    }
}

/// An invocation as it goes over the wire; cheap to clone.
#[derive(Clone, Debug)]
pub struct Invocation(Arc<Vec<u8>>);

impl Invocation {
    /// An invocation with this event, due in an hour.
    ///
    /// # Errors
    /// When the machine's clock stands before 1970.
    pub fn new(event: &[u8]) -> Result<Self, crate::Error> {
        let deadline = SystemTime::now() + Duration::from_hours(1);
        let deadline_ms = deadline.duration_since(UNIX_EPOCH)?.as_millis();
        let mut wire = format!(
            "HTTP/1.1 200 OK\r\n\
             content-type: application/json\r\n\
             content-length: {}\r\n\
             lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
             lambda-runtime-deadline-ms: {deadline_ms}\r\n\
             lambda-runtime-invoked-function-arn: \
             arn:aws:lambda:us-east-1:123456789012:function:bench\r\n\
             lambda-runtime-trace-id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0\r\n\r\n",
            event.len()
        )
        .into_bytes();
        wire.extend_from_slice(event);
        Ok(Self(Arc::new(wire)))
    }
}

/// The server; its threads end when it is dropped and the function is gone.
#[derive(Debug)]
pub struct RuntimeApi {
    /// Where it listens, on a port of the system's choice.
    pub address: SocketAddr,
    /// What its function does.
    pub calls: Receiver<Call>,
    closing: Arc<AtomicBool>,
}

impl RuntimeApi {
    /// Starts a server.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> Result<Self, crate::Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (sender, calls) = channel();
        let closing = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&closing);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if closed.load(Ordering::Acquire) {
                    break;
                }
                let sender = sender.clone();
                // A connection ends with its function; nothing is left to tell then.
                thread::spawn(move || serve(&connection, &sender).ok());
            }
        });
        Ok(Self { address, calls, closing })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        // Wakes the thread that accepts; if that fails, it is gone already.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(connection: &TcpStream, calls: &Sender<Call>) -> Result<(), crate::Error> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(256 * 1024, connection);
    let mut writer = connection;
    while let Some(request) = read_head(&mut reader)? {
        if request.path.ends_with("/invocation/next") {
            let (sender, receiver) = channel();
            calls.send(Call::Next(Waiting { asked: Instant::now(), invocation: sender }))?;
            let Invocation(wire) = receiver.recv()?;
            calls.send(Call::Sent(Instant::now()))?;
            writer.write_all(&wire)?;
            continue;
        }
        let body = read_body(&mut reader, &request)?;
        let received = Instant::now();
        calls.send(if request.path.ends_with("/response") {
            Call::Answer { body, received }
        } else {
            Call::Failed(format!("{}: {}", request.path, String::from_utf8_lossy(&body)))
        })?;
        writer.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
    }
    Ok(())
}
