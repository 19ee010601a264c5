//! Reads a series from JSON, with errors that name the member.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::event::{InputPath, Model};
use shared::json::Entries;

use super::{Field, Series, Tag};

/// The default of `SERIES`.
pub(crate) const BUILT_IN: &str = r#"{
    "measurement": "line",
    "id": ["event_id", "eventId", "id"],
    "tags": {
        "line": ["line_id", "lineId", "line"],
        "machine": ["machine_id", "machineId", "machine", "equipment_id"]
    },
    "fields": {
        "items": ["items", "item_count", "produced"],
        "defects": ["defects", "defect_count"],
        "energy_kwh": ["energy_kwh", "energyKwh", "energy"],
        "running": {"from": ["state", "status"], "is": ["RUN", "RUNNING"]}
    }
}"#;

const MAX_TAGS: usize = 10;
const MAX_FIELDS: usize = 20;

/// Maximum length of the name of a measurement, tag or field.
const MAX_NAME_LENGTH: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    measurement: String,
    #[serde(default)]
    id: Vec<String>,
    tags: Entries<Vec<String>>,
    #[serde(borrow)]
    fields: Entries<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    from: Vec<String>,
    is: Vec<String>,
}

/// Compiles a series.
///
/// # Errors
/// The reason, with the member.
pub(super) fn parse(json: &str, model: &mut Model) -> Result<Series, String> {
    let Written { measurement, id, tags: Entries(tags), fields: Entries(fields) } =
        serde_json::from_str(json).map_err(|error| error.to_string())?;
    check_name("measurement", &measurement)?;
    if tags.len() > MAX_TAGS {
        return Err(format!("`tags`: {} tags, but at most {MAX_TAGS} are allowed", tags.len()));
    }
    if !(1..=MAX_FIELDS).contains(&fields.len()) {
        return Err(format!(
            "`fields`: {} fields, but 1 to {MAX_FIELDS} are allowed",
            fields.len()
        ));
    }
    let id = compile("id", &id, model)?;
    let mut names = BTreeSet::new();
    let mut claim = |member: &str, name: &str| {
        check_name(member, name)?;
        if names.insert(name.to_owned()) {
            return Ok(());
        }
        Err(format!("`{member}`: {name} is there twice"))
    };
    let mut series = Series { measurement, id, tags: Vec::new(), fields: Vec::new() };
    for (name, paths) in tags {
        claim("tags", &name)?;
        let paths = compile(&name, at_least_one(&name, &paths)?, model)?;
        series.tags.push(Tag { name, paths });
    }
    // The store accepts sorted tags faster (source: "Optimize writes to InfluxDB").
    series.tags.sort_by(|one, other| one.name.cmp(&other.name));
    for (name, value) in fields {
        claim("fields", &name)?;
        let (from, is) = if value.get().starts_with('[') {
            (read(&name, value)?, None)
        } else {
            let Switch { from, is } = read(&name, value)?;
            at_least_one(&name, &is)?;
            (from, Some(is))
        };
        let paths = compile(&name, at_least_one(&name, &from)?, model)?;
        series.fields.push(Field { name, paths, is });
    }
    Ok(series)
}

fn read<'a, T: Deserialize<'a>>(name: &str, value: &'a RawValue) -> Result<T, String> {
    let allowed = "must be a list of paths, or {\"from\":[paths],\"is\":[texts]}";
    serde_json::from_str(value.get()).map_err(|error| format!("`{name}`: {allowed}: {error}"))
}

fn at_least_one<'a>(name: &str, texts: &'a [String]) -> Result<&'a [String], String> {
    if texts.is_empty() { Err(format!("`{name}`: has an empty list")) } else { Ok(texts) }
}

fn compile(name: &str, paths: &[String], model: &mut Model) -> Result<Vec<InputPath>, String> {
    let compile = |path: &String| model.input_path(path);
    let paths: Result<_, _> = paths.iter().map(compile).collect();
    paths.map_err(|error| format!("`{name}`: {error}"))
}

fn check_name(member: &str, name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_name = (1..=MAX_NAME_LENGTH).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(allowed);
    if is_name {
        return Ok(());
    }
    let form = "1 to 64 letters, digits and _ that begin with a letter";
    Err(format!("`{member}`: {name:?} is not a name of {form}"))
}
