//! Lines of functions whose log format is text.

use shared::event::Timestamp;

use super::{Failure, Line, Report, is_request_id, percent};

/// What a message says.
pub(super) fn read(message: &str) -> Option<Line> {
    if let Some(rest) = message.strip_prefix("REPORT RequestId: ") {
        report(rest)
    } else if let Some(rest) = message.strip_prefix("INIT_REPORT ") {
        start_report(rest, "Init Duration")
    } else if let Some(rest) = message.strip_prefix("RESTORE_REPORT ") {
        start_report(rest, "Restore Duration")
    } else if let Some(rest) = message.strip_prefix("RequestId: ") {
        error(rest.trim_end())
    } else {
        timed_out(message.trim_end())
    }
}

fn report(rest: &str) -> Option<Line> {
    let (request_id, rest) = rest.split_once(char::is_whitespace)?;
    let fields = Fields::read(rest)?;
    fields.duration_ms.filter(|_| is_request_id(request_id))?;
    Some(Line::Report(Report {
        request_id: request_id.to_owned(),
        failure: Failure::of(fields.status, fields.error_type),
        memory_percent: percent(fields.max_memory_used_mb, fields.memory_size_mb),
        init_ms: fields.init_ms,
    }))
}

/// Of a start that went well too, in some cases; that is told by the report of its invocation.
fn start_report(rest: &str, first: &str) -> Option<Line> {
    let fields = Fields::read(rest).filter(|_| rest.starts_with(first))?;
    let timed_out = Failure::of(fields.status, fields.error_type)? == Failure::Timeout;
    Some(Line::StartFailed { in_invocation: fields.phase == Some("invoke"), timed_out })
}

/// `<id> Error: <text>`, and the type of error on the next line.
fn error(rest: &str) -> Option<Line> {
    let (request_id, rest) = rest.split_once(' ').filter(|(id, _)| is_request_id(id))?;
    let (text, error_type) = rest.split_once('\n').unwrap_or((rest, ""));
    let of_platform = ["Runtime.", "Extension.", "Sandbox."];
    let failure = match text.strip_prefix("Error: ") {
        Some("Runtime exited with error: signal: killed") => Failure::OutOfMemory,
        Some(_) if error_type == "Runtime.OutOfMemory" => Failure::OutOfMemory,
        Some(error) if is_time_out(error) => Failure::Timeout,
        Some(error) if error.starts_with("Runtime exited ") => Failure::Unhandled,
        // Such as `fork/exec /var/task/bootstrap: no such file or directory`.
        Some(_) if of_platform.iter().any(|of| error_type.starts_with(of)) => Failure::Unhandled,
        None if text == "Process exited before completing request" => Failure::Unhandled,
        _ => return None,
    };
    let is_one_word = !error_type.contains(char::is_whitespace);
    is_one_word.then(|| Line::Failed { request_id: request_id.to_owned(), failure })
}

/// `<time> <id> Task timed out after 3.00 seconds`
fn timed_out(message: &str) -> Option<Line> {
    let (time, rest) = message.split_once(' ')?;
    let (request_id, rest) = rest.split_once(' ')?;
    let is_line = is_time_out(rest) && is_request_id(request_id);
    Timestamp::from_text(time.as_bytes()).filter(|_| is_line)?;
    Some(Line::Failed { request_id: request_id.to_owned(), failure: Failure::Timeout })
}

fn is_time_out(text: &str) -> bool {
    let seconds = text.strip_prefix("Task timed out after ");
    let seconds = seconds.and_then(|rest| rest.strip_suffix(" seconds"));
    seconds.and_then(number).is_some()
}

/// The fields of a report: names and values, with tabs between them.
#[derive(Default)]
struct Fields<'a> {
    duration_ms: Option<f64>,
    init_ms: Option<f64>,
    memory_size_mb: Option<f64>,
    max_memory_used_mb: Option<f64>,
    phase: Option<&'a str>,
    status: Option<&'a str>,
    error_type: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// `None` where something else stands among them, as in a sentence that quotes a report.
    fn read(mut rest: &'a str) -> Option<Self> {
        let mut fields = Self::default();
        loop {
            let field = rest.trim_start();
            if field.is_empty() {
                return Some(fields);
            }
            let separated = rest[..rest.len() - field.len()].contains(['\t', '\n']);
            rest = fields.next(field, separated)?;
        }
    }

    /// Reads the first field and returns what follows it. Copies of logs often have spaces in the
    /// place of tabs: a field that is known needs no tab before it.
    fn next(&mut self, rest: &'a str, separated: bool) -> Option<&'a str> {
        let after = |name: &str| rest.strip_prefix(name)?.strip_prefix(": ");
        if let Some(rest) = after("Duration") {
            let (value, rest) = quantity(rest, "ms")?;
            self.duration_ms = Some(value);
            return Some(rest);
        }
        if let Some(rest) = after("Init Duration") {
            let (value, rest) = quantity(rest, "ms")?;
            self.init_ms = Some(value);
            return Some(rest);
        }
        if let Some(rest) = after("Memory Size") {
            let (value, rest) = quantity(rest, "MB")?;
            self.memory_size_mb = Some(value);
            return Some(rest);
        }
        if let Some(rest) = after("Max Memory Used") {
            let (value, rest) = quantity(rest, "MB")?;
            self.max_memory_used_mb = Some(value);
            return Some(rest);
        }
        for name in ["Billed Duration", "Restore Duration", "Billed Restore Duration"] {
            if let Some(rest) = after(name) {
                return quantity(rest, "ms").map(|(_, rest)| rest);
            }
        }
        for name in ["Phase", "Status", "Error Type", "XRAY TraceId", "SegmentId", "Sampled"] {
            let Some(rest) = after(name) else { continue };
            let (value, rest) = word(rest);
            match name {
                "Phase" => self.phase = Some(value),
                "Status" => self.status = Some(value),
                "Error Type" => self.error_type = Some(value),
                _ => {}
            }
            return Some(rest);
        }
        // A field that is not known yet.
        let end = rest.find(['\t', '\n']).unwrap_or(rest.len());
        (separated && rest[..end].contains(": ")).then(|| &rest[end..])
    }
}

/// A value with its unit, and what follows.
fn quantity<'a>(text: &'a str, unit: &str) -> Option<(f64, &'a str)> {
    let (value, rest) = word(text);
    let (found, rest) = word(rest.strip_prefix(' ')?);
    number(value).filter(|_| found == unit).map(|value| (value, rest))
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

fn number(text: &str) -> Option<f64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|number: &f64| digits && number.is_finite())
}
