//! The producers' encodings of an interaction: the same facts with different names, types and
//! clocks.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use super::listening::Interaction;
use super::random::Random;

/// Weight and event of each producer: web (flat, RFC 3339), mobile (camelCase, milliseconds),
/// backend (nested, offsets), a partner (few fields, seconds), televisions (numbers as text, micro-
/// and nanoseconds), and an old importer (no id, nulls). `$name` and `$name[…]` stand for a value.
const PRODUCERS: &str = include_str!("producers.tsv");

/// The additional telemetry of some clients: about 1.4 kB.
const CONTEXT: &str = include_str!("context.json");

/// The output style of a producer's JSON library.
#[derive(Clone, Copy, Debug, Default)]
struct Style {
    /// A space after `:` and `,`.
    spaced: bool,
    /// Everything outside ASCII is written as `\u` escapes.
    ascii: bool,
    escaped_slashes: bool,
}

const PLAIN: Style = Style { spaced: false, ascii: false, escaped_slashes: false };
/// The style of Python's `json.dumps`.
const PYTHON: Style = Style { spaced: true, ascii: true, escaped_slashes: false };
/// The style of PHP's `json_encode`.
const PHP: Style = Style { spaced: false, ascii: true, escaped_slashes: true };
const STYLES: [(u64, Style); 3] = [(70, PLAIN), (20, PYTHON), (10, PHP)];

/// The interaction as one of the producers encodes it, with or without a large context.
pub(super) fn write(interaction: &Interaction, with_context: bool, random: &mut Random) -> Vec<u8> {
    let style = random.weighted(&STYLES);
    let producers = PRODUCERS.lines().filter_map(|line| line.split_once('\t'));
    let producers: Vec<_> =
        producers.filter_map(|(weight, event)| Some((weight.parse().ok()?, event))).collect();
    let event = random.weighted(&producers);
    let mut written = filled(event, interaction, random);
    if with_context {
        written.pop();
        written.push_str(&filled(CONTEXT.trim_end(), interaction, random));
    }
    styled(&written, style).into_bytes()
}

/// The text, with the values in place of their names.
fn filled(text: &str, of: &Interaction, random: &mut Random) -> String {
    let mut pieces = text.split('$');
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|char: char| !char.is_ascii_lowercase() && char != '_');
        let (name, rest) = piece.split_at(end.unwrap_or(piece.len()));
        let bracketed = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (argument, rest) = bracketed.unwrap_or(("", rest));
        filled.push_str(&value(name, argument, of, random));
        filled.push_str(rest);
    }
    filled
}

fn value(name: &str, argument: &str, of: &Interaction, random: &mut Random) -> String {
    let choices: Vec<&str> = argument.split('|').collect();
    let value = match name {
        "id" => json!(of.id),
        "action" => json!(of.action),
        "artist_id" => json!(of.artist_id),
        "artist" => json!(of.artist.name),
        "genres" => json!(of.artist.genres),
        "genre" => json!(of.artist.genres[0]),
        "song_id" => json!(of.song.id),
        "title" => json!(of.song.title),
        "album" => json!(of.song.album),
        "duration" => json!(of.song.duration_ms),
        "listened" => json!(of.listened_ms),
        "user" => json!(of.user.id),
        "country" => json!(of.user.country),
        "device" => json!(of.user.device),
        "session" => json!(of.session_id),
        "shuffle" => json!(of.shuffle),
        "yes" => json!(if of.shuffle { "yes" } else { "no" }),
        "utc" => json!(written(of.at, 0, "%Y-%m-%dT%H:%M:%S.%3fZ")),
        "milliseconds" => json!(of.at.as_millisecond()),
        "offset" => {
            let (hours, digits) = random.pick(&[(9, 6), (9, 3), (-3, 9), (1, 6)]);
            json!(written(of.at, hours, &format!("%Y-%m-%dT%H:%M:%S.%{digits}f%:z")))
        }
        "seconds" if random.percent(50) => json!(of.at.as_second()),
        "seconds" => return format!("{}.{:03}", of.at.as_second(), of.at.as_millisecond() % 1_000),
        "ticks" if random.percent(50) => json!(of.at.as_microsecond()),
        "ticks" => json!(of.at.as_nanosecond()),
        "created_at" if random.percent(50) => {
            return format!(r#","created_at":{}"#, json!(written(of.at, 0, "%Y-%m-%d %H:%M:%S")));
        }
        "created_at" => return String::new(),
        "page" => {
            let variant = random.below(8);
            json!(format!("https://music.example/{}/queue?ab={variant}", of.action))
        }
        "version" => json!(format!("8.{}.{}", random.below(4), random.below(10))),
        "isrc" => json!(format!("KRA{:02}{:07}", random.below(25), random.below(10_000_000))),
        "digit" => json!(random.below(9) + 1),
        "huge" => json!(9_007_199_254_740_993 + random.below(1_000)),
        "pick" => json!(random.pick(&choices)),
        "number" => return random.pick(&choices).to_owned(),
        "below" => json!(random.below(argument.parse().unwrap_or_default())),
        "volume" => json!(random.below(90) + 10),
        "half" => json!(random.percent(50)),
        "request" => json!(format!("{:016x}{:016x}", random.next(), random.next())),
        "score" => return format!("{:016}", random.below(10_000_000_000_000_000)),
        "rank" => json!(random.below(50) + 1),
        "ip" => json!(format!("203.0.113.{}", random.below(256))),
        "ids" => {
            let count = choices.get(1).and_then(|count| count.parse().ok()).unwrap_or(0);
            let id = |_| format!("{}{:05}", choices[0], random.below(100_000));
            json!((0..count).map(id).collect::<Vec<_>>())
        }
        _ => Value::Null,
    };
    value.to_string()
}

/// A time in a `strftime` format, with an offset of `hours` from UTC.
fn written(at: Timestamp, hours: i8, format: &str) -> String {
    at.to_zoned(TimeZone::fixed(Offset::constant(hours))).strftime(format).to_string()
}

fn styled(json: &str, style: Style) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_text, mut is_escaped) = (false, false);
    for char in json.chars() {
        match char {
            '/' if in_text && style.escaped_slashes => out.push_str("\\/"),
            other if style.ascii && !other.is_ascii() => {
                // An emoji has two UTF-16 units; writing to memory cannot fail.
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").ok();
                }
            }
            other => out.push(other),
        }
        if !in_text && style.spaced && matches!(char, ',' | ':') {
            out.push(' ');
        }
        if char == '"' && !is_escaped {
            in_text = !in_text;
        }
        is_escaped = char == '\\' && !is_escaped;
    }
    out
}
