//! Lines in the log format text.

use shared::event::Timestamp;

use super::{Cause, Failure, Line, Memory, Report, is_out_of_memory, is_request_id};

/// Parses a message.
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
    fields.number("Duration").filter(|_| is_request_id(request_id))?;
    Some(Line::Report(Report {
        request_id: request_id.to_owned(),
        failure: fields.failure(),
        memory: Memory::of(fields.number("Max Memory Used"), fields.number("Memory Size")),
        init_ms: fields.number("Init Duration"),
    }))
}

/// The report of a successful start has no status, and its duration is in the invocation's report.
fn start_report(rest: &str, first: &str) -> Option<Line> {
    let fields = Fields::read(rest).filter(|_| rest.starts_with(first))?;
    fields.failure()?;
    Some(Line::StartFailed { in_invocation: fields.get("Phase") == Some("invoke") })
}

/// `<id> Error: <text>`, with the error type on the next line.
fn error(rest: &str) -> Option<Line> {
    let (request_id, rest) = rest.split_once(' ').filter(|(id, _)| is_request_id(id))?;
    let (text, error_type) = rest.split_once('\n').unwrap_or((rest, ""));
    if error_type.contains(char::is_whitespace) {
        return None;
    }
    let cause = match text.strip_prefix("Error: ") {
        Some(error) => cause(error, error_type)?,
        None if text == "Process exited before completing request" => Cause::Other,
        None => return None,
    };
    Some(Line::Error { request_id: request_id.to_owned(), cause })
}

/// The cause of an error; `None` if the error is not the platform's.
fn cause(error: &str, error_type: &str) -> Option<Cause> {
    if is_out_of_memory(error_type) {
        return Some(Cause::OutOfMemory);
    }
    if is_time_out(error) {
        return Some(Cause::Timeout);
    }
    // Errors of other processes than the runtime: `fork/exec /var/task/bootstrap: no such file or
    // directory`, or `exit status 2` of an extension.
    let of_platform = ["Runtime.", "Extension.", "Sandbox."];
    let is_platforms = error.starts_with("Runtime exited ")
        || of_platform.iter().any(|of| error_type.starts_with(of));
    let reason = error.strip_prefix("Runtime exited with error: ").unwrap_or(error);
    let cause = match reason.strip_suffix(" (core dumped)").unwrap_or(reason) {
        "signal: killed" => Cause::OutOfMemory,
        "signal: aborted" | "exit status 137" => Cause::Aborted,
        _ => Cause::Other,
    };
    is_platforms.then_some(cause)
}

/// `<time> <id> Task timed out after 3.00 seconds`
fn timed_out(message: &str) -> Option<Line> {
    let (time, rest) = message.split_once(' ')?;
    let (request_id, rest) = rest.split_once(' ')?;
    let is_line = is_time_out(rest) && is_request_id(request_id);
    Timestamp::from_text(time.as_bytes()).filter(|_| is_line)?;
    Some(Line::Error { request_id: request_id.to_owned(), cause: Cause::Timeout })
}

fn is_time_out(text: &str) -> bool {
    let seconds = text.strip_prefix("Task timed out after ");
    let seconds = seconds.and_then(|rest| rest.strip_suffix(" seconds"));
    seconds.and_then(number).is_some()
}

/// The fields of reports with their units.
const FIELDS: [(&str, &str); 13] = [
    ("Duration", "ms"),
    ("Billed Duration", "ms"),
    ("Memory Size", "MB"),
    ("Max Memory Used", "MB"),
    ("Init Duration", "ms"),
    ("Restore Duration", "ms"),
    ("Billed Restore Duration", "ms"),
    ("Phase", ""),
    ("Status", ""),
    ("Error Type", ""),
    ("XRAY TraceId", ""),
    ("SegmentId", ""),
    ("Sampled", ""),
];

/// The values of a report's fields, which are separated by tabs.
struct Fields<'a>([Option<&'a str>; FIELDS.len()]);

impl<'a> Fields<'a> {
    /// `None` if there is other text between them, as in a sentence that quotes a report.
    fn read(mut rest: &'a str) -> Option<Self> {
        let mut fields = Self([None; FIELDS.len()]);
        loop {
            let field = rest.trim_start();
            if field.is_empty() {
                return Some(fields);
            }
            let separated = rest[..rest.len() - field.len()].contains(['\t', '\n']);
            rest = fields.next(field, separated)?;
        }
    }

    /// Reads the first field and returns the rest. Copies of logs often have spaces instead of tabs:
    /// a known field does not need a tab before it.
    fn next(&mut self, rest: &'a str, separated: bool) -> Option<&'a str> {
        let value_of = |(name, _): &(&str, _)| rest.strip_prefix(*name)?.strip_prefix(": ");
        let known = FIELDS.iter().enumerate().find_map(|(at, field)| Some((at, value_of(field)?)));
        let Some((at, rest)) = known else {
            // An unknown field.
            let end = rest.find(['\t', '\n']).unwrap_or(rest.len());
            return (separated && rest[..end].contains(": ")).then(|| &rest[end..]);
        };
        let (value, rest) =
            if FIELDS[at].0 == "Error Type" { error_type(rest) } else { word(rest) };
        self.0[at] = Some(value);
        match FIELDS[at].1 {
            "" => Some(rest),
            unit => {
                let (found, rest) = word(rest.strip_prefix(' ')?);
                number(value).filter(|_| found == unit).map(|_| rest)
            }
        }
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0[FIELDS.iter().position(|field| field.0 == name)?]
    }

    fn number(&self, name: &str) -> Option<f64> {
        number(self.get(name)?)
    }

    fn failure(&self) -> Option<Failure> {
        Failure::of(self.get("Status"), self.get("Error Type"))
    }
}

/// A word before the end or another field; else the text before a tab or the end of the line, such
/// as the name of a generic type.
fn error_type(text: &str) -> (&str, &str) {
    let (first, rest) = word(text);
    let field = rest.trim_start_matches(' ');
    let is_word = field.is_empty()
        || field.starts_with(char::is_whitespace)
        || FIELDS.iter().any(|(name, _)| field.starts_with(name));
    if is_word {
        return (first, rest);
    }
    text.split_at(text.find(['\t', '\n', '\r']).unwrap_or(text.len()))
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

fn number(text: &str) -> Option<f64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|number: &f64| digits && number.is_finite())
}
