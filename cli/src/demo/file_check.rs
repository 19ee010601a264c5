//! Is this file what `--events` takes? If not: what is it, and what helps?

use std::io;
use std::path::Path;

use serde::de::IgnoredAny;

use crate::console::printable;
use crate::failure::Failure;

const EXPECTED: &str = "--events takes a text file with one JSON object a line (NDJSON), such as";
const EXAMPLE: &str = r#"{"event_type":"play","artist":"Nova Kim","song":"Paper Letters","user_id":"u100017","timestamp":"2024-03-01T12:34:56Z"}"#;
/// How much of a line a message shows, in characters.
const SHOWN: usize = 60;

/// The file cannot be opened or read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::usage(match error.kind() {
        io::ErrorKind::NotFound => format!("{path}: there is no such file\n\n{}", expected()),
        io::ErrorKind::PermissionDenied => {
            format!("{path}: may not be read by this user (permission denied)")
        }
        _ => format!("{path}: cannot be read: {error}"),
    })
}

/// The path is a folder.
pub(super) fn directory(path: &Path) -> Failure {
    Failure::usage(format!("{}: is a folder, not a file\n\n{}", path.display(), expected()))
}

/// Looks at the file's first bytes.
///
/// # Errors
/// [`Failure::Usage`] that names the file, the line, what is wrong and what is expected.
pub(super) fn check(path: &Path, beginning: &[u8]) -> Result<(), Failure> {
    problem(path, beginning)
        .map_or(Ok(()), |problem| Err(Failure::usage(format!("{problem}\n\n{}", expected()))))
}

fn expected() -> String {
    format!("{EXPECTED}\n  {EXAMPLE}")
}

fn problem(path: &Path, beginning: &[u8]) -> Option<String> {
    let file = path.display();
    let mut lines = beginning
        .split_inclusive(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty());
    let Some((index, first)) = lines.clone().next() else {
        return Some(format!(
            "{file}: holds no events (it is empty, or begins with blank lines only)"
        ));
    };
    let text = without_mark(first);
    let spread = text == b"{" || (text.starts_with(b"[") && !is_json(text));
    // One event is enough, for a stream of events may begin with bad ones.
    if !spread && lines.any(|(_, line)| is_event(line)) {
        return None;
    }
    if let Some(what) = packed(beginning) {
        return Some(format!("{file}: is {what}"));
    }
    if beginning.contains(&0) {
        return Some(format!("{file}: is a binary file, or text in UTF-16; events are UTF-8"));
    }
    let what = match text.first() {
        Some(b'[') => {
            format!("begins a JSON array; take it apart with\n  jq -c '.[]' {file} > events.ndjson")
        }
        Some(b'{') => format!(
            "is no whole JSON object; if objects go over several lines, put each on one with\n  jq -c . {file} > events.ndjson"
        ),
        _ => format!("is no JSON object: {}", printable(&String::from_utf8_lossy(text), SHOWN)),
    };
    Some(format!("{file}, line {}: {what}", index + 1))
}

/// Formats that are known by their first bytes.
fn packed(beginning: &[u8]) -> Option<&'static str> {
    const SIGNS: [(&[u8], &str); 5] = [
        (b"\x1f\x8b", "compressed with gzip; unpack it first: gunzip -c FILE > events.ndjson"),
        (
            b"\x28\xb5\x2f\xfd",
            "compressed with zstd; unpack it first: zstd -dc FILE > events.ndjson",
        ),
        (b"PK\x03\x04", "a zip archive; unpack it first"),
        (b"PAR1", "a Parquet file; write its rows as JSON lines first"),
        (b"\xff\xfe", "text in UTF-16; events are UTF-8: iconv -f UTF-16 -t UTF-8 FILE"),
    ];
    SIGNS.iter().find(|(sign, _)| beginning.starts_with(sign)).map(|(_, what)| *what)
}

