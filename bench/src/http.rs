//! As much of HTTP/1.1 as it takes to be called by functions.

use std::collections::HashMap;
use std::io::{self, BufRead};

/// More than any body that a function sends, in bytes.
pub(crate) const MAX_BODY_BYTES: u64 = 64 << 20;

/// The head of a request.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) path: String,
    /// By name, in lower case.
    pub(crate) headers: HashMap<String, String>,
}

/// Reads up to the body; nothing when the caller closed the connection.
pub(crate) fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok(Some(Head { path, headers }));
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

/// Reads the body of a request whose head was read.
pub(crate) fn read_body(reader: &mut impl BufRead, head: &Head) -> Result<Vec<u8>, crate::Error> {
    let mut body = Vec::new();
    if let Some(length) = head.headers.get("content-length") {
        read_exactly(reader, length.parse()?, &mut body)?;
    } else if head.headers.contains_key("transfer-encoding") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16)?;
            read_exactly(reader, size, &mut body)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(body)
}

fn read_exactly(
    reader: &mut impl BufRead,
    length: u64,
    body: &mut Vec<u8>,
) -> Result<(), crate::Error> {
    if body.len() as u64 + length > MAX_BODY_BYTES {
        return Err("a body of more than 64 MiB".into());
    }
    let start = body.len();
    body.resize(start + usize::try_from(length)?, 0);
    Ok(reader.read_exact(&mut body[start..])?)
}
