//! As much of HTTP/1.1 as the Runtime API takes: one request after the other on a connection
//! that is kept, with bodies read straight into the caller's buffer and written straight from
//! it. What a client library would do beside that, several copies of up to 6 MB, is a tenth of
//! the time of a fast function.

use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;

/// A longer head of a reply is refused, in bytes.
const MAX_HEAD_BYTES: u64 = 64 * 1024;
/// A longer body of a reply is refused, in bytes; Lambda's events have up to 6 MB.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// A client of one server.
#[derive(Debug)]
pub(super) struct Client {
    host: String,
    /// Kept from the last request, if the server keeps it too.
    connection: Option<BufReader<TcpStream>>,
}

/// The head of a reply.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The value of a header; `name` is in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str, token: &str) -> bool {
        let tokens = self.get(name).unwrap_or_default().split(',').map(str::trim);
        { tokens }.any(|known| known.eq_ignore_ascii_case(token))
    }
}

impl Client {
    pub(super) fn new(host: &str) -> Self {
        Self { host: host.to_owned(), connection: None }
    }

    /// Sends a request and reads the reply's body into `reply`, over what that holds.
    pub(super) fn send(
        &mut self,
        request: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        reply: &mut Vec<u8>,
    ) -> io::Result<Head> {
        let mut head = format!("{request} HTTP/1.1\r\nhost: {}\r\n", self.host);
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if request.starts_with("POST") {
            head.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
        }
        head += "\r\n";
        if let Some(mut kept) = self.connection.take() {
            match exchange(&mut kept, &head, body) {
                Ok(answer) => return self.receive(kept, answer, reply),
                // The server may have closed it in the meantime. If it has not, but took the
                // request and said nothing, it refuses the second one: nothing happens twice.
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let stream = TcpStream::connect(&self.host)?;
        stream.set_nodelay(true)?;
        let mut connection = BufReader::with_capacity(16 * 1024, stream);
        let answer = exchange(&mut connection, &head, body)?;
        self.receive(connection, answer, reply)
    }

    /// Reads a reply's body, and keeps the connection if it can be used again.
    fn receive(
        &mut self,
        mut connection: BufReader<TcpStream>,
        head: Head,
        reply: &mut Vec<u8>,
    ) -> io::Result<Head> {
        let mut ends = head.has("connection", "close");
        if head.has("transfer-encoding", "chunked") {
            read_chunks(&mut connection, reply)?;
        } else if let Some(length) = head.get("content-length") {
            let length = length.parse().ok().filter(|length| *length <= MAX_BODY_BYTES);
            // What the buffer holds is overwritten, not cleared first.
            reply.resize(length.ok_or_else(|| invalid("an unusable content-length"))?, 0);
            read_all(&mut connection, reply)?;
        } else if !matches!(head.status, 204 | 304) {
            reply.clear();
            let mut rest = connection.by_ref().take(MAX_BODY_BYTES as u64);
            #[expect(clippy::disallowed_methods, reason = "bounded by take")]
            rest.read_to_end(reply)?;
            ends = true;
        }
        self.connection = (!ends).then_some(connection);
        Ok(head)
    }
}

/// Sends a request and reads the head of its reply.
fn exchange(connection: &mut BufReader<TcpStream>, head: &str, body: &[u8]) -> io::Result<Head> {
    write(connection.get_mut(), head.as_bytes(), body)?;
    read_head(connection)
}

fn write(stream: &mut TcpStream, head: &[u8], body: &[u8]) -> io::Result<()> {
    let written = stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)])?;
    stream.write_all(head.get(written..).unwrap_or_default())?;
    stream.write_all(&body[written.saturating_sub(head.len())..])
}

fn read_head(connection: &mut BufReader<TcpStream>) -> io::Result<Head> {
    let mut lines = connection.take(MAX_HEAD_BYTES);
    let status_line = read_line(&mut lines)?;
    let status = status_line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
    let status = status.ok_or_else(|| invalid("no HTTP/1 status line"))?;
    let mut head = Head { status, headers: Vec::new() };
    loop {
        let line = read_line(&mut lines)?;
        if line.is_empty() {
            return Ok(head);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid("no header"))?;
        head.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_chunks(connection: &mut BufReader<TcpStream>, reply: &mut Vec<u8>) -> io::Result<()> {
    reply.clear();
    loop {
        let line = read_line(&mut connection.by_ref().take(MAX_HEAD_BYTES))?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| invalid("no size of a chunk"))?;
        let start = reply.len();
        if size > MAX_BODY_BYTES - start {
            return Err(invalid("too long a body"));
        }
        reply.resize(start + size, 0);
        read_all(connection, &mut reply[start..])?;
        // After the data comes an empty line, after the last chunk trailers until one.
        while !read_line(&mut connection.by_ref().take(MAX_HEAD_BYTES))?.is_empty() {
            if size > 0 {
                return Err(invalid("a chunk longer than its size"));
            }
        }
        if size == 0 {
            return Ok(());
        }
    }
}

/// Reads a line, without its end; the caller bounds it.
fn read_line(lines: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    lines.read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(line) => Ok(line.strip_suffix('\r').unwrap_or(line).to_owned()),
        None => Err(broke_off()),
    }
}

fn read_all(connection: &mut BufReader<TcpStream>, bytes: &mut [u8]) -> io::Result<()> {
    connection.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => broke_off(),
        _ => error,
    })
}

fn broke_off() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the reply broke off")
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
    )
}

fn invalid(problem: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the reply has {problem}"))
}
