//! The batch that a subscription sends: log events of one log stream in any order, with the names of
//! the stream and its group.

use crate::error::Damage;
use crate::line::{self, BEGINNING_BYTES, Line};
use crate::payload::Source;
use crate::reader::Reader;

/// The batch around the log events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The log group's name.
    pub log_group: String,
    /// The log stream's name.
    pub log_stream: String,
    /// Number of log events.
    pub log_events: u64,
    /// Whether it is a `DATA_MESSAGE`: CloudWatch Logs also sends messages that test the
    /// subscription.
    pub is_data: bool,
}

/// Reads a batch to its end, calling `found` with each line of the platform and its time in
/// milliseconds since 1970.
///
/// # Errors
/// [`Damage`] if the batch is not complete; what was found before must then be discarded.
pub fn read(source: impl Source, mut found: impl FnMut(Line, u64)) -> Result<Batch, Damage> {
    const KEYS: [&str; 4] = ["messageType", "logGroup", "logStream", "logEvents"];
    let mut reader = Reader::new(source);
    let mut spare = Vec::new();
    let (mut kind, mut group, mut stream) = (None, None, None);
    let (mut has_events, mut log_events) = (false, 0);
    if reader.peek()? != b'{' {
        reader.skip_value()?;
        reader.finish()?;
        return Err(Damage::NoLogEvents("messageType"));
    }
    reader.object(&KEYS, |reader, key| {
        match key {
            "messageType" => kind = text(reader)?,
            "logGroup" => group = text(reader)?,
            "logStream" => stream = text(reader)?,
            "logEvents" if reader.peek()? == b'[' => {
                has_events = true;
                reader.array(|reader| {
                    log_events += 1;
                    log_event(reader, &mut spare, &mut found)
                })?;
            }
            _ => reader.skip_value()?,
        }
        Ok(())
    })?;
    reader.finish()?;
    let is_data = match kind.as_deref() {
        Some("DATA_MESSAGE") => true,
        Some("CONTROL_MESSAGE") => false,
        _ => return Err(Damage::NoLogEvents("messageType")),
    };
    let wanted = |text: Option<String>, name| match text {
        Some(text) => Ok(text),
        None if is_data => Err(Damage::NoLogEvents(name)),
        None => Ok(String::new()),
    };
    let log_group = wanted(group, "logGroup")?;
    let log_stream = wanted(stream, "logStream")?;
    if is_data && !has_events {
        return Err(Damage::NoLogEvents("logEvents"));
    }
    Ok(Batch { log_group, log_stream, log_events, is_data })
}

/// A short string; `None` for another value, which is skipped.
fn text<S: Source>(reader: &mut Reader<S>) -> Result<Option<String>, Damage> {
    if reader.peek()? != b'"' {
        return reader.skip_value().map(|()| None);
    }
    let content = reader.string()?;
    Ok(content.and_then(|content| shared::json::unescaped(reader.bytes(content))))
}

/// The members of a log event that are read.
#[derive(Default)]
struct LogEvent {
    time_ms: Option<u64>,
    has_message: bool,
    line: Option<Line>,
}

fn log_event<S: Source>(
    reader: &mut Reader<S>,
    spare: &mut Vec<u8>,
    found: &mut impl FnMut(Line, u64),
) -> Result<(), Damage> {
    const KEYS: [&str; 2] = ["timestamp", "message"];
    if reader.peek()? != b'{' {
        return Err(Damage::NoLogEvents("logEvents[]"));
    }
    let mut event = LogEvent::default();
    if let Some((length, time_ms)) = usual_head(reader.ahead(USUAL_HEAD_BYTES)?) {
        reader.pass(length);
        event.time_ms = Some(time_ms);
        event.read(reader, "message", spare)?;
        reader.rest_of_object(&KEYS, |reader, key| event.read(reader, key, spare))?;
    } else {
        reader.object(&KEYS, |reader, key| event.read(reader, key, spare))?;
    }
    let time_ms = event.time_ms.ok_or(Damage::NoLogEvents("logEvents[].timestamp"))?;
    if !event.has_message {
        return Err(Damage::NoLogEvents("logEvents[].message"));
    }
    if let Some(line) = event.line {
        found(line, time_ms);
    }
    Ok(())
}

impl LogEvent {
    fn read<S: Source>(
        &mut self,
        reader: &mut Reader<S>,
        key: &str,
        spare: &mut Vec<u8>,
    ) -> Result<(), Damage> {
        match key {
            "timestamp" => self.time_ms = reader.integer()?,
            "message" => {
                self.has_message = reader.peek()? == b'"';
                self.line = None;
                if !self.has_message {
                    return reader.skip_value();
                }
                self.line = message(reader, spare)?;
            }
            _ => reader.skip_value()?,
        }
        Ok(())
    }
}

/// Length of [`usual_head`], in bytes.
const USUAL_HEAD_BYTES: usize = 101;

/// The length of a log event up to its message, and its time, if it has the form that CloudWatch
/// Logs writes. Reading this at once is faster; any other form is read key by key.
fn usual_head(text: &[u8]) -> Option<(usize, u64)> {
    let (id, rest) = text.strip_prefix(br#"{"id":""#)?.split_first_chunk::<56>()?;
    let rest = rest.strip_prefix(br#"","timestamp":"#)?;
    let (time_ms, rest) = rest.split_first_chunk::<13>()?;
    let rest = rest.strip_prefix(br#","message":"#)?;
    // Without an early exit, which the compiler can vectorize.
    let are_digits = |text: &[u8]| text.iter().fold(true, |all, byte| all & byte.is_ascii_digit());
    (are_digits(id) && are_digits(time_ms) && time_ms[0] != b'0').then(|| {
        let time_ms = time_ms.iter().fold(0, |time, digit| time * 10 + u64::from(digit - b'0'));
        (text.len() - rest.len(), time_ms)
    })
}

fn message<S: Source>(reader: &mut Reader<S>, spare: &mut Vec<u8>) -> Result<Option<Line>, Damage> {
    let beginning = reader.ahead(1 + BEGINNING_BYTES)?;
    if !line::may_be_platforms(&beginning[1..]) {
        return reader.skip_string().map(|()| None);
    }
    // The platform does not write longer lines.
    let Some(content) = reader.string()? else { return Ok(None) };
    let meaning = shared::json::meaning(reader.bytes(content), spare);
    Ok(str::from_utf8(meaning).ok().and_then(line::read))
}
