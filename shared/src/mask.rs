//! Masks secrets in texts.
//!
//! Masks values after `password`, `secret`, `token`, `key`, `authorization` and `Bearer`, and user
//! information in URLs.
//!
//! It prefers to mask too much. In JSON (also as text within JSON), in `key=value`, in headers and
//! URLs, the name is followed by `=` or `:`. If only a space follows, as in the arguments of a
//! command and in SQL (`PASSWORD '…'`), a word or a quoted text that could be a secret is masked. An
//! amount of money (`my-tokens: 12.50 USD`) stays, and so does the state of a run
//! (`load-tokens: Failed`).

/// Replaces masked values.
const MASK: &str = "***";

/// Parts of names whose values are masked.
const NAMES: [&str; 7] = ["password", "passwd", "pwd", "secret", "token", "key", "authorization"];

/// Animals in the generated run names of Prefect that end like the name of a secret.
const ANIMALS: [&str; 3] = ["donkey", "monkey", "turkey"];

/// The states of runs (source: Prefect documentation, "States").
const STATES: [&str; 16] = [
    "AwaitingConcurrencySlot",
    "AwaitingRetry",
    "Cached",
    "Cancelled",
    "Cancelling",
    "Completed",
    "Crashed",
    "Failed",
    "Late",
    "Paused",
    "Pending",
    "Retrying",
    "Running",
    "Scheduled",
    "Suspended",
    "TimedOut",
];

/// Masks values, and `literals` wherever they occur.
#[must_use]
pub fn mask(text: &str, literals: &[String]) -> String {
    let mut masked = by_name(&without_user_information(text));
    for literal in literals.iter().filter(|literal| !literal.is_empty()) {
        masked = masked.replace(literal.as_str(), MASK);
    }
    masked
}

/// Masks `user:password` in `https://user:password@host`.
pub(crate) fn without_user_information(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        out.push_str(before);
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<');
        let authority = &after[..after.find(ends).unwrap_or(after.len())];
        rest = match authority.rfind('@') {
            Some(host) => {
                out.push_str(MASK);
                &after[host..]
            }
            None => after,
        };
    }
    out.push_str(rest);
    out
}

