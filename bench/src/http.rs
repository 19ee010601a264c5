//! The part of HTTP/1.1 that functions need to call a server.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::Error;

/// Maximum size of a body, in bytes: more than any function sends.
pub(crate) const MAX_BODY_BYTES: u64 = 64 << 20;

/// A server on a port that the system chooses. It closes the port when it is dropped; its
/// connections end with the functions.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    closing: Arc<AtomicBool>,
}

impl Server {
    /// Starts a server that writes the return value of `answer` for each request, on the thread of
    /// its connection. An error closes the connection.
    pub(crate) fn start(
        answer: impl Fn(Request) -> Result<Arc<Vec<u8>>, Error> + Clone + Send + 'static,
    ) -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let closing = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&closing);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if closed.load(Ordering::Acquire) {
                    break;
                }
                let answer = answer.clone();
                // A connection ends with its function; a failure cannot be reported.
                thread::spawn(move || serve(&connection, answer).ok());
            }
        });
        Ok(Self { address, closing })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        // Wakes the thread that accepts connections; if that fails, the thread has already ended.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(
    connection: &TcpStream,
    answer: impl Fn(Request) -> Result<Arc<Vec<u8>>, Error>,
) -> Result<(), Error> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(256 * 1024, connection);
    let mut writer = connection;
    while let Some(request) = read(&mut reader)? {
        writer.write_all(&answer(request)?)?;
    }
    Ok(())
}

/// A request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// The headers by name, in lowercase.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// Reads a request; `None` if the caller closed the connection.
fn read(reader: &mut impl BufRead) -> Result<Option<Request>, Error> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut request = Request { path, ..Request::default() };
    while let Some((name, value)) = next_line(reader, &mut line)?.split_once(':') {
        request.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if let Some(length) = request.headers.get("content-length") {
        read_exactly(reader, length.parse()?, &mut request.body)?;
    } else if request.headers.contains_key("transfer-encoding") {
        loop {
            let size = u64::from_str_radix(next_line(reader, &mut line)?.trim(), 16)?;
            read_exactly(reader, size, &mut request.body)?;
            next_line(reader, &mut line)?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(Some(request))
}

fn next_line<'a>(reader: &mut impl BufRead, line: &'a mut String) -> io::Result<&'a str> {
    line.clear();
    reader.read_line(line)?;
    Ok(line)
}

fn read_exactly(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> Result<(), Error> {
    if body.len() as u64 + length > MAX_BODY_BYTES {
        return Err("a body of more than 64 MiB".into());
    }
    let start = body.len();
    body.resize(start + usize::try_from(length)?, 0);
    Ok(reader.read_exact(&mut body[start..])?)
}
