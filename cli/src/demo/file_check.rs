//! Checks whether a file has the format of `--events`.

use std::io;
use std::path::Path;

use serde::de::IgnoredAny;

use crate::console::printable;
use crate::error::CliError;

const EXPECTED: &str =
    "--events requires a text file with one JSON object a line (NDJSON), such as";
const EXAMPLE: &str = r#"{"event_type":"play","artist":"Nova Kim","song":"Paper Letters","user_id":"u100017","timestamp":"2024-03-01T12:34:56Z"}"#;
/// Maximum length of a quoted line, in characters.
const SHOWN: usize = 60;

/// Returns the error for a file that cannot be opened or read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> CliError {
    let path = path.display();
    CliError::usage(match error.kind() {
        io::ErrorKind::NotFound => with_example(&format!("{path}: the file does not exist")),
        io::ErrorKind::IsADirectory => with_example(&format!("{path}: is a folder, not a file")),
        io::ErrorKind::PermissionDenied => format!("{path}: permission denied"),
        _ => format!("{path}: failed to read the file: {error}"),
    })
}

/// Checks the first bytes of a file.
///
/// # Errors
/// [`CliError::Usage`] with the file, the line, the problem and what is expected.
pub(super) fn check(path: &Path, beginning: &[u8]) -> Result<(), CliError> {
    match problem(path, beginning) {
        Some(problem) => Err(CliError::usage(with_example(&problem))),
        None => Ok(()),
    }
}

fn with_example(problem: &str) -> String {
    format!("{problem}\n\n{EXPECTED}\n  {EXAMPLE}")
}

fn problem(path: &Path, beginning: &[u8]) -> Option<String> {
    let file = path.display();
    let mut lines = beginning
        .split_inclusive(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty());
    let Some((index, first)) = lines.clone().next() else {
        return Some(format!("{file}: has no events (it is empty, or begins with blank lines)"));
    };
    let text = without_mark(first);
    let is_spread = text == b"{" || (text.starts_with(b"[") && !is_json(text));
    // One event is enough: the first lines may be invalid events.
    if !is_spread && lines.any(|(_, line)| is_event(line)) {
        return None;
    }
    if let Some(format) = binary_format(beginning) {
        return Some(format!("{file}: is {format}"));
    }
    if beginning.contains(&0) {
        return Some(format!("{file}: is a binary file, or text in UTF-16; events are UTF-8"));
    }
    let problem = match text.first() {
        Some(b'[') => format!(
            "is the start of a JSON array; split it with\n  jq -c '.[]' {file} > events.ndjson"
        ),
        Some(b'{') => format!(
            "is not a whole JSON object; if objects span several lines, put each on one line with\n  jq -c . {file} > events.ndjson"
        ),
        _ => format!("is not a JSON object: {}", printable(&String::from_utf8_lossy(text), SHOWN)),
    };
    Some(format!("{file}, line {}: {problem}", index + 1))
}

/// Recognizes formats by their first bytes.
fn binary_format(beginning: &[u8]) -> Option<&'static str> {
    const SIGNATURES: [(&[u8], &str); 5] = [
        (b"\x1f\x8b", "compressed with gzip; unpack it first: gunzip -c FILE > events.ndjson"),
        (
            b"\x28\xb5\x2f\xfd",
            "compressed with zstd; unpack it first: zstd -dc FILE > events.ndjson",
        ),
        (b"PK\x03\x04", "a zip archive; unpack it first"),
        (b"PAR1", "a Parquet file; convert its rows to JSON lines first"),
        (b"\xff\xfe", "text in UTF-16; events are UTF-8: iconv -f UTF-16 -t UTF-8 FILE"),
    ];
    let found = SIGNATURES.iter().find(|(signature, _)| beginning.starts_with(signature));
    found.map(|(_, format)| *format)
}

/// Whether a line is a JSON object, or the start of one that is longer than what was read.
fn is_event(line: &[u8]) -> bool {
    let text = without_mark(line);
    let is_cut = !line.ends_with(b"\n") && text.len() > SHOWN;
    text.starts_with(b"{")
        && serde_json::from_slice::<IgnoredAny>(text)
            .map_or_else(|error| is_cut && error.is_eof(), |_| true)
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Removes a byte order mark and white space.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_accepted() {
        let mut long = b"{\"payload\":\"".to_vec();
        long.resize(1_000, b'x');
        for beginning in [
            &b"{\"type\":\"play\"}\n{\"type\":\"skip\"}\n"[..],
            b"\n\n  {\"type\":\"play\"}",
            b"\xef\xbb\xbf{\"type\":\"play\"}\r\n",
            b"{}\n",
            EXAMPLE.as_bytes(),
            // One valid line is enough.
            b"oops\n{\"type\":\n{\"type\":\"play\"}\n",
            b"[1,2]\n\0\n{\"type\":\"play\"}\n",
            &long,
        ] {
            assert_eq!(problem(Path::new("my.ndjson"), beginning), None);
        }
    }

    #[test]
    fn a_problem_has_its_line_and_a_remedy() {
        for (beginning, expected) in [
            (&b""[..], "my.ndjson: has no events"),
            (b"\n \n", "my.ndjson: has no events"),
            (b"[{\"type\":\"play\"}]", "jq -c '.[]' my.ndjson"),
            (b"[\n{\"type\":\"play\"},\n{\"type\":\"skip\"}\n]\n", "jq -c '.[]' my.ndjson"),
            (b"{\n  \"type\": \"play\"\n}\n", "jq -c . my.ndjson"),
            (b"{\n\"list\": [\n{}\n]\n}\n", "jq -c . my.ndjson"),
            (b"\x1f\x8b\x08\0", "gunzip"),
            (b"\xff\xfe{\0", "UTF-16"),
            (b"\x7fELF\0\0", "binary file"),
            (b"\n\na,b\nu1,Nova Kim\n", "my.ndjson, line 3: is not a JSON object: a,b\n"),
        ] {
            let error = check(Path::new("my.ndjson"), beginning).unwrap_err();
            assert!(matches!(error, CliError::Usage(_)), "{error:?}");
            let message = error.to_string();
            assert!(message.starts_with("error: my.ndjson"), "{message}");
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("one JSON object a line"), "{message}");
            assert!(message.contains("\n  {\"event_type\":\"play\""), "{message}");
        }
    }

    #[test]
    fn a_quoted_line_is_short_and_printable() {
        let line = "é\u{1b}[31m".repeat(50);
        let problem = problem(Path::new("my.ndjson"), line.as_bytes()).unwrap();
        assert!(problem.ends_with('…') && !problem.contains('\u{1b}'), "{problem}");
        assert!(problem.chars().count() < 120, "{problem}");
    }
}