/// A whole JSON object, or the beginning of one that is longer than what was read.
fn is_event(line: &[u8]) -> bool {
    let text = without_mark(line);
    let cut = !line.ends_with(b"\n") && text.len() > SHOWN;
    text.starts_with(b"{")
        && serde_json::from_slice::<IgnoredAny>(text)
            .map_or_else(|error| cut && error.is_eof(), |_| true)
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::{check, directory, unreadable};
    use crate::failure::Failure;
    use std::io;
    use std::path::Path;

    fn message(beginning: &[u8]) -> String {
        match check(Path::new("my.ndjson"), beginning) {
            Err(Failure::Usage(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    fn accepted(beginning: &[u8]) -> bool {
        check(Path::new("my.ndjson"), beginning).is_ok()
    }

    #[test]
    fn events_are_accepted() {
        assert!(accepted(b"{\"type\":\"play\"}\n{\"type\":\"skip\"}\n"));
        assert!(accepted(b"\n\n  {\"type\":\"play\"}"));
        assert!(accepted(b"\xef\xbb\xbf{\"type\":\"play\"}\r\n"));
        assert!(accepted(b"{}\n"));
    }

    #[test]
    fn one_good_line_is_enough() {
        assert!(accepted(b"oops\n{\"type\":\n{\"type\":\"play\"}\n"));
        assert!(accepted(b"[1,2]\n\0\n{\"type\":\"play\"}\n"));
    }

    #[test]
    fn objects_inside_of_something_are_no_events() {
        assert!(
            message(b"[\n{\"type\":\"play\"},\n{\"type\":\"skip\"}\n]\n").contains("jq -c '.[]'")
        );
        assert!(message(b"{\n\"list\": [\n{}\n]\n}\n").contains("jq -c . my.ndjson"));
    }

    #[test]
    fn an_event_longer_than_the_beginning_is_accepted() {
        let mut long = b"{\"payload\":\"".to_vec();
        long.resize(1_000, b'x');
        assert!(accepted(&long));
    }

    #[test]
    fn every_message_says_what_is_expected_and_shows_a_line() {
        for beginning in [&b""[..], b"\n \n", b"\x1f\x8b\x08", b"[1]", b"a,b\n1,2\n", b"a\0b"] {
            let message = message(beginning);
            assert!(message.starts_with("my.ndjson"), "{message}");
            assert!(message.contains("one JSON object a line"), "{message}");
            assert!(message.contains("\n  {\"event_type\":\"play\""), "{message}");
        }
        for failure in [
            directory(Path::new("events")),
            unreadable(Path::new("events"), &io::ErrorKind::NotFound.into()),
        ] {
            assert!(failure.to_string().contains("one JSON object a line"), "{failure}");
            assert!(failure.to_string().starts_with("events: "), "{failure}");
        }
    }

    #[test]
    fn the_example_is_an_event_itself() {
        assert!(accepted(super::EXAMPLE.as_bytes()));
    }

    #[test]
    fn the_line_is_named_and_shown() {
        let message = message(b"\n\nuser,artist\nu1,Nova Kim\n");
        assert!(
            message.contains("my.ndjson, line 3: is no JSON object: user,artist\n"),
            "{message}"
        );
    }

    #[test]
    fn a_shown_line_is_short_and_printable() {
        let message = message("é\u{1b}[31m".repeat(50).as_bytes());
        let first = message.lines().next().unwrap();
        assert!(first.ends_with('…') && !first.contains('\u{1b}'), "{first}");
        assert!(first.chars().count() < 120, "{first}");
    }

    #[test]
    fn what_helps_is_named() {
        assert!(message(b"[{\"type\":\"play\"}]").contains("jq -c '.[]' my.ndjson"));
        assert!(message(b"{\n  \"type\": \"play\"\n}\n").contains("jq -c . my.ndjson"));
        assert!(message(b"\x1f\x8b\x08\0").contains("gunzip"));
        assert!(message(b"\xff\xfe{\0").contains("UTF-16"));
        assert!(message(b"\x7fELF\0\0").contains("binary file"));
        assert!(message(b"").contains("holds no events"));
    }
}
