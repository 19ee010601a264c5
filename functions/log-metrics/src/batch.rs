//! What a subscription sends: log events of one log stream, in order or not, with the names of
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
    /// How many log events it has.
    pub log_events: u64,
    /// Whether they are of the log stream: CloudWatch Logs also sends messages of its own, to see
    /// whether they are taken.
    pub is_data: bool,
}

/// Reads a batch to its end, calling `found` with each line of the platform and its time in
/// milliseconds since 1970.
///
/// # Errors
/// [`Damage`] where it is no whole batch; what was found until then is then worth nothing.
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
    let log_group = group.ok_or(Damage::NoLogEvents("logGroup"))?;
    let log_stream = stream.ok_or(Damage::NoLogEvents("logStream"))?;
    if !has_events {
        return Err(Damage::NoLogEvents("logEvents"));
    }
    Ok(Batch { log_group, log_stream, log_events, is_data })
}

/// A text that is short; `None` where something else stands here, which is passed.
fn text<S: Source>(reader: &mut Reader<S>) -> Result<Option<String>, Damage> {
    if reader.peek()? != b'"' {
        return reader.skip_value().map(|()| None);
    }
    let content = reader.string()?;
    Ok(content.and_then(|content| shared::json::unescaped(reader.bytes(content))))
}

fn log_event<S: Source>(
    reader: &mut Reader<S>,
    spare: &mut Vec<u8>,
    found: &mut impl FnMut(Line, u64),
) -> Result<(), Damage> {
    if reader.peek()? != b'{' {
        return Err(Damage::NoLogEvents("logEvents[]"));
    }
    let (mut line, mut time_ms, mut has_message) = (None, None, false);
    reader.object(&["timestamp", "message"], |reader, key| {
        match key {
            "timestamp" => time_ms = reader.integer()?,
            "message" => {
                has_message = reader.peek()? == b'"';
                line = if has_message { message(reader, spare)? } else { None };
                if !has_message {
                    reader.skip_value()?;
                }
            }
            _ => reader.skip_value()?,
        }
        Ok(())
    })?;
    let time_ms = time_ms.ok_or(Damage::NoLogEvents("logEvents[].timestamp"))?;
    if !has_message {
        return Err(Damage::NoLogEvents("logEvents[].message"));
    }
    if let Some(line) = line {
        found(line, time_ms);
    }
    Ok(())
}

fn message<S: Source>(reader: &mut Reader<S>, spare: &mut Vec<u8>) -> Result<Option<Line>, Damage> {
    if !line::may_be_platforms(reader.beginning(BEGINNING_BYTES)?) {
        return reader.skip_string().map(|()| None);
    }
    // A longer one is none of the platform's.
    let Some(content) = reader.string()? else { return Ok(None) };
    let meaning = shared::json::meaning(reader.bytes(content), spare);
    Ok(str::from_utf8(meaning).ok().and_then(line::read))
}