fn by_name(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    // Everything before `copied` is in `out`; a word ends at `at`.
    let (mut copied, mut at) = (0, 0);
    while at < bytes.len() {
        if !is_name(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && is_name(bytes[at]) {
            at += 1;
        }
        let value = value_after(text, start, at);
        let is_secret = |range: &(usize, usize)| {
            !is_amount(text, *range)
                && !STATES.contains(&&text[range.0..range.1])
                && !names_secret(text, *range)
        };
        if let Some((from, to)) = value.filter(is_secret) {
            out.push_str(&text[copied..from]);
            out.push_str(MASK);
            (copied, at) = (to, to);
        }
    }
    out.push_str(&text[copied..]);
    out
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Returns the range of the value of the name at `start..end`, if it must be masked.
fn value_after(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let name = text[start..end].to_ascii_lowercase();
    let is_bearer = name == "bearer";
    let is_animal = ANIMALS.iter().any(|animal| name.ends_with(animal));
    let secret = is_bearer || !is_animal && NAMES.iter().any(|secret| name.contains(secret));
    // `KeyError: 'artist'` and `InvalidTokenException: …` explain an error.
    if !secret || name.ends_with("error") || name.ends_with("exception") {
        return None;
    }
    if let Some(value) = enclosed(text, start, end) {
        return Some(value);
    }
    let Some(from) = after_separator(text, end) else {
        let is_masked = |(from, to): (usize, usize)| {
            // `missing key 'artist_id'` explains an error.
            let is_explained =
                matches!(&*name, "key" | "keys") && is_quote(text.as_bytes()[from - 1]);
            let is_argument = is_bearer || name.starts_with('-');
            is_argument || !is_explained && could_be_secret(&text[from..to])
        };
        return next_word(text, end).filter(|word| is_masked(*word));
    };
    if let Some(bracket) = constructed(text, from) {
        return Some((from, unquoted_end(text, bracketed_end(text, bracket))));
    }
    let to = match text.as_bytes().get(from)? {
        b'{' | b'[' => unquoted_end(text, bracketed_end(text, from)),
        // Python literals with a prefix.
        b'b' | b'r' | b'u' | b'f' if text[from + 1..].starts_with(['"', '\'']) => {
            return quoted(text, from + 1);
        }
        b'"' | b'\'' | b'`' | b'\\' => return quoted(text, from),
        _ if name.contains("authorization") => line_end(text, from),
        _ => unquoted_end(text, from),
    };
    (to > from).then_some((from, to))
}

/// Whether a value is an amount of money, such as `12.50 USD`: not a secret, but the cost of
/// something whose name contains `key` or `token`.
fn is_amount(text: &str, (from, to): (usize, usize)) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let value = &text[from..to];
    let is_decimal = value
        .strip_prefix('-')
        .unwrap_or(value)
        .split_once('.')
        .is_some_and(|(whole, cents)| digits(whole) && digits(cents));
    let Some(unit) = text[to..].strip_prefix(' ').filter(|_| is_decimal) else { return false };
    let letters = unit.bytes().take_while(u8::is_ascii_uppercase).count();
    letters == 3 && !unit[letters..].starts_with(char::is_alphanumeric)
}

/// Whether a value only names the secret after it, as in `token: Bearer …` and `Bearer token: …`.
fn names_secret(text: &str, (from, to): (usize, usize)) -> bool {
    let name = text[from..to].trim_end_matches([':', '=']);
    ["bearer", "token"].iter().any(|known| name.eq_ignore_ascii_case(known))
        && value_after(text, from, from + name.len()).is_some()
}

/// Returns the range of the value in `<password>…</password>`, `Password("…")` and `Password { … }`.
fn enclosed(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let rest = &text[end..];
    if rest.starts_with("(\"") {
        return Some((end, bracketed_end(text, end)));
    }
    if rest.starts_with(" { ") && text.as_bytes()[start].is_ascii_uppercase() {
        return Some((end + 1, bracketed_end(text, end + 1)));
    }
    let content = rest.strip_prefix('>').filter(|_| text[..start].ends_with('<'))?;
    let length = content.find('<').filter(|at| content[*at..].starts_with("</"))?;
    (length > 0).then_some((end + 1, end + 1 + length))
}

/// Returns the position of the bracket in `Some("…")` or `Secret { … }`, as Rust writes values.
fn constructed(text: &str, from: usize) -> Option<usize> {
    let rest = &text[from..];
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let behind = rest.trim_start_matches(name);
    let bracket = behind.strip_prefix(' ').filter(|behind| behind.starts_with('{'));
    let bracket = bracket.or_else(|| behind.starts_with('(').then_some(behind))?;
    (behind.len() < rest.len()).then_some(text.len() - bracket.len())
}

/// Returns the position after `=`, `:`, `=>` or their percent-encoded forms, or after `\u003d`, as Gson
/// writes `=` in JSON. Closing quotes of the name can precede them.
fn after_separator(text: &str, end: usize) -> Option<usize> {
    let rest = &text[end..];
    let escaped = ["\\u003d", "\\u003D"].iter().find_map(|sign| rest.strip_prefix(sign));
    if let Some(value) = escaped {
        return Some(text.len() - value.len());
    }
    let unquoted = rest.trim_start_matches(['\\', '"', '\'', '`', ']', ')']);
    let unquoted = unquoted.trim_start_matches([' ', '\t']);
    let tail = match unquoted.get(..3) {
        Some(code) if ["%3d", "%3a"].iter().any(|sign| code.eq_ignore_ascii_case(sign)) => {
            &unquoted[3..]
        }
        _ => unquoted.strip_prefix("=>").or_else(|| unquoted.strip_prefix(['=', ':']))?,
    };
    let value = tail.trim_start_matches([' ', '\t', '\n', '\r', '=']);
    Some(text.len() - value.len())
}

/// Returns the range of the word after a blank, or of the text in quotes on the same line.
fn next_word(text: &str, end: usize) -> Option<(usize, usize)> {
    let from = text.len() - text[end..].trim_start_matches([' ', '\t']).len();
    let starts_quoted =
        || text[from..].trim_start_matches('\\').bytes().next().is_some_and(is_quote);
    if from > end && starts_quoted() {
        let is_value = |(from, to): &(usize, usize)| {
            let value = &text[*from..*to];
            // A word at the end may be the beginning of a secret that was cut off.
            let is_cut_off = *to == text.len() && !value.contains(char::is_whitespace);
            !value.is_empty() && (is_cut_off || *to < text.len() && !value.contains('\n'))
        };
        return quoted(text, from).filter(is_value);
    }
    // Without a blank, the word is not searched: searching it from each of its parts is quadratic.
    let to = if from > end { unquoted_end(text, from) } else { from };
    (to > from).then_some((from, to))
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// Returns the end of a value that is not quoted. `&` ends it before the next parameter of a URL;
/// elsewhere it can be a part of a password. A private key in PEM has blanks and several lines.
fn unquoted_end(text: &str, from: usize) -> usize {
    if text[from..].starts_with("-----BEGIN ") {
        let end = text[from..].find("-----END ").map(|at| from + at + "-----END ".len());
        let closed = end.and_then(|end| Some(end + text[end..].find("-----")? + "-----".len()));
        return closed.unwrap_or(text.len());
    }
    let is_parameter = |after: &str| {
        let name = after.bytes().take_while(|byte| is_name(*byte)).count();
        name > 0 && after[name..].starts_with(['=', '%', '['])
    };
    let ends = |(at, c): (usize, char)| match c {
        '&' => is_parameter(&text[from + at + 1..]),
        c => {
            c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '<' | '>' | '}' | ']' | '\\')
        }
    };
    let mut characters = text[from..].char_indices();
    characters.find(|character| ends(*character)).map_or(text.len(), |(at, _)| from + at)
}

fn line_end(text: &str, from: usize) -> usize {
    text[from..].find(['\n', '"', '\'']).map_or(text.len(), |length| from + length)
}

/// Returns the range between quotes, which may be escaped, as in JSON within JSON.
fn quoted(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let depth = bytes[from..].iter().take_while(|byte| **byte == b'\\').count();
    let start = from + depth + 1;
    let Some(quote) = bytes.get(from + depth).copied().filter(|byte| is_quote(*byte)) else {
        let to = unquoted_end(text, from + depth);
        return (to > from).then_some((from, to));
    };
    let mut backslashes = 0;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        // The closing quote has as many backslashes as the opening one. A quote within the value,
        // or a backslash before the closing quote, has more.
        if *byte == quote && backslashes % (2 * (depth + 1)) == depth {
            return Some((start, at - depth));
        }
        backslashes = if *byte == b'\\' { backslashes + 1 } else { 0 };
    }
    Some((start, text.len()))
}

/// Returns the end of the bracket at `from`, or of the text.
fn bracketed_end(text: &str, from: usize) -> usize {
    let round = text.as_bytes().get(from) == Some(&b'(');
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'(' if round && !in_string => depth += 1,
            b'}' | b']' | b')' if !in_string && (round || byte != b')') => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// Whether a word after `password` or `token` could be a secret: ordinary words have only letters.
fn could_be_secret(word: &str) -> bool {
    // What is masked stays so: notices are masked before they are published and in the card.
    word == MASK
        || word.len() >= 6
            && !word.chars().all(|c| c.is_alphabetic() || matches!(c, '.' | ':' | '?' | '!'))
}

#[cfg(test)]
mod tests;
