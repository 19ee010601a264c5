//! The model's settings, from the environment.

use std::fs::File;
use std::io::Read;

use super::{Mapping, MappingError, Model, Plausible, Timestamp};
use crate::config::{ConfigError, Environment};

/// The variables that [`model`] reads.
pub const VARIABLES: &[&str] = &[
    "MAPPING",
    "TIMESTAMP_FIELDS",
    "TIMESTAMP_MIN",
    "TIMESTAMP_MAX_AHEAD_SECONDS",
    "EXTRA_MAX_BYTES",
];

const TIMESTAMP_FIELDS: &str =
    "@timestamp,timestamp,event_time,eventTime,occurred_at,time,ts,created_at";

/// A mapping larger than this is a mistake.
const MAX_MAPPING_BYTES: u64 = 1_048_576;

/// The model as the environment sets it: `MAPPING`, `TIMESTAMP_FIELDS`, `TIMESTAMP_MIN`,
/// `TIMESTAMP_MAX_AHEAD_SECONDS`, `EXTRA_MAX_BYTES`.
///
/// # Errors
/// [`ConfigError`] for a value that does not parse; it names the entry of a wrong mapping.
pub fn model(environment: &Environment) -> Result<Model, ConfigError> {
    let timestamps = environment.get("TIMESTAMP_FIELDS").unwrap_or(TIMESTAMP_FIELDS);
    let timestamp_error = |error: MappingError| {
        let allowed = format!("names or two-segment paths, separated by commas ({error})");
        ConfigError::new("TIMESTAMP_FIELDS", timestamps, allowed)
    };
    let paths = || timestamps.split(',').map(str::trim);
    // The timestamps alone first, so that an error is laid at the right variable's door.
    let mut mapping = Mapping::music(paths()).map_err(timestamp_error)?;
    if let Some(value) = environment.get("MAPPING") {
        let error = |reason: String| {
            let allowed = "a mapping in JSON, {\"artist.id\":[\"artist.id\",\"artist_id\"],…}, or @ \
                 and the path of a file that holds one";
            ConfigError::new("MAPPING", value, format!("{allowed} ({reason})"))
        };
        let json = match value.strip_prefix('@') {
            Some(path) => &read(path).map_err(|problem| error(format!("{path}: {problem}")))?,
            None => value,
        };
        mapping =
            Mapping::from_json(json, paths()).map_err(|problem| error(problem.to_string()))?;
    }
    let min = environment.parse_with(
        "TIMESTAMP_MIN",
        "an RFC 3339 time, not before 1970 and not after 2262",
        |text| Timestamp::from_rfc3339(text.as_bytes()),
    )?;
    Ok(Model {
        mapping,
        plausible: Plausible {
            min: min.unwrap_or(Timestamp::YEAR_2000),
            max_ahead_seconds: environment.number(
                "TIMESTAMP_MAX_AHEAD_SECONDS",
                86_400,
                0,
                u64::MAX,
            )?,
        },
        extra_max_bytes: environment.number("EXTRA_MAX_BYTES", 16_384, 0, 32_000)?,
    })
}

/// `DROP_ACTIONS`: the actions of events that are dropped, separated by commas.
#[must_use]
pub fn drop_actions(environment: &Environment) -> Vec<String> {
    let actions = environment.get("DROP_ACTIONS").unwrap_or_default().split(',').map(str::trim);
    actions.filter(|action| !action.is_empty()).map(str::to_owned).collect()
}

fn read(path: &str) -> std::io::Result<String> {
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    File::open(path)?.take(MAX_MAPPING_BYTES).read_to_string(&mut text)?;
    Ok(text)
}
