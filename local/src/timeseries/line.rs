//! Line protocol: one point per line.
//!
//! Source: InfluxDB 1.8 documentation, "InfluxDB line protocol reference".

use std::collections::BTreeMap;

/// A point of a series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) measurement: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) fields: BTreeMap<String, Value>,
    /// The unchanged time, in the precision of the request.
    pub(super) time: Option<i64>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Float(f64),
    Integer(i64),
    Boolean(bool),
    Text(String),
}

impl Value {
    /// The name of its type in InfluxDB's errors.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Float(_) => "float",
            Self::Integer(_) => "integer",
            Self::Boolean(_) => "boolean",
            Self::Text(_) => "string",
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "aggregates are doubles")]
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Integer(number) => Some(*number as f64),
            Self::Boolean(_) | Self::Text(_) => None,
        }
    }
}

/// Parses a line.
///
/// # Errors
/// What is wrong with the line.
pub(super) fn parse(line: &str) -> Result<Point, &'static str> {
    let mut rest = line;
    let series = take(&mut rest, ' ').0;
    let mut series = series;
    let (measurement, mut has_tags) = take(&mut series, ',');
    if measurement.is_empty() {
        return Err("missing measurement");
    }
    let mut tags = BTreeMap::new();
    while has_tags {
        let (mut tag, more) = take(&mut series, ',');
        let (name, has_value) = take(&mut tag, '=');
        if name.is_empty() {
            return Err("missing tag key");
        }
        if !has_value || tag.is_empty() || tag.ends_with('\\') {
            return Err("missing tag value");
        }
        tags.insert(plain(name), plain(tag));
        has_tags = more;
    }
    let (mut written, _) = take(&mut rest, ' ');
    let mut fields = BTreeMap::new();
    while !written.is_empty() {
        let (mut field, _) = take(&mut written, ',');
        let (name, has_value) = take(&mut field, '=');
        if name.is_empty() || !has_value {
            return Err("invalid field format");
        }
        fields.insert(plain(name), value(field)?);
    }
    if fields.is_empty() {
        return Err("missing fields");
    }
    let time = match rest.trim() {
        "" => None,
        time => Some(time.parse().map_err(|_| "bad timestamp")?),
    };
    Ok(Point { measurement: plain(measurement), tags, fields, time })
}

/// Takes the text before the first `end` that is neither escaped nor quoted; also returns whether
/// there was one.
fn take<'a>(rest: &mut &'a str, end: char) -> (&'a str, bool) {
    let (mut is_escaped, mut is_quoted) = (false, false);
    let mut before = '=';
    for (at, character) in rest.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            // Only the value of a field is quoted.
            '"' if is_quoted || (before == '=' && at > 0) => is_quoted = !is_quoted,
            _ if character == end && !is_quoted => {
                let taken = &rest[..at];
                *rest = &rest[at + character.len_utf8()..];
                return (taken, true);
            }
            _ => {}
        }
        before = character;
    }
    (std::mem::take(rest), false)
}

/// The text without escaping backslashes.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escapes = character == '\\'
            && characters.peek().is_some_and(|next| matches!(next, ',' | '=' | ' '));
        if !escapes {
            plain.push(character);
        }
    }
    plain
}

fn value(text: &str) -> Result<Value, &'static str> {
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    if let Some(text) = quoted {
        return Ok(Value::Text(text.replace("\\\"", "\"").replace("\\\\", "\\")));
    }
    match text {
        "t" | "T" | "true" | "True" | "TRUE" => return Ok(Value::Boolean(true)),
        "f" | "F" | "false" | "False" | "FALSE" => return Ok(Value::Boolean(false)),
        _ => {}
    }
    if let Some(digits) = text.strip_suffix('i') {
        return digits.parse().map(Value::Integer).map_err(|_| "invalid integer");
    }
    // Rust also parses `inf` and `NaN`.
    let starts_well = text.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    let number = text.parse().ok().filter(|number: &f64| starts_well && number.is_finite());
    number.map(Value::Float).ok_or("invalid number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_series_fields_and_time() {
        let line =
            r#"li\,ne,machine=a\ b\=c,line=L1 items=-1.5e3,ok=t,n=3i,note="a, \"b\" = c" 17"#;
        let text = |text: &str| text.to_owned();
        let point = parse(line).unwrap();
        assert_eq!(point.measurement, "li,ne");
        let tags = [(text("line"), text("L1")), (text("machine"), text("a b=c"))];
        assert_eq!(point.tags, tags.into());
        let fields = [
            (text("items"), Value::Float(-1500.0)),
            (text("ok"), Value::Boolean(true)),
            (text("n"), Value::Integer(3)),
            (text("note"), Value::Text(text("a, \"b\" = c"))),
        ];
        assert_eq!((point.fields, point.time), (fields.into(), Some(17)));
        assert_eq!(parse("m a=1").unwrap().time, None);
    }

    #[test]
    fn a_wrong_line_is_refused() {
        for (line, error) in [
            ("", "missing measurement"),
            (",a=b c=1", "missing measurement"),
            ("m,=b c=1", "missing tag key"),
            ("m,a= c=1", "missing tag value"),
            ("m,a c=1", "missing tag value"),
            ("m,a=b", "missing fields"),
            ("m c", "invalid field format"),
            ("m c=", "invalid number"),
            ("m c=NaN", "invalid number"),
            ("m c=1e400", "invalid number"),
            ("m c=3x", "invalid number"),
            ("m c=3.5i", "invalid integer"),
            ("m c=1 soon", "bad timestamp"),
        ] {
            assert_eq!(parse(line), Err(error), "{line}");
        }
    }
}
